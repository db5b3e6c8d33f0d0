# Copyright (c) mmeo contributors. All rights reserved.
# Ablation (paper): only fused prompts are trained. Visual and textual ones are
# measured all the same.
_base_ = './vita-tiny_incontext_synthearth.py'
model = dict(modes=('fused', ))
