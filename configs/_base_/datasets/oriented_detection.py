# Copyright (c) mmeo contributors. All rights reserved.
# What benchmarks of oriented boxes share besides: corners are read, boxes of
# centre, size and angle trained on, AP50 measured as in VOC 2007.
_base_ = './detection.py'
load = [
    dict(type='LoadImage'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, box_type='qbox'),
    dict(
        type='mmrotate.ConvertBoxType',
        box_type_mapping=dict(gt_bboxes='rbox'))
]
val_evaluator = dict(type='RotatedAPMetric', iou_thrs=[0.5])
visualizer = dict(type='mmrotate.RotLocalVisualizer')
