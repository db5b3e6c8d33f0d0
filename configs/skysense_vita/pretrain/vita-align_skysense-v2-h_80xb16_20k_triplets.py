# Copyright (c) mmeo contributors. All rights reserved.
# As vita-align_skysense-v2-h_80xb16_20k_sen12ms.py, on pictures of 0.3 m
# beside Sentinel-1, the ground that SkySense V2 was pretrained on (ours).
# Sentinel-1 keeps the size of its map, 32 px being few.
_base_ = [
    '../../_base_/models/vita-align_skysense-v2-h.py',
    '../../_base_/datasets/skysense_triplets_align.py',
    '../../_base_/schedules/skysense-vita_align.py',
    '../../_base_/default_runtime.py',
]

preserve = ('preserve', 'preserve', 'preserve')
model = dict(sar=dict(apm_modes=dict(s1=preserve)))
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(interval=2000, max_keep_ckpts=3))
log_processor = dict(window_size=50)
