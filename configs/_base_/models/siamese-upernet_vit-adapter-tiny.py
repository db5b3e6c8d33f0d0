# Copyright (c) mmeo contributors. All rights reserved.
# Both dates through one tiny ViT-Adapter, the difference of their maps into
# UPerNet. ViTP puts them side by side (`concat`), from which a model trained
# for a minute does not learn to compare; a few changed pixels in a hundred
# would be ignored without the weight.
_base_ = './upernet_vit-adapter-tiny.py'
model = dict(
    type='SiameseEncoderDecoder',
    fusion='abs_diff',
    data_preprocessor=dict(type='ChangeDataPreProcessor'),
    decode_head=dict(
        num_classes=2, loss_decode=dict(class_weight=[1.0, 8.0])))
