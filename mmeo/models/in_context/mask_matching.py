# Copyright (c) mmeo contributors. All rights reserved.
"""Which query answers for which class: costs and the Hungarian method."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

#: Classes, dice and focal term (our choice, as in Mask2Former).
WEIGHTS = (2.0, 5.0, 5.0)


class Matches(NamedTuple):
    """Pairs of queries and classes, T of them.

    Args:
        sample (Tensor): ``(T, )`` int64, position in the batch.
        query (Tensor): ``(T, )``.
        label (Tensor): ``(T, )``, number of the class.
    """

    sample: Tensor
    query: Tensor
    label: Tensor


def pair_costs(classes: Tensor, points: Tensor, labels: Tensor,
               known: Tensor, weights: tuple[float, float, float] = WEIGHTS,
               alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Cost of each query for each class, on sampled points.

    The costs of mmdet's ``ClassificationCost``, ``DiceCost`` (naive, eps 1)
    and ``FocalLossCost`` (binary), for a whole batch at once; points without
    a label do not count.

    Args:
        classes (Tensor): Logits ``(B, Q, N + 1)``.
        points (Tensor): Mask logits at the points ``(B, Q, P)``.
        labels (Tensor): Whether a point is of a class ``(B, N, P)``, 0 or 1.
        known (Tensor): Whether a point has a label ``(B, P)``, 0 or 1.
        weights (tuple[float, float, float]): Of the three terms.
        alpha (float): Of the focal term. Defaults to 0.25.
        gamma (float): Of the focal term. Defaults to 2.

    Returns:
        Tensor: ``(B, Q, N)`` float32.
    """
    chance = classes.softmax(-1)[..., :-1]
    share = points.float().sigmoid() * known[:, None]  # (B, Q, P)
    labels = labels.float()
    both = share @ labels.transpose(1, 2)  # (B, Q, N)
    sums = share.sum(-1)[..., None] + labels.sum(-1)[:, None]
    dice = 1 - (2 * both + 1) / (sums + 1)

    points = points.float()
    chance_in = points.sigmoid()
    hit = F.softplus(-points) * (1 - chance_in)**gamma * alpha
    miss = F.softplus(points) * chance_in**gamma * (1 - alpha)
    outside = known[:, None] - labels
    focal = hit @ labels.transpose(1, 2) + miss @ outside.transpose(1, 2)
    focal = focal / known.sum(-1).clamp(min=1)[:, None, None]
    return -weights[0] * chance + weights[1] * dice + weights[2] * focal


@torch.no_grad()
def match(costs: Tensor, present: Tensor) -> list[Matches]:
    """The cheapest pairing of each of L layers.

    Args:
        costs (Tensor): ``(L, B, Q, N)``.
        present (Tensor): ``(B, N)`` bool, classes that the targets have; they
            alone are paired.

    Returns:
        list[Matches]: L of them.
    """
    table = costs.nan_to_num(1e6, 1e6, -1e6).cpu().numpy()
    classes = [row.nonzero()[:, 0].numpy() for row in present.cpu()]
    found = []
    for layer in table:
        sample, query, label = [], [], []
        for index, (cost, wanted) in enumerate(zip(layer, classes)):
            rows, columns = linear_sum_assignment(cost[:, wanted])
            sample += [index] * len(rows)
            query += rows.tolist()
            label += wanted[columns].tolist()
        found.append(Matches(*(
            torch.tensor(x, dtype=torch.long, device=costs.device)
            for x in (sample, query, label))))
    return found
