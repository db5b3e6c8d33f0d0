# Copyright (c) mmeo contributors. All rights reserved.
# All six classes of Potsdam: mF1 counts clutter, too.
_base_ = './skysense-v2-h_upernet_80k_potsdam-512.py'
classes = (*_base_.classes, 'clutter')
dataset = dict(metainfo=dict(classes=classes))
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
model = dict(
    decode_head=dict(num_classes=6), auxiliary_head=dict(num_classes=6))
