# Copyright (c) mmeo contributors. All rights reserved.
"""The loss on answers, and how much each supervised token weighs in it."""

from collections.abc import Sequence
from typing import Optional

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn
from torch.nn import functional as F

from mmeo.models.vlm.packing import IGNORE_INDEX, PackedSequence

WEIGHTINGS = ('token', 'sample')


def answer_loss(hidden: Tensor,
                head: nn.Module,
                packed: PackedSequence,
                weighting: str = 'token',
                normalizer: Optional[float] = None) -> dict[str, Tensor]:
    """Next-token loss of a packed batch.

    Args:
        hidden (Tensor): ``(N, C)`` of the language model.
        head (nn.Module): From hidden states to logits.
        packed (PackedSequence): What it has read, N tokens.
        weighting (str): See :func:`target_weights`. Defaults to 'token'.
        normalizer (float, optional): Divides the weighted sums; by default
            their mean weight over ranks.

    Returns:
        dict: ``loss``, ``acc`` (weighted share of targets that are predicted
        right) and ``tokens`` (N), scalars.
    """
    targets = packed.targets()
    learned = targets != IGNORE_INDEX
    weights = target_weights(targets, packed.lengths, weighting)[learned]
    targets = targets[learned]
    # The vocabulary is wide: logits only where they are learned.
    logits = head(hidden[learned]).float()
    losses = F.cross_entropy(logits, targets, reduction='none')
    right = logits.detach().argmax(1) == targets
    normalizer = normalizer or mean_over_ranks(weights.sum())
    return dict(
        loss=(losses * weights).sum() / normalizer,
        acc=(right * weights).sum() / normalizer,
        tokens=weights.new_tensor(sum(packed.lengths)))


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


def count_weight(labels: Sequence[Tensor], weighting: str) -> float:
    """Sum of :func:`target_weights` of samples that are not packed yet.

    Args:
        labels (Sequence[Tensor]): ``(L_i,)`` of each sample, -100 where
            nothing is learned.
        weighting (str): 'token' or 'sample'.
    """
    counts = [int((part[1:] != IGNORE_INDEX).sum()) for part in labels]
    if weighting == 'sample':
        counts = [int(count > 0) for count in counts]
    return float(sum(counts))


def mean_over_ranks(weight: Tensor) -> Tensor:
    """Mean of a sum of weights over all ranks; 1 where it is zero.

    Losses divided by it and gradients averaged over ranks, as DDP does, make
    every weight of all ranks count the same.
    """
    weight = weight.detach().clone()
    all_reduce(weight, op='mean')
    return torch.where(weight > 0, weight, torch.ones_like(weight))
