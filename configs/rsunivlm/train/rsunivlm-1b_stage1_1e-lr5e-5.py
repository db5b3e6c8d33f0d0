# Copyright (c) mmeo contributors. All rights reserved.
# As rsunivlm-1b_stage1_1e.py with the learning rate of the paper's
# supplement (section 9), 5e-5; section 4.1 and Table 9 have 1e-5.
_base_ = './rsunivlm-1b_stage1_1e.py'
optim_wrapper = dict(optimizer=dict(lr=5e-5))
