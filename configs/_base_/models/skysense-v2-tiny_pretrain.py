# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2's pretraining in small, for a CPU: all parts of the paper's but
# the fusion, a backbone of 32 channels, InfoNCE.
# In a few hundred iterations of a few samples prototypes hardly form (their
# entropy stays above 0.9), so features are told apart directly.
contrast = dict(
    type='InfoNCE', embed_dims=64, hidden_dims=256, temperature=0.2)
model = dict(
    type='SkySenseV2Pretrainer',
    backbone=dict(
        type='SkySenseV2',
        arch=dict(embed_dims=32, depths=(2, 2, 4, 2), head_dim=16),
        drop_path_rate=0.05),
    mgcl=dict(grid_size=7, num_centroids=16),
    qsacl=dict(num_queries=16, embed_dims=128, num_heads=8),
    ita=dict(text_dims=32),
    contrast=contrast,
    # In runs of less than 50 000 iterations the teacher never comes to rest.
    momentum=0.98,
    freeze_prototypes=0)
