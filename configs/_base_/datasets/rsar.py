# Copyright (c) mmeo contributors. All rights reserved.
# RSAR, oriented boxes in radar images, 6 classes: 78 837 images to train,
# 8 467 to validate, 8 538 to test, resized to 800 px. As the authors do, the
# validation of a training run is the test set.
_base_ = './oriented_detection.py'
data_root = 'data/RSAR'
prepare = 'python tools/dataset_converters/check_detection.py rsar data/RSAR'
resize = dict(type='mmdet.Resize', scale=(800, 800), keep_ratio=False)
train_pipeline = [
    *_base_.load, resize,
    dict(
        type='mmdet.RandomFlip',
        prob=0.75,
        direction=['horizontal', 'vertical', 'diagonal']),
    # Tanks have no direction of their own.
    dict(
        type='mmrotate.RandomRotate',
        prob=0.5,
        angle_range=180,
        rotate_type='mmrotate.Rotate',
        rect_obj_labels=[3]),
    _base_.pack
]
# Annotations are read after resizing, and stay in original pixels.
val_pipeline = [_base_.load[0], resize, *_base_.load[1:], _base_.pack]
dataset = dict(type='RSARDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        ann_file='train/annfiles',
        data_prefix=dict(img_path='train/images'),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    dataset=dict(
        ann_file='test/annfiles',
        data_prefix=dict(img_path='test/images'),
        pipeline=val_pipeline,
        **dataset))
test_dataloader = val_dataloader
test_evaluator = _base_.val_evaluator
# Used with `--tta` only.
tta_model = dict(type='RotatedTTAModel', iou_threshold=0.1, max_per_img=2000)
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [dict(resize, scale=(s, s)) for s in (608, 800, 992)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [_base_.load[1]], [_base_.load[2]], [_base_.pack]
        ])
]
