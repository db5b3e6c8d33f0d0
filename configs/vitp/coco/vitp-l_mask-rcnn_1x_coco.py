# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on COCO (paper table 13: box AP 53.9, mask AP 46.7): Mask R-CNN, 12
# epochs; run with `--amp`. Nothing else was published: learning rate and decay
# are those of ViT-Adapter's Mask R-CNN on a ViT-L (arXiv 2205.08534), the rest
# is that of ViTP's other detectors (our choice). 8 GPUs x 2 images.
_base_ = [
    '../../_base_/models/mask-rcnn_vit-adapter-l.py',
    '../../_base_/datasets/coco_instance.py',
    '../../_base_/schedules/vitp_det_1x.py',
    '../../_base_/default_runtime.py'
]
# ViTP's weights for natural images were not released: pretrain them, or start
# from the vision tower of InternVL2.5-1B, as here.
model = dict(
    backbone=dict(
        vit=dict(
            img_size=1024,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='weights/InternVL2_5-1B/model.safetensors'))),
    roi_head=dict(
        bbox_head=dict(num_classes=80), mask_head=dict(num_classes=80)))
optim_wrapper = dict(
    optimizer=dict(lr=1e-4), paramwise_cfg=dict(layer_decay_rate=0.8))
auto_scale_lr = dict(base_batch_size=16)

default_hooks = dict(
    logger=dict(interval=50, log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=1))
log_processor = dict(by_epoch=True, window_size=50)
