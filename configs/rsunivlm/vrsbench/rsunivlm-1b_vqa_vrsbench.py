# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM answers the 37 409 questions of VRSBench-VQA, which is in its
# training, not in its paper. By VRSBench's rule as far as it needs no language
# model for a judge; what that would decide is counted and bounded from above.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]

model = dict(
    tokenizer=_base_.tokenizer,
    task_generation=dict(VQA=dict(max_new_tokens=32)))
test_dataloader = dict(
    batch_size=64,
    dataset=dict(
        ann_file='annotations/vrsbench_vqa_eval.jsonl',
        data_prefix=dict(img_path='images/vrsbench_val'),
        length=37409))
# Ten types: two others count as scene type.
test_evaluator = dict(
    type='VQAAccuracy',
    match='vrsbench',
    merge_types={'image': 'scene type', 'rural or urban': 'scene type'})
