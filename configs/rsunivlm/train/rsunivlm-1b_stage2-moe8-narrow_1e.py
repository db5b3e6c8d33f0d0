# Copyright (c) mmeo contributors. All rights reserved.
# As rsunivlm-1b_stage2-moe8_1e.py with the one kind of experts that has the
# counts of Table 8, new ones of width 1536: 792.9 M trained and 778.2 M at
# work (793 and 779 in the table).
_base_ = './rsunivlm-1b_stage2-moe8_1e.py'
model = dict(moe=dict(hidden_dims=1536))
