# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM marks buildings that have changed, zero-shot on WHU-CD in tiles of
# 256 pixels (paper: F1 71.38, P 73.13, R 67.80, OA 92.64, IoU 54.19; Table 6,
# which contradict each other: P and R make F1 70.36, and with OA imply three
# times the changed pixels of the other rows). Its list of tiles is not known.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]
label_root = f'{_base_.data_root}/images/whucd'

model = dict(tokenizer=_base_.tokenizer)
test_dataloader = dict(
    dataset=dict(
        ann_file='annotations/whucd_cd_test.jsonl',
        data_prefix=dict(img_path='images/whucd')))
# Means over images too, one of the readings of the paper's numbers.
test_evaluator = dict(
    type='ChangeTextMetric', label_root=label_root, average='image')
