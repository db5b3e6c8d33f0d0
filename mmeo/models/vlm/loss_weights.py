# Copyright (c) mmeo contributors. All rights reserved.
"""How much each supervised token weighs in the loss."""

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from mmeo.models.vlm.packing import IGNORE_INDEX


def target_weights(targets: Tensor, lengths: list[int],
                   weighting: str) -> Tensor:
    """Weights of a packed batch.

    Args:
        targets (Tensor): ``(N,)`` int64, -100 where nothing is learned.
        lengths (list[int]): Tokens of each sample; they add up to N.
        weighting (str): 'token' gives 1 to each target, 'sample' one over
            the number of targets of its sample.

    Returns:
        Tensor: ``(N,)`` float32, 0 where nothing is learned.
    """
    learned = (targets != IGNORE_INDEX).float()
    if weighting == 'token':
        return learned
    return torch.cat([part / part.sum().clamp(min=1)
                      for part in learned.split(lengths)])


def mean_over_ranks(weight: Tensor) -> Tensor:
    """Mean of a sum of weights over all ranks; 1 where it is zero.

    Losses divided by it and gradients averaged over ranks, as DDP does, make
    every weight of all ranks count the same.
    """
    weight = weight.detach().clone()
    all_reduce(weight, op='mean')
    return torch.where(weight > 0, weight, torch.ones_like(weight))
