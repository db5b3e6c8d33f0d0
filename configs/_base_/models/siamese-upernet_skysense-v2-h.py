# Copyright (c) mmeo contributors. All rights reserved.
# Change detection on SkySense V2 (huge): both dates through one backbone, the
# absolute difference of their maps into UPerNet (our choice: the paper says
# UPerNet and no more).
_base_ = './upernet_skysense-v2-h.py'
model = dict(
    type='SiameseEncoderDecoder',
    fusion='abs_diff',
    data_preprocessor=dict(type='ChangeDataPreProcessor', size=(256, 256)),
    decode_head=dict(num_classes=2),
    auxiliary_head=dict(num_classes=2),
    test_cfg=dict(crop_size=(256, 256), stride=(128, 128)))
