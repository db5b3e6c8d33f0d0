# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM describes the 9 350 validation images of VRSBench, which is in its
# training, not in its paper. COCO scorers; the judge CLAIR is left out.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]

model = dict(
    tokenizer=_base_.tokenizer,
    task_generation=dict(CAP=dict(max_new_tokens=256)))
test_dataloader = dict(
    dataset=dict(
        ann_file='annotations/vrsbench_cap_eval.jsonl',
        data_prefix=dict(img_path='images/vrsbench_val'),
        length=9350))
test_evaluator = dict(type='CaptionMetric')
