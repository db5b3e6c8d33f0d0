# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM names the scenes of all 2 400 pictures of SIRI-WHU, zero-shot
# (paper: 68.13; Table 3). Overall accuracy and mean recall, with and without
# the fallback of LHRS-Bot; the paper does not say which it means.
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
        ann_file='annotations/siri_whu.jsonl',
        data_prefix=dict(img_path='images/siri_whu'),
        length=2400))
classes = ('agriculture', 'commercial', 'harbor', 'idle_land', 'industrial',
           'meadow', 'overpass', 'park', 'pond', 'residential', 'river',
           'water')
test_evaluator = dict(
    type='SceneAccuracy', classes=classes, fallback='lcs')
