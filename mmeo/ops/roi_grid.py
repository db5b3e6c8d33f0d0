# Copyright (c) mmeo contributors. All rights reserved.
"""Sampling positions inside the bins of regions of interest."""

from typing import NamedTuple

import torch
from torch import Tensor

# Samples worked on at once; `sampling_ratio=0` on large regions makes many.
_MAX_SAMPLES = 1 << 20


class Samples(NamedTuple):
    """Samples of some regions, bin after bin.

    Attributes:
        first (int): First region of the chunk.
        last (int): One past its last region.
        roi (Tensor): ``(S,)`` region of each sample, counted from ``first``.
        bin (Tensor): ``(S,)`` bin of each sample, counted in the chunk.
        offsets (Tensor): ``(N,)`` where the samples of each bin start.
        y (Tensor): ``(S,)`` position down the region, 0 at its top edge.
        x (Tensor): ``(S,)`` position along the region.
        weight (Tensor): ``(S,)`` one over the number of samples in the bin.
    """
    first: int
    last: int
    roi: Tensor
    bin: Tensor
    offsets: Tensor
    y: Tensor
    x: Tensor
    weight: Tensor


def grid_sizes(length: Tensor, bins: int, sampling_ratio: int) -> Tensor:
    """Samples per bin along one side; 0 asks for about one per pixel."""
    if sampling_ratio > 0:
        return torch.full_like(length, sampling_ratio, dtype=torch.long)
    return (length / bins).ceil().long()


def _chunks(counts: Tensor) -> list[tuple[int, int]]:
    """Ranges of regions with at most ``_MAX_SAMPLES`` samples each."""
    ends = counts.cumsum(0).tolist()
    ranges, first, base = [], 0, 0
    for i, end in enumerate(ends):
        if end - base > _MAX_SAMPLES and i > first:
            ranges.append((first, i))
            first, base = i, ends[i - 1]
    ranges.append((first, len(ends)))
    return ranges


def iter_samples(height: Tensor, width: Tensor, pooled_height: int,
                 pooled_width: int, sampling_ratio: int):
    """Sampling positions, in chunks of regions.

    Args:
        height (Tensor): ``(R,)`` heights of the regions in pixels.
        width (Tensor): ``(R,)``.
        pooled_height (int): Bins down a region.
        pooled_width (int): Bins along a region.
        sampling_ratio (int): Samples per bin and side; 0 adapts them to the
            size of the region, so that bins differ in number of samples.

    Yields:
        Samples: The next chunk.
    """
    if height.numel() == 0:
        return
    rows = grid_sizes(height, pooled_height, sampling_ratio)
    cols = grid_sizes(width, pooled_width, sampling_ratio)
    per_bin = rows * cols
    bins = pooled_height * pooled_width
    device = height.device
    for first, last in _chunks(per_bin * bins):
        part = slice(first, last)
        bin_counts = per_bin[part].repeat_interleave(bins)  # (N,)
        offsets = bin_counts.cumsum(0) - bin_counts
        total = int(bin_counts.sum())
        bin_index = torch.arange(
            bin_counts.numel(), device=device).repeat_interleave(
                bin_counts, output_size=total)  # (S,)
        roi = bin_index // bins
        place = bin_index - roi * bins
        bin_y = place // pooled_width
        bin_x = place - bin_y * pooled_width
        local = torch.arange(total, device=device) - offsets[bin_index]
        row_count, col_count = rows[part][roi], cols[part][roi]
        row = local // col_count
        col = local - row * col_count
        step_y = (height[part] / pooled_height)[roi]
        step_x = (width[part] / pooled_width)[roi]
        yield Samples(
            first, last, roi, bin_index, offsets,
            bin_y * step_y + (row + 0.5) * step_y / row_count,
            bin_x * step_x + (col + 0.5) * step_x / col_count,
            1 / (row_count * col_count).to(height.dtype))
