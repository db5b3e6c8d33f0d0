# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA with the paper's encoders: its 969M parameters of images are by
# our count the Swin V2 (655M) and the Sentinel-1 ViT-L (303M) of SkySense V1
# and a neck. Weights are the authors', for non-commercial use, as they are or
# converted (docs/en/weights.md). Stage 1 aligns the second with the first: its
# result goes to model.backbone.encoders.s1.init_cfg.checkpoint=FILE. Names go
# through the text tower of CLIP ViT-B/16, frozen.
embed_dims = 256
text_dims = 512
model = dict(
    type='VITASegmentor',
    data_preprocessor=dict(type='EpisodePreprocessor'),
    backbone=dict(
        type='ModalityEncoders',
        encoders=dict(
            hr=dict(
                type='SkySenseV1',
                part='hr',
                drop_path_rate=0.2,
                with_cp=True,
                init_cfg=dict(
                    type='Pretrained',
                    checkpoint='weights/skysense_model_backbone_hr.pth')),
            # Patches of 8 (ours): those of 4 make 16384 tokens of 512 px. The
            # stored kernel is resized.
            s1=dict(
                type='SkySenseV1',
                part='s1',
                patch_size=8,
                drop_path_rate=0.2,
                with_cp=True,
                init_cfg=dict(
                    type='Pretrained',
                    checkpoint='weights/skysense_model_backbone_s1.pth')))),
    neck=dict(
        type='ModalityFPN',
        in_channels=dict(hr=[352, 704, 1408, 2816], s1=[1024] * 4),
        out_channels=embed_dims),
    text_encoder=dict(
        type='CLIPTextEncoder',
        model='openai/clip-vit-base-patch16',
        embed_dims=text_dims),
    former=dict(
        type='VITAFormer', embed_dims=embed_dims, text_dims=text_dims),
    decoder=dict(type='VITADecoder', embed_dims=embed_dims),
    modalities=('hr', 's1'),
    test_cfg=dict(modes=('fused', )))
