# mmdet's own Faster R-CNN with another backbone. Three lines are mmeo's: the
# import, the backbone, and the neck's input widths.
_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'

custom_imports = dict(imports=['mmeo'])
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmeo.ViTAdapter',
        vit=dict(type='mmeo.InternViT', arch='300m', patch_size=16),
        with_cp=True),
    neck=dict(in_channels=[1024, 1024, 1024, 1024]))
