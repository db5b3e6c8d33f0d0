# Copyright (c) mmeo contributors. All rights reserved.
# What all uses of DynamicEarthNet share: 75 areas of 1024 px (3 m), labelled
# in each month of 2018 and 2019, official lists. mIoU of 6 classes; snow and
# ice (6 in the label files) is ignored, as by the authors.
_base_ = './multiband.py'
data_root = 'data/dynamicearthnet'
prepare = ('python tools/dataset_converters/dynamicearthnet.py convert '
           'data/dynamicearthnet')
# Bands of the files: PlanetFusion has blue, green, red, near infrared. The
# order of Sentinel-2 (B2 B3 B4 B8 B5 B6 B7 B8A B11 B12 B1 B9) follows from
# statistics that others published, those of Sentinel-1 are a guess: check
# your files with `dynamicearthnet.py measure`.
planet_bands = (3, 2, 1)
s2_bands = (1, 2, 3, 5, 6, 7, 4, 8, 9, 10)
s1_bands = (1, 2)
ignore_snow = {6: 255}
meta_keys = ('place', 'month', 'img_path', 'seg_map_path', 'ori_shape',
             'img_shape', 'pad_shape', 'scale_factor', 'flip',
             'flip_direction', 'reduce_zero_label')
pack = dict(type='mmseg.PackSegInputs', meta_keys=meta_keys)
dataset = dict(
    type='DynamicEarthNetDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(dataset=dict(ann_file='mmeo/train.csv', **dataset))
val_dataloader = dict(
    dataset=dict(ann_file='mmeo/val.csv', test_mode=True, **dataset))
test_dataloader = dict(
    dataset=dict(ann_file='mmeo/test.csv', test_mode=True, **dataset))
