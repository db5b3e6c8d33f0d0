# Copyright (c) mmeo contributors. All rights reserved.
# ISPRS Potsdam, in-distribution: examples of the training tiles, targets of
# 1000 px of the test scenes. mIoU of five classes; clutter is ignored.
_base_ = './incontext.py'
data_root = 'data/potsdam'
prepare = ('python tools/dataset_converters/potsdam.py data/Potsdam '
           'data/potsdam')
classes = ('impervious_surface', 'building', 'low_vegetation', 'tree', 'car')
dataset = dict(
    type='PotsdamDataset',
    data_root=data_root,
    metainfo=dict(classes=classes),
    prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        hierarchy='potsdam',
        dataset=dict(splits=('test', ), **dataset),
        exemplars=dataset))
test_dataloader = val_dataloader
