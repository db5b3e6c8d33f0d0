# Copyright (c) mmeo contributors. All rights reserved.
# ISPRS Vaihingen, other places than training: near infrared, red and green in
# the place of red, green and blue; examples of the training tiles, targets
# are the 17 whole test scenes. mIoU of five classes; clutter is ignored.
_base_ = './incontext.py'
data_root = 'data/vaihingen'
prepare = ('python tools/dataset_converters/vaihingen.py data/Vaihingen '
           'data/vaihingen')
classes = ('impervious_surface', 'building', 'low_vegetation', 'tree', 'car')
target_pipeline = _base_.load_rgb
exemplar_pipeline = [*_base_.load_rgb, _base_.exemplar_crop]
dataset = dict(
    type='VaihingenDataset',
    data_root=data_root,
    metainfo=dict(classes=classes),
    prepare=prepare,
    test_mode=True)
val_dataloader = dict(
    **_base_.loader,
    dataset=dict(
        **_base_.protocol,
        hierarchy='vaihingen',
        dataset=dict(
            splits=('test', ), pipeline=target_pipeline, **dataset),
        exemplars=dict(
            splits=('train', ),
            pipeline=exemplar_pipeline,
            **dataset)))
test_dataloader = val_dataloader
val_evaluator = dict(type='InContextMetric', modes=_base_.modes)
test_evaluator = val_evaluator
