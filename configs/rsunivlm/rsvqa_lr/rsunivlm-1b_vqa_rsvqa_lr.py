# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM on the test part of RSVQA-LR: presence, comparison, rural or urban
# (paper: 91.51, 92.65, 92.00, mean 92.05; Table 2). Count questions are left
# out; the rule of a right answer is not published.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]

model = dict(
    tokenizer=_base_.tokenizer,
    task_generation=dict(VQA=dict(max_new_tokens=16)))
test_dataloader = dict(
    batch_size=64,
    dataset=dict(
        ann_file='annotations/rsvqa_lr_test.jsonl',
        data_prefix=dict(img_path='images/rsvqa_lr')))
# By our rule, and by GeoChat's to compare with.
test_evaluator = [
    dict(type='VQAAccuracy', drop_types=('count', 'area')),
    dict(
        type='VQAAccuracy',
        match='geochat',
        drop_types=('count', 'area'),
        prefix='vqa_geochat'),
]
