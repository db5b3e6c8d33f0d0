# mmrotate's own Oriented R-CNN with another backbone: the import and the
# backbone are mmeo's lines, nothing else changes.
_base_ = 'mmrotate::oriented_rcnn/oriented-rcnn-le90_r50_fpn_1x_dota.py'

custom_imports = dict(imports=['mmeo'])
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmeo.ViTAdapter',
        vit=dict(type='mmeo.InternViT', arch='300m'),
        with_cp=True,
        # the widths of the ResNet-50 it replaces
        out_channels=(256, 512, 1024, 2048)))
