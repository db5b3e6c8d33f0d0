# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM names the scenes of all 1 005 pictures of WHU-RS19, zero-shot
# (paper: 84.91; Table 3). Overall accuracy and mean recall, with and without
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
        ann_file='annotations/whu_rs19.jsonl',
        data_prefix=dict(img_path='images/whu_rs19'),
        length=1005))
classes = ('Airport', 'Beach', 'Bridge', 'Commercial', 'Desert', 'Farmland',
           'footballField', 'Forest', 'Industrial', 'Meadow', 'Mountain',
           'Park', 'Parking', 'Pond', 'Port', 'railwayStation', 'Residential',
           'River', 'Viaduct')
test_evaluator = dict(
    type='SceneAccuracy', classes=classes, fallback='lcs')
