# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's Table 7: without the diverse sets, as section 5.1 lists them.
_base_ = '../pretrain/vitp-1b_instruct-pretrain_8k_rs.py'
left_out = [
    'Million-AID', 'GAIA', 'LevirCCcaptions', 'VHM', 'VRSBench', 'RSVG'
]
train_dataloader = dict(
    dataset=dict(
        datasets=[
            part for part in _base_.train_dataloader.dataset.datasets
            if part.metainfo.row not in left_out
        ]))
