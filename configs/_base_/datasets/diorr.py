# Copyright (c) mmeo contributors. All rights reserved.
# DIOR-R, oriented boxes, 20 classes: 11 725 images to train (train + val) and
# 11 738 to test, all of 800 px, resized to the paper's 1024.
_base_ = './oriented_detection.py'
data_root = 'data/DIOR'
prepare = 'python tools/dataset_converters/dior.py data/DIOR'
resize = dict(type='mmdet.Resize', scale=(1024, 1024), keep_ratio=False)
train_pipeline = [
    *_base_.load, resize,
    dict(
        type='mmdet.RandomFlip',
        prob=0.75,
        direction=['horizontal', 'vertical', 'diagonal']),
    # Chimneys, storage tanks and windmills have no direction of their own.
    dict(
        type='mmrotate.RandomRotate',
        prob=0.5,
        angle_range=180,
        rotate_type='mmrotate.Rotate',
        rect_obj_labels=[5, 15, 19]),
    _base_.pack
]
# Annotations are read after resizing, and stay in original pixels.
val_pipeline = [_base_.load[0], resize, *_base_.load[1:], _base_.pack]
dataset = dict(
    type='DIORRDataset',
    data_root=data_root,
    ann_subdir='Annotations/Oriented Bounding Boxes',
    prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Main/trainval.txt',
        data_prefix=dict(img_path='JPEGImages-trainval'),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Main/test.txt',
        data_prefix=dict(img_path='JPEGImages-test'),
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
            [dict(resize, scale=(s, s)) for s in (800, 1024, 1248)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [_base_.load[1]], [_base_.load[2]], [_base_.pack]
        ])
]
