# Copyright (c) mmeo contributors. All rights reserved.
# SkySense-VITA on iSAID asked as the SAM series is: each target is its own
# example, shown by boxes. No number of the paper is known.
_base_ = '../isaid/vita-skysense-v1_incontext_isaid.py'
test_dataloader = dict(
    dataset=dict(
        exemplars=None, exemplar_policy='intra', prompt_kind='box'))
val_dataloader = test_dataloader
