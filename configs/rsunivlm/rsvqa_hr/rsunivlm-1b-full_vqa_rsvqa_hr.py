# Copyright (c) mmeo contributors. All rights reserved.
# All of it trained in stage 2, without experts
# (rsunivlm-1b_stage2-full_1e.py): VQA on RSVQA-HR, first test part for the row
# "Full-parameter" of Table 8.
_base_ = './rsunivlm-1b_vqa_rsvqa_hr.py'

model = dict(moe=None)
