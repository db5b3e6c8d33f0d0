# Copyright (c) mmeo contributors. All rights reserved.
# The same model, data order and iterations with the HR image alone.
_base_ = './skysense-v2-tiny-mm_upernet_synthearth-triplets.py'
dataset = dict(modalities=('hr', ))
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
