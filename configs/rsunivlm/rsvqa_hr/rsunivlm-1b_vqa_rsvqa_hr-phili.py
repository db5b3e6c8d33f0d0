# Copyright (c) mmeo contributors. All rights reserved.
# RSUniVLM on the second test part of RSVQA-HR, Philadelphia, a city that
# training has not seen (the one of GeoChat's numbers).
_base_ = './rsunivlm-1b_vqa_rsvqa_hr.py'
test_dataloader = dict(
    dataset=dict(ann_file='annotations/rsvqa_hr_test_phili.jsonl'))
