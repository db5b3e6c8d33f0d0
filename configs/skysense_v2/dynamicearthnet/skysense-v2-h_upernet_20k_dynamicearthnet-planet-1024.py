# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on DynamicEarthNet, Planet images ('Dyna.-Pla.'; 8 GPUs x 1 area,
# run with `--amp`): mIoU 41.2 / 47.6 in the paper, which SkySense calls val
# and test. Rates of iSAID, 20 000 iterations, flips (our choice). Tokens of
# the 3 m image are merged as those of the 0.3 m one, to strides 4 to 32.
_base_ = [
    '../../_base_/models/upernet_skysense-v2-h.py',
    '../../_base_/datasets/dynamicearthnet_planet.py',
    '../../_base_/schedules/skysense-v2_seg_20k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    # Bands are normalised in the pipeline.
    data_preprocessor=dict(
        mean=None, std=None, bgr_to_rgb=False, size=crop_size),
    backbone=dict(
        modalities=dict(_delete_=True, hr=dict(in_channels=3, gsd=3.0)),
        apm_modes=dict(hr=(1, 1, 1))),
    decode_head=dict(num_classes=6),
    auxiliary_head=dict(num_classes=6),
    test_cfg=dict(_delete_=True, mode='whole'))
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(
    checkpoint=dict(interval=2000), visualization=dict(rgb_bands=[3, 2, 1]))
