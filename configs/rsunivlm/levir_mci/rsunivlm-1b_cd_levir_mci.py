# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM marks roads and buildings that have changed between the 1 929 test
# pairs of LEVIR-MCI, a question for each: mIoU of 3 classes with the
# unchanged one. The paper has no number for it.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]
label_root = f'{_base_.data_root}/images/levir_mci'

model = dict(tokenizer=_base_.tokenizer, answer_scores=True)
test_dataloader = dict(
    dataset=dict(
        ann_file='annotations/levir_mci_cd_test.jsonl',
        data_prefix=dict(img_path='images/levir_mci'),
        length=3858))
test_evaluator = dict(
    type='ChangeTextMetric', label_root=label_root, overlap='probability')
