# Copyright (c) mmeo contributors. All rights reserved.
"""Spread features: no two of a batch should coincide."""

import torch
import torch.nn.functional as F
from torch import Tensor


def koleo_loss(features: Tensor, eps: float = 1e-8) -> Tensor:
    """Kozachenko-Leonenko entropy estimator, as DINOv2 uses it.

    Args:
        features (Tensor): ``(N, C)`` of one process; normalised here.
        eps (float): Added to distances. Defaults to 1e-8.

    Returns:
        Tensor: Scalar, the mean of ``-log`` of the distance to the nearest
        other row; 0 for fewer than two rows.
    """
    rows = F.normalize(features.float(), dim=-1, eps=eps)
    if len(rows) < 2:
        return rows.sum() * 0
    with torch.no_grad():
        cosines = rows @ rows.T
        cosines.fill_diagonal_(-2)
        nearest = cosines.argmax(1)
    distance = (rows - rows[nearest] + eps).norm(dim=1)
    return -(distance + eps).log().mean()
