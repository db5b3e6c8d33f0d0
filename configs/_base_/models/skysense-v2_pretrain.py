# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2's pretraining model (arXiv 2507.13812): the backbone of 654.8 M
# parameters, temporal fusion, and the three losses. m = 16 queries is the
# paper's; it leaves sizes of heads, prototypes and all weights open: those of
# DINOv2, and 1. drop path, momentum, temperatures: our choice.
contrast = dict(
    type='DINOContrast',
    num_prototypes=65536,
    hidden_dims=2048,
    bottleneck_dims=256)
# Made by tools/dataset_converters/embed_class_names.py.
text_embeddings = 'data/skysense/osm_text_embeddings.safetensors'
model = dict(
    type='SkySenseV2Pretrainer',
    backbone=dict(
        type='SkySenseV2', arch='huge', drop_path_rate=0.3, with_cp=True),
    fusion=dict(type='TemporalFusion', with_cp=True),
    mgcl=dict(grid_size=7, num_centroids=16),
    qsacl=dict(num_queries=16, embed_dims=1024, num_heads=16),
    ita=dict(
        class_names='osm', text_dims=768, text_embeddings=text_embeddings),
    contrast=contrast,
    loss_weights=dict(mgcl=1., ita=1., qsacl=1., moe=1., koleo=0.,
                      alignment=0.),
    momentum=(0.994, 1.0),
    teacher_temp=(0.04, 0.07),
    freeze_prototypes=1250)
