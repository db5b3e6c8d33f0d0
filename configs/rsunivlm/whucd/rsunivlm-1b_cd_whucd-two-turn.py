# Copyright (c) mmeo contributors. All rights reserved.
# rsunivlm-1b_cd_whucd.py, asking what has changed before asking where. The
# paper reports that such a chain of thought helps, and publishes neither
# prompts nor steps: these are ours.
_base_ = './rsunivlm-1b_cd_whucd.py'
model = dict(_delete_=True, type='TwoTurnChange', vlm=_base_.model)
