# Copyright (c) mmeo contributors. All rights reserved.
# GVLM after the event, a class that training lacks: RGB in tiles of 1024 px;
# examples of four of the 17 sites, targets of the others. IoU of landslide.
_base_ = './incontext.py'
data_root = 'data/gvlm'
prepare = 'python tools/dataset_converters/gvlm.py data/GVLM data/gvlm'
target_pipeline = _base_.load_rgb
exemplar_pipeline = [*_base_.load_rgb, _base_.exemplar_crop]
dataset = dict(
    type='GVLMDataset',
    data_root=data_root,
    prepare=prepare,
    test_mode=True)
val_dataloader = dict(
    **_base_.loader,
    dataset=dict(
        **_base_.protocol,
        hierarchy='gvlm',
        dataset=dict(
            splits=('test', ), pipeline=target_pipeline, **dataset),
        exemplars=dict(
            splits=('train', ),
            pipeline=exemplar_pipeline,
            **dataset)))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='InContextMetric', modes=_base_.modes, exclude=('background', ))
test_evaluator = val_evaluator
