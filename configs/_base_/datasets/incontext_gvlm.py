# Copyright (c) mmeo contributors. All rights reserved.
# GVLM after the event, a class that training lacks: RGB in tiles of 1024 px;
# examples of four of the 17 sites, targets of the others. IoU of landslide.
_base_ = './incontext.py'
data_root = 'data/gvlm'
prepare = 'python tools/dataset_converters/gvlm.py data/GVLM data/gvlm'
dataset = dict(type='GVLMDataset', data_root=data_root, prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        hierarchy='gvlm',
        dataset=dict(splits=('test', ), **dataset),
        exemplars=dataset))
test_dataloader = val_dataloader
val_evaluator = dict(exclude=('background', ))
test_evaluator = val_evaluator
