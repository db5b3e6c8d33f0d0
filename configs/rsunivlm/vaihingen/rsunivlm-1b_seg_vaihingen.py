# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM segments Vaihingen zero-shot (paper: mIoU 54.46; Table 7): the 398
# crops of 512 pixels of the 17 test scenes, 6 classes. Five are asked for,
# clutter is what nobody claims; each crop counts as it is, as for the
# published rows. How the paper merges classes is not known.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]
label_root = f'{_base_.data_root}/images/vaihingen'

model = dict(tokenizer=_base_.tokenizer, answer_scores=True)
test_dataloader = dict(
    dataset=dict(
        ann_file='annotations/vaihingen_seg_test.jsonl',
        data_prefix=dict(img_path='images/vaihingen'),
        length=1990))
test_evaluator = dict(
    type='MaskTextMetric',
    label_root=label_root,
    overlap='probability',
    unclaimed='clutter',
    # 0 are the outlines that the label set without boundaries leaves out.
    ignore=(0, 255),
    stitch=False)
