# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM on the first test part of RSVQA-HR (the cities of training):
# presence and comparison (paper: 90.81, 90.88, mean 90.85; Table 2). The paper
# does not say which test part it means; rsunivlm-1b_vqa_rsvqa_hr-phili.py is
# the other.
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
        ann_file='annotations/rsvqa_hr_test.jsonl',
        data_prefix=dict(img_path='images/rsvqa_hr')))
# By our rule, and by GeoChat's to compare with.
test_evaluator = [
    dict(type='VQAAccuracy', drop_types=('count', 'area')),
    dict(
        type='VQAAccuracy',
        match='geochat',
        drop_types=('count', 'area'),
        prefix='vqa_geochat'),
]
