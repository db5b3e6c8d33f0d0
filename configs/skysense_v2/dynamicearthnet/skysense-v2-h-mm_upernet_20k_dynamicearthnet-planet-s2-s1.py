# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on DynamicEarthNet, Planet with Sentinel-2 and Sentinel-1
# ('Dyna.-MM', third step; 8 GPUs x 1 area, run with `--amp`): mIoU 48.9 in the
# paper. Rates of iSAID, 20 000 iterations (our choice).
_base_ = [
    '../../_base_/models/upernet_skysense-v2-h-mm.py',
    '../../_base_/datasets/dynamicearthnet_mm.py',
    '../../_base_/schedules/skysense-v2_seg_20k.py',
    '../../_base_/vitp_iter_runtime.py'
]
model = dict(
    # Named, so that all processes use all parameters in each step.
    data_preprocessor=dict(modalities=dict(hr=3, s2=10, s1=2)),
    backbone=dict(
        backbone=dict(
            modalities=dict(
                _delete_=True,
                hr=dict(in_channels=3, gsd=3.0),
                s2=dict(in_channels=10, gsd=12.0),
                s1=dict(in_channels=2, gsd=12.0)),
            apm_modes=dict(hr=(1, 1, 1), s2=(0, 0, 0), s1=(0, 0, 0))),
        # 64 x 64 tokens of Sentinel meet 32 x 32 of Planet: nothing to
        # upsample.
        fusion=dict(up_ratio=1)),
    decode_head=dict(num_classes=6))
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(
    checkpoint=dict(interval=2000), visualization=dict(rgb_bands=[3, 2, 1]))
