# Copyright (c) mmeo contributors. All rights reserved.
"""Position codes measured on the ground, the same for every sensor."""

import torch
from torch import Tensor

UNIT = 10.0  # metres


def _angles(count: int, pitch: float, channels: int,
            device: torch.device) -> Tensor:
    """Cell centres along an axis times falling frequencies: ``(count, c)``."""
    centres = torch.arange(count, device=device, dtype=torch.float32) + .5
    steps = torch.arange(channels, device=device, dtype=torch.float32)
    return torch.outer(centres * (pitch / UNIT), 10000**(-steps / channels))


def _grid(rows: Tensor, columns: Tensor) -> Tensor:
    """Join codes of rows ``(h, c)`` and columns ``(w, c)``: ``(hw, 2c)``."""
    size = len(rows), len(columns), rows.shape[1]
    return torch.cat((rows[:, None].expand(size), columns[None].expand(size)),
                     dim=-1).flatten(0, 1)


def sincos_position(size: tuple[int, int], pitch: float, dims: int,
                    device: torch.device) -> Tensor:
    """Fixed sine and cosine code of the distance from the upper left corner.

    The first half of the channels encodes y, the second x; each has sines
    first, then cosines, of ``distance / 10 m / 10000 ** (k / (dims / 4))``.
    Tokens of two sensors over the same spot have the same code (our choice).

    Args:
        size (tuple[int, int]): Rows and columns.
        pitch (float): Side of a cell in metres.
        dims (int): Channels, a multiple of 4.
        device (torch.device): Of the result.

    Returns:
        Tensor: ``(rows * columns, dims)`` float32.
    """
    angles = [_angles(n, pitch, dims // 4, device) for n in size]
    return _grid(*(torch.cat((a.sin(), a.cos()), dim=-1) for a in angles))


def rotary_position(size: tuple[int, int], pitch: float, head_dim: int,
                    num_extra: int, device: torch.device
                    ) -> tuple[Tensor, Tensor]:
    """Rotary code: half of a head's channels turn with y, half with x.

    Args:
        size (tuple[int, int]): Rows and columns.
        pitch (float): Side of a cell in metres.
        head_dim (int): Channels of a head, a multiple of 4.
        num_extra (int): Tokens in front that have no place and do not turn.
        device (torch.device): Of the result.

    Returns:
        tuple[Tensor, Tensor]: Cosines and sines, ``(num_extra + rows *
        columns, head_dim / 2)`` float32, for :func:`rotate`.
    """
    angles = _grid(*(_angles(n, pitch, head_dim // 4, device) for n in size))
    angles = torch.cat((angles.new_zeros(num_extra, head_dim // 2), angles))
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
    """Turn pairs of channels ``(k, k + D / 2)`` by the angles of a token.

    Args:
        x (Tensor): ``(B, heads, N, D)``.
        rotary (tuple[Tensor, Tensor]): Cosines and sines ``(N, D / 2)``.

    Returns:
        Tensor: ``(B, heads, N, D)``.
    """
    cos, sin = (t.to(x.dtype) for t in rotary)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)
