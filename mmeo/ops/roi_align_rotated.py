# Copyright (c) mmeo contributors. All rights reserved.
"""RoIAlign of rotated regions."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mmeo.ops.nms import working_dtype
from mmeo.ops.roi_grid import iter_samples
from mmeo.ops.sampling import (
    bilinear_taps,
    from_table,
    pool,
    scatter_pool,
    to_table,
)


class _Taps(NamedTuple):
    first: int  # bins of the chunk: first..last of all bins
    last: int
    index: Tensor  # (T,) pixels of the table
    weight: Tensor  # (T,)
    bag: Tensor  # (T,) bin of each entry, counted in the chunk
    offsets: Tensor  # (N,) where each bin starts


def _iter_taps(rois: Tensor, height: int, width: int, pooled_height: int,
               pooled_width: int, spatial_scale: float, sampling_ratio: int,
               aligned: bool, clockwise: bool) -> Iterator[_Taps]:
    """Pixels and weights that make up each bin."""
    offset = 0.5 if aligned else 0.0
    batch = rois[:, 0].long()
    center_x = rois[:, 1] * spatial_scale - offset
    center_y = rois[:, 2] * spatial_scale - offset
    roi_width, roi_height = rois[:, 3] * spatial_scale, \
        rois[:, 4] * spatial_scale
    # Without `aligned`, regions smaller than a pixel grow to one.
    smallest = 0 if aligned else 1
    roi_width = roi_width.clamp(min=smallest)
    roi_height = roi_height.clamp(min=smallest)
    angle = -rois[:, 5] if clockwise else rois[:, 5]
    cos, sin = angle.cos(), angle.sin()
    bins = pooled_height * pooled_width
    for part in iter_samples(roi_height, roi_width, pooled_height,
                             pooled_width, sampling_ratio):
        roi = part.roi + part.first
        down = part.y - roi_height[roi] / 2
        along = part.x - roi_width[roi] / 2
        cos_roi, sin_roi = cos[roi], sin[roi]
        y = down * cos_roi - along * sin_roi + center_y[roi]
        x = down * sin_roi + along * cos_roi + center_x[roi]
        index, weight = bilinear_taps(y, x, height, width)  # (S, 4)
        index += (batch[roi] * (height * width))[:, None]
        weight *= part.weight[:, None]
        yield _Taps(part.first * bins, part.last * bins, index.flatten(),
                    weight.flatten(), part.bin.repeat_interleave(4),
                    part.offsets * 4)


@torch.no_grad()
def roi_align_rotated_forward(input: Tensor, rois: Tensor, output: Tensor,
                              pooled_height: int, pooled_width: int,
                              spatial_scale: float, sampling_ratio: int,
                              aligned: bool, clockwise: bool) -> None:
    """Average of bilinear samples in each bin of each rotated region.

    Args:
        input (Tensor): ``(B, C, H, W)``.
        rois (Tensor): ``(R, 6)`` as image index, cx, cy, w, h in pixels of
            the image, angle in radian.
        output (Tensor): Output ``(R, C, pooled_height, pooled_width)``.
        pooled_height (int): Bins down a region.
        pooled_width (int): Bins along a region.
        spatial_scale (float): Size of the map over size of the image.
        sampling_ratio (int): Samples per bin and side; 0 for adaptive.
        aligned (bool): Pixel centres at half integers, as detectron2 has it.
        clockwise (bool): Direction of positive angles.
    """
    dtype = working_dtype(input)
    table = to_table(input.to(dtype))
    bins = []
    for taps in _iter_taps(rois.to(dtype), *input.shape[2:], pooled_height,
                           pooled_width, spatial_scale, sampling_ratio,
                           aligned, clockwise):
        bins.append(pool(table, taps.index, taps.weight, taps.offsets))
    if bins:
        pooled = torch.cat(bins).view(-1, pooled_height, pooled_width,
                                      input.size(1))
        output.copy_(pooled.permute(0, 3, 1, 2))


@torch.no_grad()
def roi_align_rotated_backward(grad_output: Tensor, rois: Tensor,
                               grad_input: Tensor, pooled_height: int,
                               pooled_width: int, spatial_scale: float,
                               sampling_ratio: int, aligned: bool,
                               clockwise: bool) -> None:
    """Gradient of :func:`roi_align_rotated_forward`, added to ``grad_input``.

    Args:
        grad_output (Tensor): ``(R, C, pooled_height, pooled_width)``.
        rois (Tensor): ``(R, 6)``.
        grad_input (Tensor): Output ``(B, C, H, W)``.
        pooled_height (int): See the forward op, as all that follow.
        pooled_width (int): Bins along a region.
        spatial_scale (float): Size of the map over size of the image.
        sampling_ratio (int): Samples per bin and side.
        aligned (bool): Pixel centres at half integers.
        clockwise (bool): Direction of positive angles.
    """
    dtype = working_dtype(grad_output)
    grad = to_table(grad_output.to(dtype))  # one row per bin
    batch, _, height, width = grad_input.shape
    for taps in _iter_taps(rois.to(dtype), height, width, pooled_height,
                           pooled_width, spatial_scale, sampling_ratio,
                           aligned, clockwise):
        table = scatter_pool(grad[taps.first:taps.last], taps.index,
                             taps.weight, taps.bag, batch * height * width)
        grad_input += from_table(table, grad_input.shape)
