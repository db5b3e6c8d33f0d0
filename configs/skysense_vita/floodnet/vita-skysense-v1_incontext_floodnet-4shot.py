# Copyright (c) mmeo contributors. All rights reserved.
# 4 examples of each class; in the paper more help, up to some 8, without
# numbers that are known to us.
_base_ = './vita-skysense-v1_incontext_floodnet.py'
val_dataloader = dict(dataset=dict(shots=4))
test_dataloader = val_dataloader
