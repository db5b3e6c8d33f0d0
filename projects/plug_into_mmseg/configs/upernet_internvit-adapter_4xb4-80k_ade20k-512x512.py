# mmseg's own UPerNet with another backbone: the import and the
# backbone are mmeo's lines, nothing else changes.
_base_ = 'mmseg::upernet/upernet_r50_4xb4-80k_ade20k-512x512.py'

custom_imports = dict(imports=['mmeo'])
model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='mmeo.ViTAdapter',
        vit=dict(type='mmeo.InternViT', arch='300m'),
        with_cp=True,
        # the widths of the ResNet-50 it replaces
        out_channels=(256, 512, 1024, 2048)))
