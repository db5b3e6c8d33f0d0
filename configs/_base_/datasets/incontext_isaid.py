# Copyright (c) mmeo contributors. All rights reserved.
# iSAID, in-distribution: examples of the training tiles, targets of those of
# val. mIoU of 16 classes, background among them (mmseg's convention; which
# the paper follows is not known).
_base_ = './incontext.py'
data_root = 'data/isaid'
prepare = ('python tools/dataset_converters/isaid.py convert data/iSAID '
           'data/isaid')
target_pipeline = _base_.load_rgb
exemplar_pipeline = [*_base_.load_rgb, _base_.exemplar_crop]
dataset = dict(
    type='ISAIDDataset',
    data_root=data_root,
    prepare=prepare,
    test_mode=True)
val_dataloader = dict(
    **_base_.loader,
    dataset=dict(
        **_base_.protocol,
        hierarchy='isaid',
        dataset=dict(
            splits=('val', ), pipeline=target_pipeline, **dataset),
        exemplars=dict(
            splits=('train', ),
            pipeline=exemplar_pipeline,
            **dataset)))
test_dataloader = val_dataloader
val_evaluator = dict(type='InContextMetric', modes=_base_.modes)
test_evaluator = val_evaluator
