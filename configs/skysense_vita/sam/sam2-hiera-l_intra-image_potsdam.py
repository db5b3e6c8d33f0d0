# Copyright (c) mmeo contributors. All rights reserved.
# SAM 2.1 Hiera-L on ISPRS Potsdam with the boxes of the target itself as
# prompts. No number of the paper is known.
_base_ = [
    '../../_base_/models/sam2-hiera-l.py',
    '../../_base_/datasets/incontext_potsdam.py',
    '../../_base_/default_runtime.py'
]
test_dataloader = dict(
    dataset=dict(exemplars=None, exemplar_policy='intra'))
test_evaluator = dict(modes=('visual', ))
# Without training there is nothing to validate.
val_dataloader = None
val_evaluator = None
