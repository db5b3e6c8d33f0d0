# Copyright (c) mmeo contributors. All rights reserved.
# Weights, gradients and optimizer state are split between the processes;
# each block is gathered when it runs. Checkpoints are whole.
runner_type = 'CheckedFlexibleRunner'
strategy = dict(
    type='CheckedFSDPStrategy',
    wrap=('TransformerBlock', 'Qwen2DecoderLayer'))
