# Copyright (c) mmeo contributors. All rights reserved.
# Ablation (paper): prototypes of the sensors are added, not attended to.
_base_ = './vita-tiny_incontext_synthearth.py'
model = dict(former=dict(prototypes='add'))
