# Copyright (c) mmeo contributors. All rights reserved.
# SAM ViT-H on iSAID with the boxes of the target itself as prompts; the rest
# is that of SkySense-VITA's config. No number of the paper is known.
_base_ = '../isaid/vita-skysense-v1_incontext_isaid.py'
model = dict(
    _delete_=True,
    type='SAMPromptSegmentor',
    sam=dict(
        type='sam',
        model='facebook/sam-vit-huge',
        config=dict(
            vision_config=dict(
                hidden_size=1280,
                num_hidden_layers=32,
                num_attention_heads=16,
                global_attn_indexes=[7, 15, 23, 31],
                num_pos_feats=128))),
    # Exact boxes are drawn from masks.
    prompt_kind='box',
    test_cfg=dict(modes=('visual', ), background_class='background'))
# Nothing is trained, but a runner with the training part that is inherited
# wants an optimizer, and that of VITA asks for a backbone.
optim_wrapper = dict(
    _delete_=True, type='OptimWrapper', optimizer=dict(type='SGD', lr=0.))
test_dataloader = dict(
    dataset=dict(exemplars=None, exemplar_policy='intra'))
val_dataloader = test_dataloader
test_evaluator = dict(modes=('visual', ))
val_evaluator = test_evaluator
