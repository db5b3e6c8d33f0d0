# Copyright (c) mmeo contributors. All rights reserved.
# Stage 1 of SkySense-VITA with one SkySense V2 (huge) for both sensors (ours):
# a frozen copy sees the optical image; tokenizer and prompts of SAR learn, so
# the path of optical images stays what it was. `trainable='all'` lets all of
# it learn: then stage 2 should take the optical encoder of the copy. Maps of
# SAR are merged, as in stage 2. No weights of V2 are public: give your own by
#   --cfg-options model.sar.init_cfg.checkpoint=FILE
merge = ('merge', 'merge', 'merge')
model = dict(
    type='VITAAlignPretrainer',
    sar=dict(
        type='SkySenseV2',
        arch='huge',
        modalities=('hr', 's1'),
        apm_modes=dict(hr=merge, s1=merge),
        drop_path_rate=0.1,
        with_cp=True,
        init_cfg=dict(
            type='Pretrained', checkpoint='weights/skysense-v2-h.safetensors')
    ),
    optical=None,
    trainable='modality',
    # Both sensors have the same channels: compared as stage 2 gets them.
    projector=None,
    temperature=0.07,
    loss_weights=dict(cl=1., cma=1.))
