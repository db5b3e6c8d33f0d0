# Copyright (c) mmeo contributors. All rights reserved.
# As skysense-v2-tiny_pretrain_synthearth.py, without
# the contrast of queries.
_base_ = './skysense-v2-tiny_pretrain_synthearth.py'

model = dict(qsacl=None)
