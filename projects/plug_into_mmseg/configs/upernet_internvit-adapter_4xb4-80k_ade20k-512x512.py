# mmseg's own UPerNet with another backbone: the import, the backbone, and the
# heads' input widths are mmeo's lines.
_base_ = 'mmseg::upernet/upernet_r50_4xb4-80k_ade20k-512x512.py'

custom_imports = dict(imports=['mmeo'])
model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='mmeo.ViTAdapter',
        vit=dict(type='mmeo.InternViT', arch='300m', patch_size=16),
        with_cp=True),
    decode_head=dict(in_channels=[1024, 1024, 1024, 1024]),
    auxiliary_head=dict(in_channels=1024))
