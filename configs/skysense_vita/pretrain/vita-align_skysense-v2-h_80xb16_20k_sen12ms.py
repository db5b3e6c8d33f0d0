# Copyright (c) mmeo contributors. All rights reserved.
# As vita-align_skysense-v1_80xb16_20k_sen12ms.py, with one SkySense V2 for
# both sensors (ours).
_base_ = [
    '../../_base_/models/vita-align_skysense-v2-h.py',
    '../../_base_/datasets/sen12ms_align.py',
    '../../_base_/schedules/skysense-vita_align.py',
    '../../_base_/default_runtime.py',
]

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(interval=2000, max_keep_ckpts=3))
log_processor = dict(window_size=50)
