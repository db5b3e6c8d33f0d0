# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM finds the 16 159 expressions of VRSBench-Ref (paper: acc@0.5 69.31,
# acc@0.7 47.47; Table 4), all, unique and other objects.
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
        ann_file='annotations/vrsbench_ref_eval.jsonl',
        data_prefix=dict(img_path='images/vrsbench_val'),
        length=16159))
test_evaluator = [
    dict(type='GroundingMetric'),
    # As VRSBench's own script has it, which flatters small boxes.
    dict(type='GroundingMetric', legacy='plus_one_100'),
]
