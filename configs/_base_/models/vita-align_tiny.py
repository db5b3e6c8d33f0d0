# Copyright (c) mmeo contributors. All rights reserved.
# Stage 1 of SkySense-VITA in small, for a CPU: the SkySense V2 of 32 channels
# of vita_tiny.py, aligned with a frozen copy of itself. Tokenizer and prompts
# of SAR learn, so that stage 2 can take the one backbone for both sensors.
merge = ('merge', 'merge', 'merge')
model = dict(
    type='VITAAlignPretrainer',
    sar=dict(
        type='SkySenseV2',
        arch=dict(embed_dims=32, depths=(2, 2, 4, 2), head_dim=16),
        modalities=dict(hr=dict(gsd=1.2), s1=dict(gsd=1.2)),
        apm_modes=dict(hr=merge, s1=merge)),
    optical=None,
    trainable='modality',
    # Both sensors have the same channels: compared as stage 2 gets them.
    projector=None,
    temperature=0.07,
    loss_weights=dict(cl=1., cma=1.))
