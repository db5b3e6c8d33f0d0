# Copyright (c) mmeo contributors. All rights reserved.
# RSAR for 36 epochs on 5 % of the training set (ViTP, table 15: AP50 56.42).
_base_ = './vitp-l_oriented-rcnn_3x_rsar-100pct.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='SubsetDataset',
        fraction=0.05,
        seed=0,
        dataset={{_base_.train_dataloader.dataset}}))
