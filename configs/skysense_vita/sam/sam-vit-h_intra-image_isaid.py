# Copyright (c) mmeo contributors. All rights reserved.
# SAM ViT-H on iSAID with the boxes of the target itself as prompts. No
# number of the paper is known.
_base_ = [
    '../../_base_/models/sam-vit-h.py',
    '../../_base_/datasets/incontext_isaid.py',
    '../../_base_/default_runtime.py'
]
model = dict(test_cfg=dict(background_class='background'))
test_dataloader = dict(
    dataset=dict(exemplars=None, exemplar_policy='intra'))
test_evaluator = dict(modes=('visual', ))
# Without training there is nothing to validate.
val_dataloader = None
val_evaluator = None
