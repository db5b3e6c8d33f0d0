# Copyright (c) mmeo contributors. All rights reserved.
# Semantic change of DynamicEarthNet, monthly Sentinel-2 ('Dyna.-S2'): SCS 20.7
# in the paper. Each month is segmented alone; change is where the class of a
# month differs from that of the month before (post-classification, our
# choice). The best checkpoint is that of the highest SCS.
_base_ = './skysense-v2-h_upernet_20k_dynamicearthnet-s2-256.py'
val_evaluator = [
    dict(type='mmseg.IoUMetric', iou_metrics=['mIoU']),
    dict(type='SCSMetric')
]
test_evaluator = val_evaluator
default_hooks = dict(
    checkpoint=dict(save_best='change/SCS', rule='greater'))
