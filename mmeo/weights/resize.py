# Copyright (c) mmeo contributors. All rights reserved.
"""Fit position tables and patch kernels to another grid or patch size."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mmeo.errors import CheckpointError


def split_prefix(rows: int) -> tuple[int, int]:
    """Tell how a position table of ``rows`` rows is made up.

    Args:
        rows (int): Length of the table: a square grid, with or without a row
            for the CLS token in front.

    Returns:
        tuple[int, int]: Rows in front of the grid (0 or 1), side of the grid.

    Raises:
        CheckpointError: If no square grid fits.
    """
    for prefix in (0, 1):
        side = math.isqrt(max(rows - prefix, 0))
        if side > 0 and side * side + prefix == rows:
            return prefix, side
    raise CheckpointError(
        f'a position table of {rows} rows is neither a square grid nor one '
        'with a CLS row: this is not a ViT of square input.')


def resize_position_table(table: Tensor, prefix: int,
                          size: tuple[int, int]) -> Tensor:
    """Resample a table of learned positions to another grid.

    Bicubic in float32, corners not aligned; rows of the prefix are untouched.

    Args:
        table (Tensor): ``(1, prefix + side * side, C)``.
        prefix (int): Rows in front of the grid.
        size (tuple[int, int]): Grid ``(h, w)`` wanted.

    Returns:
        Tensor: ``(1, prefix + h * w, C)``, dtype of ``table``.
    """
    side = math.isqrt(table.shape[1] - prefix)
    if (side, side) == tuple(size):
        return table
    front, grid = table[:, :prefix], table[:, prefix:]
    # (1, side * side, C) -> (1, C, side, side)
    grid = grid.transpose(1, 2).reshape(1, -1, side, side).float()
    grid = F.interpolate(
        grid, size=size, mode='bicubic', align_corners=False)
    grid = grid.flatten(2).transpose(1, 2).to(table.dtype)  # (1, h * w, C)
    return torch.cat((front, grid), dim=1)


def fit_position_table(table: Tensor, rows: int) -> Tensor:
    """Make a stored table fit a model with another square grid or no CLS.

    Args:
        table (Tensor): ``(1, M, C)``.
        rows (int): Rows of the model's table.

    Returns:
        Tensor: ``(1, rows, C)``.

    Raises:
        CheckpointError: If the model needs a CLS row that the table lacks.
    """
    have, _ = split_prefix(table.shape[1])
    want, side = split_prefix(rows)
    if want > have:
        raise CheckpointError(
            'the stored position table has no row for the CLS token: build '
            'the model with with_cls_token=False.')
    return resize_position_table(table[:, have - want:], want, (side, side))


def _resize_matrix(old: int, new: int) -> Tensor:
    """Matrix ``(new * new, old * old)`` of bicubic image resizing."""
    basis = torch.eye(old * old, dtype=torch.float64).reshape(-1, 1, old, old)
    out = F.interpolate(
        basis,
        size=(new, new),
        mode='bicubic',
        align_corners=False,
        antialias=new < old)
    return out.flatten(1).t()


def resize_patch_kernel(weight: Tensor,
                        size: int,
                        method: str = 'bicubic') -> Tensor:
    """Resample the kernel of a patch embedding to another patch size.

    Args:
        weight (Tensor): ``(C, bands, p, p)``.
        size (int): Patch size wanted, in pixels.
        method (str): ``'bicubic'`` resamples the kernel as if it were an
            image, which is what ViTP does; ``'pinv'`` is the pseudo-inverse
            resize of FlexiViT (arXiv 2212.08013, equation 4), which keeps the
            embedding of an enlarged patch. Defaults to ``'bicubic'``.

    Returns:
        Tensor: ``(C, bands, size, size)``, dtype of ``weight``.
    """
    old = weight.shape[-1]
    if old == size:
        return weight
    if method == 'bicubic':
        out = F.interpolate(
            weight.float(),
            size=(size, size),
            mode='bicubic',
            align_corners=False)
    else:
        # <B x, w'> = <x, w> for every patch x where B has full column rank.
        inverse = torch.linalg.pinv(_resize_matrix(old, size).t())
        out = weight.double().flatten(2) @ inverse.t().to(weight.device)
        out = out.reshape(*weight.shape[:2], size, size)
    return out.to(weight.dtype)
