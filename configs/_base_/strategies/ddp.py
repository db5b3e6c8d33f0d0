# Copyright (c) mmeo contributors. All rights reserved.
# Each process holds the whole model and optimizer: InternVL2.5-1B takes
# 16 bytes a parameter, 15 GB, before activations.
runner_type = 'CheckedFlexibleRunner'
strategy = dict(type='CheckedDDPStrategy')
