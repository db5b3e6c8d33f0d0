# Copyright (c) mmeo contributors. All rights reserved.
# As skysense-v2-tiny_pretrain_synthearth.py, without
# the contrast of places, objects and images.
_base_ = './skysense-v2-tiny_pretrain_synthearth.py'

model = dict(mgcl=None)
