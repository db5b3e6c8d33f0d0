# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on DynamicEarthNet, Planet with Sentinel-2 ('Dyna.-MM', second
# step): mIoU 48.7 in the paper. The first step, 47.6, is Planet alone,
# skysense-v2-h_upernet_20k_dynamicearthnet-planet-1024.py.
_base_ = './skysense-v2-h-mm_upernet_20k_dynamicearthnet-planet-s2-s1.py'
modalities = ('hr', 's2')
optional = ('s2', )
sensors = dict(modalities=modalities, optional=optional)
train_dataloader = dict(dataset=sensors)
val_dataloader = dict(dataset=sensors)
test_dataloader = dict(dataset=sensors)
model = dict(
    data_preprocessor=dict(modalities=dict(_delete_=True, hr=3, s2=10)),
    backbone=dict(
        backbone=dict(
            modalities=dict(
                _delete_=True,
                hr=dict(in_channels=3, gsd=3.0),
                s2=dict(in_channels=10, gsd=12.0)),
            apm_modes=dict(_delete_=True, hr=(1, 1, 1), s2=(0, 0, 0)))))
