# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM names the scenes of all 31 500 pictures of NWPU-RESISC45 (paper:
# 86.86; Table 3), whose captions are in its training. Overall accuracy and
# mean recall, with and without the fallback of LHRS-Bot; the paper does not
# say which it means.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]

model = dict(
    tokenizer=_base_.tokenizer,
    task_generation=dict(CLS=dict(max_new_tokens=32)))
test_dataloader = dict(
    batch_size=64,
    dataset=dict(
        ann_file='annotations/resisc45.jsonl',
        data_prefix=dict(img_path='images/resisc45'),
        length=31500))
test_evaluator = dict(
    type='SceneAccuracy', classes='RESISC45Dataset', fallback='lcs')
