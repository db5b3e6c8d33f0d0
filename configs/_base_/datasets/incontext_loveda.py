# Copyright (c) mmeo contributors. All rights reserved.
# LoveDA, in-distribution: examples of train, targets of val, whose labels are
# public. mIoU of 7 classes, background among them, as in its own benchmark.
_base_ = './incontext.py'
data_root = 'data/loveda'
prepare = ('python tools/dataset_converters/loveda.py convert data/LoveDA '
           'data/loveda')
dataset = dict(type='LoveDADataset', data_root=data_root, prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        hierarchy='loveda',
        dataset=dict(splits=('val', ), **dataset),
        exemplars=dataset))
test_dataloader = val_dataloader
