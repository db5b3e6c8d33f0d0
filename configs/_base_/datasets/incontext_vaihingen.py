# Copyright (c) mmeo contributors. All rights reserved.
# ISPRS Vaihingen, other places than training: near infrared, red and green in
# the place of red, green and blue; examples of the training tiles, targets
# are the 17 whole test scenes. mIoU of five classes; clutter is ignored.
_base_ = './incontext.py'
data_root = 'data/vaihingen'
prepare = ('python tools/dataset_converters/vaihingen.py data/Vaihingen '
           'data/vaihingen')
classes = ('impervious_surface', 'building', 'low_vegetation', 'tree', 'car')
dataset = dict(
    type='VaihingenDataset',
    data_root=data_root,
    metainfo=dict(classes=classes),
    prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        hierarchy='vaihingen',
        dataset=dict(splits=('test', ), **dataset),
        exemplars=dataset))
test_dataloader = val_dataloader
