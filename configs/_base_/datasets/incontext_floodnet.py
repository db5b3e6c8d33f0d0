# Copyright (c) mmeo contributors. All rights reserved.
# FloodNet, classes that training lacks: drone images reduced by 4; examples of
# train, targets of test. mIoU of 10 classes, background among them.
_base_ = './incontext.py'
data_root = 'data/floodnet'
prepare = ('python tools/dataset_converters/floodnet.py '
           'data/FloodNet-Supervised_v1.0 data/floodnet')
target_pipeline = _base_.load_rgb
exemplar_pipeline = [*_base_.load_rgb, _base_.exemplar_crop]
dataset = dict(
    type='FloodNetDataset',
    data_root=data_root,
    prepare=prepare,
    test_mode=True)
val_dataloader = dict(
    **_base_.loader,
    dataset=dict(
        **_base_.protocol,
        hierarchy='floodnet',
        dataset=dict(
            splits=('test', ), pipeline=target_pipeline, **dataset),
        exemplars=dict(
            splits=('train', ),
            pipeline=exemplar_pipeline,
            **dataset)))
test_dataloader = val_dataloader
val_evaluator = dict(type='InContextMetric', modes=_base_.modes)
test_evaluator = val_evaluator
