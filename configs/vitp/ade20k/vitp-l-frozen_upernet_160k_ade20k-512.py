# Copyright (c) mmeo contributors. All rights reserved.
# ViTP on ADE20K with a frozen ViT: mIoU 51.9 in the paper's Table 14. Adapter
# and UPerNet are trained, at a higher rate (our choice); gradients end at the
# ViT's weights, whose dropped paths are off.
_base_ = './vitp-l_upernet_160k_ade20k-512.py'
model = dict(
    backbone=dict(freeze_vit=True, drop_path_rate=0.0,
                  vit=dict(drop_path_rate=0.0)))
optim_wrapper = dict(optimizer=dict(lr=1e-4))
