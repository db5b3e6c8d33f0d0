# Copyright (c) mmeo contributors. All rights reserved.
"""Scores of classes per pixel out of masks and their classes."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .vita_decoder import Prediction

UNFINDABLE = -1.0


def class_scores(out: Prediction, size: Sequence[int],
                 valid: Tensor) -> Tensor:
    """Sum over queries of P(class) times mask probability.

    Source: Mask2Former's semantic inference (arXiv 2112.01527).

    Args:
        out (Prediction): Of Q queries.
        size (Sequence[int]): Height and width of the result.
        valid (Tensor): ``(B, N)`` bool, which classes can be found.

    Returns:
        Tensor: ``(B, N, H, W)`` float32 from 0 on, -1 for classes that cannot
        be found.
    """
    chance = out.classes.softmax(-1)[..., :-1]  # (B, Q, N)
    # One sample at a time: Q masks of full size are the largest thing here.
    scores = torch.stack([
        torch.einsum('qn,qhw->nhw', c, F.interpolate(
            m[None].float(), tuple(size), mode='bilinear',
            align_corners=False)[0].sigmoid())
        for c, m in zip(chance, out.masks)])
    return scores.masked_fill(~valid[..., None, None], UNFINDABLE)
