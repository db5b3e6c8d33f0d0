# Copyright (c) mmeo contributors. All rights reserved.
_base_ = [
    '../_base_/models/upernet_vit-adapter-tiny.py',
    '../_base_/datasets/synthearth_semseg.py',
    '../_base_/schedules/quickstart.py', '../_base_/default_runtime.py'
]
