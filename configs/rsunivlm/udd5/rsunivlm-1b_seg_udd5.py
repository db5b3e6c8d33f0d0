# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM segments UDD5 zero-shot (paper: mIoU 65.41; Table 7): whole
# photographs of its val part, 5 classes; four are asked for, 'other' is what
# nobody claims. How the paper merges classes, and whether it cut the
# photographs, is not known.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]
label_root = f'{_base_.data_root}/images/udd5'

model = dict(tokenizer=_base_.tokenizer, answer_scores=True)
test_dataloader = dict(
    dataset=dict(
        ann_file='annotations/udd5_seg_val.jsonl',
        data_prefix=dict(img_path='images/udd5')))
test_evaluator = dict(
    type='MaskTextMetric',
    label_root=label_root,
    overlap='probability',
    unclaimed='other')
