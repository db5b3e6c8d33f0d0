# Copyright (c) mmeo contributors. All rights reserved.
# Student and teacher are units of their own and so cut alike, as the moving
# average needs; so is each block.
runner_type = 'CheckedFlexibleRunner'
strategy = dict(
    type='CheckedFSDPStrategy',
    wrap=('SelfSupBranch', 'SwinV2Block', 'TransformerBlock'))
