# Copyright (c) mmeo contributors. All rights reserved.
# UPerNet on SkySense V2 (huge) with an auxiliary FCN on stage 3, high-
# resolution RGB. A config for another sensor sets `backbone.modalities`. No
# weights of V2 are public: give those of your own pretraining,
#   --cfg-options model.backbone.init_cfg.type=Pretrained \
#   model.backbone.init_cfg.checkpoint=FILE
# FILE is what tools/model_converters/extract_backbone.py wrote, or the
# pretraining's iter_*.pth with model.backbone.init_cfg.prefix=teacher.backbone
_base_ = './upernet_aux.py'
embed_dims = 352
model = dict(
    backbone=dict(
        type='SkySenseV2',
        arch='huge',
        modalities=('hr', ),
        modality='hr',
        drop_path_rate=0.2,
        with_cp=True),
    decode_head=dict(
        in_channels=[embed_dims, embed_dims * 2, embed_dims * 4,
                     embed_dims * 8]),
    auxiliary_head=dict(in_channels=embed_dims * 4, in_index=2))
