# Copyright (c) mmeo contributors. All rights reserved.
"""Linear probe: how much a straight line reads from frozen features."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmeo.errors import DataError


@dataclass
class LinearProbe:
    """A fitted probe: logits are ``(x - mean) / scale @ weight + bias``.

    Args:
        weight (Tensor): ``(D, K)``.
        bias (Tensor): ``(K, )``.
        mean (Tensor): ``(D, )``, of the training features.
        scale (Tensor): ``(D, )``, their standard deviation.
        l2 (float): The penalty it was fitted with.
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    scale: Tensor
    l2: float

    def __call__(self, x: Tensor) -> Tensor:
        """Features ``(..., D)`` to logits ``(..., K)``."""
        return (x - self.mean) / self.scale @ self.weight + self.bias


def fit_probe(features: Tensor, targets: Tensor, l2: float,
              iterations: int = 60) -> LinearProbe:
    """Multinomial logistic regression by L-BFGS, which needs no rate.

    Minimises the mean cross-entropy plus ``l2 / 2 * |weight|²`` on
    standardised features.

    Args:
        features (Tensor): ``(N, D)``.
        targets (Tensor): ``(N, K)``, shares of each class, rows sum to 1.
        l2 (float): Penalty.
        iterations (int): At most so many steps. Defaults to 60.

    Returns:
        LinearProbe: The fitted probe.

    Raises:
        DataError: If there are no features or they are not finite.
    """
    if not len(features) or not features.isfinite().all():
        raise DataError(f'{len(features)} features to probe, all of which '
                        'must be finite: check the backbone and its data.')
    mean = features.mean(0)
    scale = features.std(0).clamp_min(1e-6)
    x = (features - mean) / scale
    weight = x.new_zeros(x.shape[1], targets.shape[1], requires_grad=True)
    bias = x.new_zeros(targets.shape[1], requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=iterations,
                               line_search_fn='strong_wolfe')

    def loss() -> Tensor:
        solver.zero_grad()
        with torch.enable_grad():
            scores = (x @ weight + bias).log_softmax(-1)
            value = -(targets * scores).sum(-1).mean() \
                + l2 / 2 * weight.square().sum()
            value.backward()
        return value

    solver.step(loss)
    return LinearProbe(weight.detach(), bias.detach(), mean, scale, l2)


def choose_probe(features: Tensor, targets: Tensor, groups: Tensor,
                 penalties: Sequence[float] = (1e-3, 1e-2, 1e-1, 1.),
                 seed: int = 0) -> LinearProbe:
    """Fit with the penalty that serves a held-out fifth of the groups best.

    Args:
        features (Tensor): ``(N, D)``.
        targets (Tensor): ``(N, K)``.
        groups (Tensor): ``(N, )`` int, e.g. the image of each pixel: a group
            is held out whole.
        penalties (Sequence[float]): Tried by cross-entropy. Our choice.
        seed (int): Of the choice of groups. Defaults to 0.

    Returns:
        LinearProbe: Fitted on all features.
    """
    names = groups.unique()
    order = torch.randperm(len(names),
                           generator=torch.Generator().manual_seed(seed))
    held = torch.isin(groups, names[order[:max(1, len(names) // 5)]])

    def score(l2: float) -> float:
        probe = fit_probe(features[~held], targets[~held], l2)
        scores = probe(features[held]).log_softmax(-1)
        return (targets[held] * scores).sum(-1).mean().item()

    return fit_probe(features, targets, max(penalties, key=score))


def mean_iou(predictions: Sequence[Tensor], labels: Sequence[Tensor],
             num_classes: int, ignore_index: int = 255) -> float:
    """Mean over the classes that labels or predictions show.

    Args:
        predictions (Sequence[Tensor]): Class maps ``(h, w)`` int.
        labels (Sequence[Tensor]): Class maps of the same shapes.
        num_classes (int): K.
        ignore_index (int): Label that counts for nothing. Defaults to 255.

    Returns:
        float: In percent.
    """
    table = torch.zeros(num_classes, num_classes)
    for prediction, label in zip(predictions, labels, strict=True):
        known = label != ignore_index
        pairs = label[known] * num_classes + prediction[known]
        table += pairs.bincount(minlength=num_classes**2).view_as(table)
    shared = table.diag()
    union = table.sum(0) + table.sum(1) - shared
    return 100 * (shared / union)[union > 0].mean().item()
