# Copyright (c) mmeo contributors. All rights reserved.
"""Series of images through an encoder of single images."""

from collections.abc import Callable
from typing import Optional

from torch import Tensor

Maps = tuple[Tensor, ...]


def encode_series(encode: Callable[[Tensor], Maps], x: Tensor,
                  valid: Optional[Tensor] = None) -> Maps:
    """Encode the valid frames of series in one batch.

    Args:
        encode (Callable): Images ``(N, bands, H, W)`` to maps ``(N, C_i, h_i,
            w_i)``; N may be 0.
        x (Tensor): ``(B, T, bands, H, W)``.
        valid (Tensor, optional): ``(B, T)`` bool; other frames are never
            read. Defaults to None, all.

    Returns:
        tuple[Tensor, ...]: Maps ``(B, T, C_i, h_i, w_i)``, 0 for frames that
        are not valid.
    """
    if valid is None:
        return tuple(out.unflatten(0, x.shape[:2])
                     for out in encode(x.flatten(0, 1)))
    return tuple(_to_series(out, valid) for out in encode(x[valid]))


def _to_series(x: Tensor, valid: Tensor) -> Tensor:
    """Put maps of valid frames ``(N, C, h, w)`` in their places."""
    series = x.new_zeros((*valid.shape, *x.shape[1:]))
    series[valid] = x
    return series
