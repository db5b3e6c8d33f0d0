# Copyright (c) mmeo contributors. All rights reserved.
# Change pairs in LEVIR-CD's layout.
_base_ = './change.py'
data_root = 'data/synthearth'
prepare = ('python tools/dataset_converters/make_synthearth.py '
           '--out data/synthearth')
crop_size = (256, 256)
train_pipeline = [
    *_base_.load,
    # prefers crops with at least 3 % changed pixels
    dict(type='mmseg.RandomCrop', crop_size=crop_size, cat_max_ratio=0.97),
    *_base_.flips, _base_.exchange, _base_.photometric, _base_.pack
]
dataset = dict(
    data_prefix=dict(img_path='A', img_path2='B', seg_map_path='label'),
    prepare=prepare)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=f'{data_root}/train/change',
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=f'{data_root}/val/change', **dataset))
test_dataloader = val_dataloader
