# Copyright (c) mmeo contributors. All rights reserved.
"""Two rows of a pair find each other among all rows of the batch."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers import no_autocast
from .ranks import gather_rows, mean_over_ranks


def pair_contrast(first: Tensor,
                  second: Tensor,
                  temperature: float = 0.07,
                  symmetric: bool = True) -> tuple[Tensor, Tensor]:
    """InfoNCE of pairs, with the rows of all processes as negatives.

    ``-log softmax_j(a_i . b_j / tau)`` at j = i. Unlike :class:`InfoNCE`,
    whose targets come from a teacher, gradients reach both sides, on
    whatever process they are.

    Args:
        first (Tensor): ``(N, D)`` unit rows a.
        second (Tensor): ``(N, D)`` unit rows b; row n belongs to row n.
        temperature (float): tau. Defaults to 0.07.
        symmetric (bool): The mean of both directions; else a asks, b
            answers. Defaults to True.

    Returns:
        tuple[Tensor, Tensor]: The loss, this process's part of the mean over
        all (see :func:`mean_over_ranks`), and the share of this process's
        rows a whose b is the nearest of all, in per cent, without gradient.
    """
    asked = [(first, second), (second, first)] if symmetric else [
        (first, second)]
    losses, hits = [], []
    for queries, keys in asked:
        keys, start = gather_rows(keys, grad=True)
        with no_autocast(queries.device):
            logits = queries.float() @ keys.float().T / temperature
        own = start + torch.arange(len(queries), device=queries.device)
        losses.append(mean_over_ranks(
            F.cross_entropy(logits, own, reduction='none')))
        hits.append((logits.detach().argmax(-1) == own).float())
    share = 100 * hits[0].sum() / max(len(first), 1)
    return sum(losses) / len(losses), share
