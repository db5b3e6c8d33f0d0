# Copyright (c) mmeo contributors. All rights reserved.
# AID: 10 000 pictures of 600 px, 30 classes. Overall accuracy. Papers draw
# 20 % or 50 % of each class to train on and test on the others; no official
# draw exists, ours are shipped: seeds 0, 1 and 2. Another one:
#   --cfg-options train_dataloader.dataset.split=aid/train20_seed1 \
#   {val,test}_dataloader.dataset.split=aid/test20_seed1
_base_ = './scene.py'
data_root = 'data/AID'
prepare = ('unpack AID.zip, then: python '
           'tools/dataset_converters/make_scene_splits.py aid '
           '--root data/AID')
size = 224
train_pipeline = [
    _base_.load,
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=size,
        crop_ratio_range=(0.2, 1.0)), *_base_.flips, _base_.pack
]
test_size = [
    dict(type='mmpretrain.ResizeEdge', scale=256, edge='short'),
    dict(type='mmpretrain.CenterCrop', crop_size=size)
]
test_pipeline = [_base_.load, *test_size, _base_.pack]
tta_model = dict(type='mmpretrain.AverageClsScoreTTA')
tta_pipeline = [
    _base_.load, *test_size,
    dict(type='mmcv.TestTimeAug', transforms=[*_base_.tta, [_base_.pack]])
]
dataset = dict(type='AIDDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        split='aid/train20_seed0', pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    dataset=dict(
        split='aid/test20_seed0',
        test_mode=True,
        pipeline=test_pipeline,
        **dataset))
test_dataloader = val_dataloader
