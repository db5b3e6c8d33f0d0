# mmrotate's own Oriented R-CNN with another backbone: the import, the
# backbone, and the neck's input widths are mmeo's lines.
_base_ = 'mmrotate::oriented_rcnn/oriented-rcnn-le90_r50_fpn_1x_dota.py'

custom_imports = dict(imports=['mmeo'])
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmeo.ViTAdapter',
        vit=dict(type='mmeo.InternViT', arch='300m', patch_size=16),
        with_cp=True),
    neck=dict(in_channels=[1024, 1024, 1024, 1024]))
