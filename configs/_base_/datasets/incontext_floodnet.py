# Copyright (c) mmeo contributors. All rights reserved.
# FloodNet, classes that training lacks: drone images reduced by 4; examples of
# train, targets of test. mIoU of 10 classes, background among them.
_base_ = './incontext.py'
data_root = 'data/floodnet'
prepare = ('python tools/dataset_converters/floodnet.py '
           'data/FloodNet-Supervised_v1.0 data/floodnet')
dataset = dict(type='FloodNetDataset', data_root=data_root, prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        hierarchy='floodnet',
        dataset=dict(splits=('test', ), **dataset),
        exemplars=dataset))
test_dataloader = val_dataloader
