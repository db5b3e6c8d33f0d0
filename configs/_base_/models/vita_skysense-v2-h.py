# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA on one SkySense V2 (huge) for both sensors (ours). Maps of SAR
# are merged as those of optical images are: attention over the 16384 tokens of
# 512 px would be slow. No weights of V2 are public: give those of your own
# pretraining,
#   --cfg-options model.backbone.init_cfg.type=Pretrained \
#   model.backbone.init_cfg.checkpoint=FILE
_base_ = './vita_skysense-v1.py'
merge = ('merge', 'merge', 'merge')
model = dict(
    backbone=dict(
        _delete_=True,
        type='SkySenseV2',
        arch='huge',
        modalities=('hr', 's1'),
        apm_modes=dict(hr=merge, s1=merge),
        drop_path_rate=0.2,
        with_cp=True),
    neck=dict(in_channels=dict(s1=[352, 704, 1408, 2816])))
