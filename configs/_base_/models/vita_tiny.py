# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA in small, for a CPU: one SkySense V2 of 32 channels for both
# sensors, which merges the maps of both; names are encoded without weights.
# Pixels of 1.2 m, as in SynthEarth's episodes.
embed_dims = 64
text_dims = 128
merge = ('merge', 'merge', 'merge')
model = dict(
    type='VITASegmentor',
    data_preprocessor=dict(type='EpisodePreprocessor'),
    backbone=dict(
        type='SkySenseV2',
        arch=dict(embed_dims=32, depths=(2, 2, 4, 2), head_dim=16),
        modalities=dict(hr=dict(gsd=1.2), s1=dict(gsd=1.2)),
        apm_modes=dict(hr=merge, s1=merge),
        drop_path_rate=0.05),
    neck=dict(
        type='ModalityFPN',
        in_channels=[32, 64, 128, 256],
        modalities=('hr', 's1'),
        out_channels=embed_dims),
    text_encoder=dict(type='HashedTextEncoder', embed_dims=text_dims),
    former=dict(
        type='VITAFormer',
        embed_dims=embed_dims,
        text_dims=text_dims,
        num_heads=4,
        feedforward_channels=2 * embed_dims),
    decoder=dict(
        type='VITADecoder',
        embed_dims=embed_dims,
        num_queries=20,
        num_layers=3,
        num_heads=4,
        feedforward_channels=4 * embed_dims),
    modalities=('hr', 's1'),
    test_cfg=dict(modes=('fused', )))
