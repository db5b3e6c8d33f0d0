# Copyright (c) mmeo contributors. All rights reserved.
# Released code: tested with `--tta` (scales 0.75, 1, 1.5 and flips), which the
# paper does not mention; position tables and level embedding are decayed.
_base_ = './vitp-l_upernet_80k_isaid-896.py'
optim_wrapper = dict(paramwise_cfg=dict(preset='released'))
