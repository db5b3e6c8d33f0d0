# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on FAIR1M-2.0 (8 GPUs x 1 patch of 1024 px; run with `--amp`).
# mAP of V1 is 54.57 on the evaluation server; that of V2 is not known to us,
# nor is the recipe: Oriented R-CNN with the rates of DIOR (our choice).
_base_ = [
    '../../_base_/models/oriented-rcnn_skysense-v2-h.py',
    '../../_base_/datasets/fair1m.py',
    '../../_base_/schedules/skysense-v2_det_1x.py',
    '../../_base_/epoch_runtime.py'
]
model = dict(roi_head=dict(bbox_head=dict(num_classes=37)))
default_hooks = dict(checkpoint=dict(interval=1))
