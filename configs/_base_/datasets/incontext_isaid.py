# Copyright (c) mmeo contributors. All rights reserved.
# iSAID, in-distribution: examples of the training tiles, targets of those of
# val. mIoU of 16 classes, background among them (mmseg's convention; which
# the paper follows is not known).
_base_ = './incontext.py'
data_root = 'data/isaid'
prepare = ('python tools/dataset_converters/isaid.py convert data/iSAID '
           'data/isaid')
dataset = dict(type='ISAIDDataset', data_root=data_root, prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        hierarchy='isaid',
        dataset=dict(splits=('val', ), **dataset),
        exemplars=dataset))
test_dataloader = val_dataloader
