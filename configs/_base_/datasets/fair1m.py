# Copyright (c) mmeo contributors. All rights reserved.
# FAIR1M-2.0 in 1024 px patches with an overlap of 200, 37 classes. The labels
# of the test set are not public: its predictions are merged, and become the
# submission by `tools/dataset_converters/fair1m.py submit`. Training takes
# train and validation, on which a training run also validates.
_base_ = './dotav1.py'
data_root = 'data/split_ss_fair1m'
prepare = ('python tools/dataset_converters/fair1m.py convert data/FAIR1M '
           'data/fair1m && python tools/dataset_converters/split_dota.py '
           'data/fair1m --out data/split_ss_fair1m '
           '--splits trainval=train,val val test')
train_pipeline = [
    # Roundabouts look the same at any angle.
    dict(t, rect_obj_labels=[35]) if t['type'] == 'mmrotate.RandomRotate'
    else t for t in _base_.train_pipeline
]
dataset = dict(type='FAIR1MDataset', data_root=data_root, prepare=prepare)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
test_evaluator = dict(outfile_prefix='work_dirs/fair1m_submission')
# Used with `--tta` only.
tta_model = dict(type='RotatedTTAModel', iou_threshold=0.1, max_per_img=2000)
tta_pipeline = [
    _base_.load[0],
    dict(
        type='mmcv.TestTimeAug',
        transforms=[
            [dict(_base_.resize, scale=(s, s)) for s in (768, 1024, 1280)],
            [dict(type='mmdet.RandomFlip', prob=p) for p in (0.0, 1.0)],
            [_base_.pack]
        ])
]
