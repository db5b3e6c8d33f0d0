# Copyright (c) mmeo contributors. All rights reserved.
# AMOS 2022, axial CT slices in a soft-tissue window. No flips: right and left
# organs are classes of their own. mDice of the organs over all pixels of the
# set; `with_background` as mmseg's mDice counts it.
_base_ = './semseg.py'
data_root = 'data/amos2022'
prepare = 'python tools/dataset_converters/amos.py data/amos22 data/amos2022'
crop_size = (512, 512)
resize = dict(type='mmseg.Resize', scale=crop_size, keep_ratio=True)
pack = dict(type='mmseg.PackSegInputs')
train_pipeline = [
    *_base_.load,
    dict(
        type='mmcv.RandomResize',
        scale=crop_size,
        ratio_range=(0.75, 1.5),
        keep_ratio=True,
        resize_type='mmseg.Resize'),
    dict(type='mmseg.RandomRotate', prob=0.5, degree=15, seg_pad_val=0),
    dict(type='mmseg.RandomCrop', crop_size=crop_size),
    pack
]
test_pipeline = [_base_.load[0], resize, _base_.load[1], pack]
# Logits are resized to the label's own size; flips would swap sides.
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[[
            dict(type='mmseg.Resize', scale_factor=f, keep_ratio=True)
            for f in (0.75, 1.0, 1.25)
        ], [_base_.load[1]], [pack]])
]
dataset = dict(type='AMOSDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    dataset=dict(splits=('train', ), pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        splits=('val', ), test_mode=True, pipeline=test_pipeline, **dataset))
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='DiceMetric', ignore_classes=[0]),
    dict(type='DiceMetric', prefix='with_background')
]
test_evaluator = val_evaluator
