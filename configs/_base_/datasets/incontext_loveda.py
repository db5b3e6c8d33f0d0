# Copyright (c) mmeo contributors. All rights reserved.
# LoveDA, in-distribution: examples of train, targets of val, whose labels are
# public. mIoU of 7 classes, background among them, as in its own benchmark.
_base_ = './incontext.py'
data_root = 'data/loveda'
prepare = ('python tools/dataset_converters/loveda.py convert data/LoveDA '
           'data/loveda')
target_pipeline = _base_.load_rgb
exemplar_pipeline = [*_base_.load_rgb, _base_.exemplar_crop]
dataset = dict(
    type='LoveDADataset',
    data_root=data_root,
    prepare=prepare,
    test_mode=True)
val_dataloader = dict(
    **_base_.loader,
    dataset=dict(
        **_base_.protocol,
        hierarchy='loveda',
        dataset=dict(
            splits=('val', ), pipeline=target_pipeline, **dataset),
        exemplars=dict(
            splits=('train', ),
            pipeline=exemplar_pipeline,
            **dataset)))
test_dataloader = val_dataloader
val_evaluator = dict(type='InContextMetric', modes=_base_.modes)
test_evaluator = val_evaluator
