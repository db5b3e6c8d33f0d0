# Copyright (c) mmeo contributors. All rights reserved.
"""RoIPool: the maximum over the pixels of each bin.

torchvision's op of this name rounds the region first and mmcv's does not, so
it cannot serve here.
"""

import torch
from torch import Tensor

from mmeo.ops.nms import working_dtype
from mmeo.ops.sampling import to_table

# Gathered numbers held at once.
_MAX_NUMBERS = 1 << 25


def _ranges(start: Tensor, length: Tensor, bins: int,
            limit: int) -> tuple[Tensor, Tensor]:
    """First pixel and one past the last of each bin, each ``(R, bins)``."""
    step = (length / bins)[:, None]
    number = torch.arange(bins, device=start.device)
    first = (number * step + start[:, None]).floor()
    last = ((number + 1) * step + start[:, None]).ceil()
    return first.clamp(0, limit).long(), last.clamp(0, limit).long()


def _spread(first: Tensor, last: Tensor, limit: int) -> Tensor:
    """Pixels of each range ``(R, bins, n)``, padded by repeating its last."""
    longest = max(1, int((last - first).max()))
    pixels = first[..., None] + torch.arange(longest, device=first.device)
    return torch.minimum(pixels, last[..., None] - 1).clamp_(0, limit - 1)


@torch.no_grad()
def roi_pool_forward(input: Tensor, rois: Tensor, output: Tensor,
                     argmax: Tensor, pooled_height: int, pooled_width: int,
                     spatial_scale: float) -> None:
    """Largest pixel of each bin; 0 where a bin lies outside the map.

    Args:
        input (Tensor): ``(B, C, H, W)``.
        rois (Tensor): ``(R, 5)`` as image index, x1, y1, x2, y2, whose last
            row and column belong to the region.
        output (Tensor): Output ``(R, C, pooled_height, pooled_width)``.
        argmax (Tensor): Output like ``output``, int32: pixel ``y * W + x``,
            or -1.
        pooled_height (int): Bins down a region.
        pooled_width (int): Bins along a region.
        spatial_scale (float): Size of the map over size of the image.
    """
    argmax.fill_(-1)
    if rois.size(0) == 0:
        return
    channels, height, width = input.shape[1:]
    boxes = rois[:, 1:].to(working_dtype(rois))
    low = boxes[:, :2] * spatial_scale
    size = (boxes[:, 2:] + 1) * spatial_scale - low
    y1, y2 = _ranges(low[:, 1], size[:, 1], pooled_height, height)
    x1, x2 = _ranges(low[:, 0], size[:, 0], pooled_width, width)
    rows, cols = _spread(y1, y2, height), _spread(x1, x2, width)
    filled = (y2 > y1)[:, :, None] & (x2 > x1)[:, None]  # (R, ph, pw)
    filled &= (size > 0).all(1)[:, None, None]
    # (R, ph, pw, n): row after row, as the compiled op searches
    pixels = (rows[:, :, None, :, None] * width +
              cols[:, None, :, None]).flatten(3)
    table = to_table(input)
    base = rois[:, 0].long() * (height * width)
    step = max(1, _MAX_NUMBERS // (channels * pixels[0].numel()))
    for start in range(0, rois.size(0), step):
        part = slice(start, start + step)
        pixel = pixels[part]
        values = table[pixel + base[part][:, None, None, None]]
        best, place = values.max(3)  # (R, ph, pw, C)
        place = pixel.gather(3, place)
        full = filled[part][..., None]
        best, place = torch.where(full, best, 0), torch.where(full, place, -1)
        output[part] = best.permute(0, 3, 1, 2)
        argmax[part] = place.permute(0, 3, 1, 2).to(argmax.dtype)


@torch.no_grad()
def roi_pool_backward(grad_output: Tensor, rois: Tensor, argmax: Tensor,
                      grad_input: Tensor, pooled_height: int,
                      pooled_width: int, spatial_scale: float) -> None:
    """Gradient of :func:`roi_pool_forward`, added to ``grad_input``.

    Args:
        grad_output (Tensor): ``(R, C, pooled_height, pooled_width)``.
        rois (Tensor): ``(R, 5)``.
        argmax (Tensor): From the forward op.
        grad_input (Tensor): Output ``(B, C, H, W)``.
        pooled_height (int): Known from ``argmax``.
        pooled_width (int): Known from ``argmax``.
        spatial_scale (float): Known from ``argmax``.
    """
    batch, channels, height, width = grad_input.shape
    planes = rois[:, 0].long()[:, None] * channels + torch.arange(
        channels, device=rois.device)
    index = argmax.long() + (planes * (height * width))[..., None, None]
    valid = argmax >= 0
    flat = torch.zeros_like(grad_input).view(-1)
    flat.index_add_(0, index[valid], grad_output[valid].to(flat.dtype))
    grad_input += flat.view_as(grad_input)
