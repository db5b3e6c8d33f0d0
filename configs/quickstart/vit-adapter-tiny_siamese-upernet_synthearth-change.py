# Copyright (c) mmeo contributors. All rights reserved.
_base_ = [
    '../_base_/models/siamese-upernet_vit-adapter-tiny.py',
    '../_base_/datasets/synthearth_change.py',
    '../_base_/schedules/quickstart.py', '../_base_/default_runtime.py'
]
