# Copyright (c) mmeo contributors. All rights reserved.
# As rsunivlm-1b_stage2-gmoe_1e.py with the labels of the LLaVA code, see
# rsunivlm-1b_stage1_1e-released.py, from whose checkpoint it starts.
_base_ = './rsunivlm-1b_stage2-gmoe_1e.py'

load_from = 'work_dirs/rsunivlm-1b_stage1_1e-released/iter_95750.pth'
train_pipeline = _base_.train_pipeline
train_pipeline[-1].update(supervise='llava_next')
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
