# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM finds the 7 500 expressions of the test part of DIOR-RSVG (paper:
# acc@0.5 72.47, acc@0.7 56.17; Table 4). The split is by expression, so images
# of the test part are in training too.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]

model = dict(
    tokenizer=_base_.tokenizer,
    task_generation=dict(VG=dict(max_new_tokens=64)))
test_dataloader = dict(
    dataset=dict(
        ann_file='annotations/dior_rsvg_test.jsonl',
        data_prefix=dict(img_path='images/dior_rsvg'),
        length=7500))
test_evaluator = dict(type='GroundingMetric')
