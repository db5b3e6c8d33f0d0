# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM says what has changed between the 1 929 test pairs of LEVIR-MCI
# (paper: BLEU-4 60.27, METEOR 40.14, ROUGE-L 80.09, CIDEr 139.80; Table 5).
# The first scorer is the official one; the paper does not name its own.
_base_ = [
    '../../_base_/models/rsunivlm-1b_gmoe.py',
    '../../_base_/datasets/rsunivlm_eval.py',
    '../../_base_/rsunivlm_test_runtime.py',
]

model = dict(tokenizer=_base_.tokenizer)
test_dataloader = dict(
    dataset=dict(
        ann_file='annotations/levir_mci_ccd_test.jsonl',
        data_prefix=dict(img_path='images/levir_mci'),
        length=1929))
# The official vocabulary is counted from the captions of all splits.
test_evaluator = [
    dict(
        type='ChangeCaptionMetric',
        protocol='levir',
        vocabulary=f'{_base_.data_root}/images/levir_mci/'
        'LevirCCcaptions.json'),
    dict(type='ChangeCaptionMetric', protocol='plain', prefix='plain'),
]
