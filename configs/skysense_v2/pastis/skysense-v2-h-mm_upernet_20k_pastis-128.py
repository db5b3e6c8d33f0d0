# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on PASTIS-MM (SPOT, Sentinel-2 and Sentinel-1 series; 8 GPUs x 1
# patch, run with `--amp`): overall accuracy, whose value in the paper we do
# not know. Rates of iSAID, 20 000 iterations, fold 1 (our choice). Patches
# without a SPOT image (PASTIS-R) are read without it.
_base_ = [
    '../../_base_/models/upernet_skysense-v2-h-mm.py',
    '../../_base_/datasets/pastis_mm.py',
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
                hr=dict(in_channels=3, gsd=1.25),
                s2=dict(in_channels=10, gsd=10.0),
                s1=dict(in_channels=2, gsd=10.0)),
            apm_modes=dict(hr=(1, 1, 1), s2=(0, 0, 0), s1=(0, 0, 0))),
        # The last maps of all three have 32 x 32 tokens.
        fusion=dict(up_ratio=1)),
    decode_head=dict(num_classes=19))
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(checkpoint=dict(interval=2000, save_best='aAcc'))
