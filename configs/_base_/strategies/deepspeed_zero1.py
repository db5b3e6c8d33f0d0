# Copyright (c) mmeo contributors. All rights reserved.
# DeepSpeed splits the optimizer state between the processes, as ViTP's
# released code does. Needs `DS_BUILD_OPS=0 pip install deepspeed`.
runner_type = 'CheckedFlexibleRunner'
strategy = dict(
    type='CheckedDeepSpeedStrategy', zero_optimization=dict(stage=1))
