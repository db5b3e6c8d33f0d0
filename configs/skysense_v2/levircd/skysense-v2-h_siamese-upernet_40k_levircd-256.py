# Copyright (c) mmeo contributors. All rights reserved.
# SkySense V2 on LEVIR-CD (8 GPUs x 1 pair; run with `--amp`): F1 94.83 in the
# paper, changed class, test set. The recipe is not known: 40 000 iterations at
# 6e-5, absolute differences (our choice).
_base_ = [
    '../../_base_/models/siamese-upernet_skysense-v2-h.py',
    '../../_base_/datasets/levircd.py',
    '../../_base_/schedules/skysense-v2_seg_40k.py',
    '../../_base_/vitp_iter_runtime.py'
]
crop_size = _base_.crop_size
model = dict(
    data_preprocessor=dict(size=crop_size),
    test_cfg=dict(crop_size=crop_size, stride=(128, 128)))
train_dataloader = dict(batch_size=1)
default_hooks = dict(checkpoint=dict(interval=4000))
