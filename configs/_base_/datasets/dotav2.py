# Copyright (c) mmeo contributors. All rights reserved.
# DOTA-v2.0, oriented boxes, 18 classes, in 1024 px patches with an overlap of
# 200 at one scale; training on train + val, as the authors do.
_base_ = './oriented_detection.py'
data_root = 'data/split_ss_dotav2'
prepare = ('python tools/dataset_converters/split_dota.py data/DOTA-v2.0 '
           '--out data/split_ss_dotav2 --splits trainval=train,val val '
           'test-dev')
resize = dict(type='mmdet.Resize', scale=(1024, 1024), keep_ratio=True)
train_pipeline = [
    *_base_.load, resize,
    dict(
        type='mmdet.RandomFlip',
        prob=0.75,
        direction=['horizontal', 'vertical', 'diagonal']),
    # Storage tanks, roundabouts and airports are turned by right angles only.
    dict(
        type='mmrotate.RandomRotate',
        prob=0.5,
        angle_range=180,
        rotate_type='mmrotate.Rotate',
        rect_obj_labels=[9, 11, 16]),
    _base_.pack
]
# Annotations are read after resizing, and stay in original pixels.
val_pipeline = [_base_.load[0], resize, *_base_.load[1:], _base_.pack]
test_pipeline = [_base_.load[0], resize, _base_.pack]
dataset = dict(type='DOTAv2Dataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(
    dataset=dict(
        ann_file='trainval/annfiles',
        data_prefix=dict(img_path='trainval/images'),
        pipeline=train_pipeline,
        **dataset))
val_dataloader = dict(
    dataset=dict(
        ann_file='val/annfiles',
        data_prefix=dict(img_path='val/images'),
        pipeline=val_pipeline,
        **dataset))
# The test set has no labels: its predictions go to the evaluation server.
test_dataloader = dict(
    dataset=dict(
        ann_file='',
        data_prefix=dict(img_path='test-dev/images'),
        pipeline=test_pipeline,
        **dataset))
test_evaluator = dict(
    type='RotatedAPMetric',
    format_only=True,
    merge_patches=True,
    outfile_prefix='work_dirs/dotav2_submission/Task1')
# Used with `--tta` only.
tta_model = dict(type='RotatedTTAModel', iou_threshold=0.1, max_per_img=2000)
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [dict(resize, scale=(s, s)) for s in (768, 1024, 1280)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [_base_.pack]
        ])
]
