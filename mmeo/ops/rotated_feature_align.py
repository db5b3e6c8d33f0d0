# Copyright (c) mmeo contributors. All rights reserved.
"""Feature refinement at the corners of rotated boxes (R3Det)."""

import torch
from torch import Tensor

from mmeo.ops.nms import working_dtype
from mmeo.ops.sampling import (
    bilinear_taps,
    from_table,
    pool,
    scatter_pool,
    to_table,
)


def _taps(boxes: Tensor, spatial_scale: float,
          points: int) -> tuple[Tensor, Tensor]:
    """Pixels and weights ``(B * H * W, points * 4)``, of every position."""
    batch, height, width, _ = boxes.shape
    # The op reads the box as (y, x, w, h, angle).
    y, x, w, h = (boxes[..., :4] * spatial_scale).reshape(-1, 4).unbind(1)
    ys, xs = [y], [x]
    if points > 1:
        angle = boxes[..., 4].reshape(-1)
        wx, wy = angle.cos() * w / 2, angle.sin() * w / 2
        hx, hy = -angle.sin() * h / 2, angle.cos() * h / 2
        for i, j in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
            ys.append(y + i * wy + j * hy)
            xs.append(x + i * wx + j * hx)
    index, weight = bilinear_taps(
        torch.stack(ys, 1), torch.stack(xs, 1), height, width)
    image = torch.arange(batch, device=boxes.device).repeat_interleave(
        height * width)
    index += (image * (height * width))[:, None, None]
    return index.flatten(1), weight.flatten(1)


@torch.no_grad()
def rotated_feature_align_forward(features: Tensor, best_bboxes: Tensor,
                                  output: Tensor, spatial_scale: float,
                                  points: int) -> None:
    """Add to each position the features sampled at its box.

    Args:
        features (Tensor): ``(B, C, H, W)``.
        best_bboxes (Tensor): ``(B, H, W, 5)``.
        output (Tensor): Output ``(B, C, H, W)``.
        spatial_scale (float): Size of the map over size of the image.
        points (int): 1 for the centre, 5 for centre and corners.
    """
    dtype = working_dtype(features)
    index, weight = _taps(best_bboxes.to(dtype), spatial_scale, points)
    starts = torch.arange(0, index.numel(), index.size(1),
                          device=index.device)
    sampled = pool(to_table(features.to(dtype)), index.flatten(),
                   weight.flatten(), starts)
    output.copy_(features + from_table(sampled, features.shape))


@torch.no_grad()
def rotated_feature_align_backward(top_grad: Tensor, best_bboxes: Tensor,
                                   bottom_grad: Tensor, spatial_scale: float,
                                   points: int) -> None:
    """Gradient of the forward op, added to ``bottom_grad``.

    Args:
        top_grad (Tensor): ``(B, C, H, W)``.
        best_bboxes (Tensor): ``(B, H, W, 5)``.
        bottom_grad (Tensor): Output ``(B, C, H, W)``.
        spatial_scale (float): Size of the map over size of the image.
        points (int): 1 or 5.
    """
    dtype = working_dtype(top_grad)
    index, weight = _taps(best_bboxes.to(dtype), spatial_scale, points)
    rows = index.size(0)
    bag = torch.arange(rows, device=index.device).repeat_interleave(
        index.size(1))
    table = scatter_pool(to_table(top_grad.to(dtype)), index.flatten(),
                         weight.flatten(), bag, rows)
    bottom_grad += top_grad + from_table(table, bottom_grad.shape)
