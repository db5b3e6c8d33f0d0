# Copyright (c) mmeo contributors. All rights reserved.
# ViTP's Table 7: without the sets of task VG in Table 10.
_base_ = '../pretrain/vitp-1b_instruct-pretrain_8k_rs.py'
left_out = ['GeoChat', 'VRSBench', 'RSVG', 'DIOR-RSVG']
train_dataloader = dict(
    dataset=dict(
        datasets=[
            part for part in _base_.train_dataloader.dataset.datasets
            if part.metainfo.row not in left_out
        ]))
