# Copyright (c) mmeo contributors. All rights reserved.
# GLH-water, other places than training: RGB of 0.3 m in tiles of 1280 px;
# examples of its 25 validation images, targets of the 25 test images. IoU of
# water; with the background, `mIoU_all` (which the paper means is not known).
_base_ = './incontext.py'
data_root = 'data/glh_water'
prepare = ('python tools/dataset_converters/glh_water.py data/GLH-water '
           'data/glh_water')
dataset = dict(type='GLHWaterDataset', data_root=data_root, prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        hierarchy='glh_water',
        dataset=dict(splits=('test', ), **dataset),
        exemplars=dict(splits=('val', ), **dataset)))
test_dataloader = val_dataloader
val_evaluator = dict(exclude=('background', ))
test_evaluator = val_evaluator
