# Copyright (c) mmeo contributors. All rights reserved.
# What segmentation of multi-band rasters shares. A base of one sets its bands
# and their statistics, and the dataset sections. Flips both ways, as nothing
# in a scene says where up is; no photometric part, which is for RGB.
_base_ = './semseg.py'
flips = [
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='vertical')
]
pack = dict(type='mmseg.PackSegInputs')
# Used with `--tta` only: a file after its loader, before its labels.
tta = [[
    dict(type='mmseg.RandomFlip', prob=0.0),
    dict(type='mmseg.RandomFlip', prob=1.0, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=1.0, direction='vertical')
]]
