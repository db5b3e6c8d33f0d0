# Copyright (c) mmeo contributors. All rights reserved.
"""RoIAlign of upright regions, with average or maximum pooling."""

import torch
from torch import Tensor

from mmeo.ops.nms import working_dtype
from mmeo.ops.roi_grid import grid_sizes, iter_samples
from mmeo.ops.sampling import bilinear_taps, pool, to_table

# Gradients spread at once, so that temporaries stay in the cache of a CPU.
_CHUNK = 1 << 16
_MAX = 0  # `pool_mode` of the compiled op: 0 maximum, 1 average


def _max_forward(input: Tensor, rois: Tensor, output: Tensor,
                 argmax_y: Tensor, argmax_x: Tensor, size: tuple[int, int],
                 scale: float, ratio: int, aligned: bool) -> None:
    """Largest bilinear sample of each bin, and where it lies."""
    height, width = input.shape[2:]
    table = to_table(input)
    offset = 0.5 if aligned else 0.0
    left, top, right, bottom = (rois[:, 1:] * scale - offset).unbind(1)
    smallest = 0 if aligned else 1
    roi_height = (bottom - top).clamp(min=smallest)
    roi_width = (right - left).clamp(min=smallest)
    base = rois[:, 0].long() * (height * width)
    # Regions with the same number of samples per bin go together.
    grids = torch.stack([grid_sizes(roi_height, size[0], ratio),
                         grid_sizes(roi_width, size[1], ratio)], dim=1)
    argmax_y.fill_(-1)
    argmax_x.fill_(-1)
    for grid in grids.unique(dim=0):
        chosen = (grids == grid).all(1).nonzero().squeeze(1)
        count = int(grid.prod())
        if count == 0:
            continue  # a region without area samples nothing: stays 0
        for part in iter_samples(roi_height[chosen], roi_width[chosen],
                                 *size, ratio):
            roi = chosen[part.first:part.last]
            y, x = part.y + top[roi][part.roi], part.x + left[roi][part.roi]
            index, weight = bilinear_taps(y, x, height, width)
            index += base[roi][part.roi][:, None]
            starts = torch.arange(0, index.numel(), 4, device=index.device)
            values = pool(table, index.flatten(), weight.flatten(), starts)
            values = values.view(-1, count, table.size(1))  # (bins, n, C)
            best, place = values.max(1)
            for target, source in (
                    (output, best),
                    (argmax_y, y.view(-1, count).gather(1, place)),
                    (argmax_x, x.view(-1, count).gather(1, place))):
                source = source.view(-1, *size, table.size(1))
                target[roi] = source.permute(0, 3, 1, 2).to(target.dtype)


@torch.no_grad()
def roi_align_forward(input: Tensor, rois: Tensor, output: Tensor,
                      argmax_y: Tensor, argmax_x: Tensor, aligned_height: int,
                      aligned_width: int, spatial_scale: float,
                      sampling_ratio: int, pool_mode: int,
                      aligned: bool) -> None:
    """Pool bilinear samples in each bin of each region.

    Args:
        input (Tensor): ``(B, C, H, W)``.
        rois (Tensor): ``(R, 5)`` as image index, x1, y1, x2, y2 in pixels of
            the image.
        output (Tensor): Output ``(R, C, aligned_height, aligned_width)``.
        argmax_y (Tensor): Output like ``output`` with the row of the largest
            sample, -1 for none; empty for average pooling.
        argmax_x (Tensor): The same for the column.
        aligned_height (int): Bins down a region.
        aligned_width (int): Bins along a region.
        spatial_scale (float): Size of the map over size of the image.
        sampling_ratio (int): Samples per bin and side; 0 for adaptive.
        pool_mode (int): 0 for the maximum, 1 for the average.
        aligned (bool): Pixel centres at half integers, as detectron2 has it.
    """
    dtype = working_dtype(input)
    input, rois = input.to(dtype), rois.to(dtype)
    size = (aligned_height, aligned_width)
    if pool_mode == _MAX:
        _max_forward(input, rois, output, argmax_y, argmax_x, size,
                     spatial_scale, sampling_ratio, aligned)
        return
    import torchvision  # noqa: F401  (registers the op)
    output.copy_(torch.ops.torchvision.roi_align(
        input, rois, spatial_scale, *size, sampling_ratio, aligned))


def _max_backward(grad_output: Tensor, rois: Tensor, argmax_y: Tensor,
                  argmax_x: Tensor, grad_input: Tensor) -> None:
    """Send each gradient to the four pixels of the largest sample."""
    channels, height, width = grad_input.shape[1:]
    planes = rois[:, 0].long()[:, None] * channels + torch.arange(
        channels, device=rois.device)
    planes = (planes * (height * width))[:, :, None, None, None]
    flat = torch.zeros(grad_input.numel(), dtype=grad_output.dtype,
                       device=grad_input.device)
    step = max(1, _CHUNK // max(1, grad_output[:1].numel()))
    for start in range(0, rois.size(0), step):
        part = slice(start, start + step)
        y = argmax_y[part].to(flat.dtype)
        x = argmax_x[part].to(flat.dtype)
        index, weight = bilinear_taps(y, x, height, width)  # (R, C, h, w, 4)
        weight *= (y != -1)[..., None]
        weight *= grad_output[part][..., None]
        index += planes[part]
        flat.index_add_(0, index.flatten(), weight.flatten())
    grad_input += flat.view_as(grad_input)


@torch.no_grad()
def roi_align_backward(grad_output: Tensor, rois: Tensor, argmax_y: Tensor,
                       argmax_x: Tensor, grad_input: Tensor,
                       aligned_height: int, aligned_width: int,
                       spatial_scale: float, sampling_ratio: int,
                       pool_mode: int, aligned: bool) -> None:
    """Gradient of :func:`roi_align_forward`, added to ``grad_input``.

    Args:
        grad_output (Tensor): ``(R, C, aligned_height, aligned_width)``.
        rois (Tensor): ``(R, 5)``.
        argmax_y (Tensor): From the forward op, for maximum pooling.
        argmax_x (Tensor): From the forward op.
        grad_input (Tensor): Output ``(B, C, H, W)``.
        aligned_height (int): See the forward op, as all that follow.
        aligned_width (int): Bins along a region.
        spatial_scale (float): Size of the map over size of the image.
        sampling_ratio (int): Samples per bin and side.
        pool_mode (int): 0 for the maximum, 1 for the average.
        aligned (bool): Pixel centres at half integers.
    """
    dtype = working_dtype(grad_output)
    grad_output, rois = grad_output.to(dtype), rois.to(dtype)
    if pool_mode == _MAX:
        _max_backward(grad_output, rois, argmax_y, argmax_x, grad_input)
        return
    import torchvision  # noqa: F401  (registers the op)
    grad_input += torch.ops.torchvision._roi_align_backward(
        grad_output, rois, spatial_scale, aligned_height, aligned_width,
        *grad_input.shape, sampling_ratio, aligned)
