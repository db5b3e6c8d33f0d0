# Copyright (c) mmeo contributors. All rights reserved.
# NWPU-RESISC45: 45 classes of 700 pictures, 256 px. Overall accuracy. Papers
# draw 10 % or 20 % of each class to train on and test on the others; no
# official draw exists, ours are shipped: seeds 0, 1 and 2. Another one:
#   --cfg-options train_dataloader.dataset.split=resisc45/train10_seed1 \
#   {val,test}_dataloader.dataset.split=resisc45/test10_seed1
_base_ = './scene.py'
data_root = 'data/NWPU-RESISC45'
prepare = ('unpack NWPU-RESISC45.rar, then: python '
           'tools/dataset_converters/make_scene_splits.py resisc45 '
           '--root data/NWPU-RESISC45')
size = 224
train_pipeline = [
    _base_.load,
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=size,
        crop_ratio_range=(0.2, 1.0)), *_base_.flips, _base_.pack
]
test_size = [dict(type='mmpretrain.CenterCrop', crop_size=size)]
test_pipeline = [_base_.load, *test_size, _base_.pack]
tta_model = dict(type='mmpretrain.AverageClsScoreTTA')
tta_pipeline = [
    _base_.load, *test_size,
    dict(type='mmcv.TestTimeAug', transforms=[*_base_.tta, [_base_.pack]])
]
dataset = dict(type='RESISC45Dataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        split='resisc45/train10_seed0', pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        split='resisc45/test10_seed0',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
