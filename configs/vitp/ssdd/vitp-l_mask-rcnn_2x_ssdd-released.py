# Copyright (c) mmeo contributors. All rights reserved.
# The authors' config: heads left at COCO's 80 classes (their checkpoint needs
# them), tested with `--tta` on the image and its mirror image.
_base_ = './vitp-l_mask-rcnn_2x_ssdd.py'
model = dict(
    roi_head=dict(
        bbox_head=dict(num_classes=80), mask_head=dict(num_classes=80)))
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [_base_.resize],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [_base_.load[1]], [_base_.pack]
        ])
]
