# Copyright (c) mmeo contributors. All rights reserved.
"""How projections of queries start."""

from torch import nn


def init_projections(module: nn.Module) -> None:
    """Xavier-uniform weights and zero biases of all linear layers below.

    As in DETR and its successors (our choice here).
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
