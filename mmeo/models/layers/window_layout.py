# Copyright (c) mmeo contributors. All rights reserved.
"""How a map is cut into (shifted) windows."""

from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from torch import Tensor

# What the references add to scores between regions; weights were trained so.
MASKED = -100.0


class WindowLayout(NamedTuple):
    """Windows over a map.

    Attributes:
        height (int): Of the map.
        width (int): Of the map.
        window (tuple[int, int]): Height and width of a window.
        shift (tuple[int, int]): Pixels by which windows are moved down and
            right; what leaves the map comes in at the other side.
    """

    height: int
    width: int
    window: tuple[int, int]
    shift: tuple[int, int]

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width, rounded up to whole windows."""
        rows, columns = self.grid
        return rows * self.window[0], columns * self.window[1]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        return (-(-self.height // self.window[0]),
                -(-self.width // self.window[1]))

    @property
    def tokens(self) -> int:
        """Pixels of a window."""
        return self.window[0] * self.window[1]


def fit_windows(height: int, width: int, window: int, shift: int,
                pad_small_map: bool = False) -> WindowLayout:
    """Choose windows for a map.

    Where one window covers a side, nothing is shifted along it: on a side
    that is shorter the window shrinks to it. Each side is looked at by itself
    (our choice; Swin has square maps only). mmpretrain takes no shorter side,
    and where a side equals the window it moves back results that it has not
    moved forth.

    Args:
        height (int): Of the map.
        width (int): Of the map.
        window (int): Side of a window.
        shift (int): Shift, below ``window``.
        pad_small_map (bool): Keep window and shift and pad the map, as dense
            tasks want it. Defaults to False.

    Returns:
        WindowLayout: The windows.
    """
    if pad_small_map:
        return WindowLayout(height, width, (window, window), (shift, shift))
    sides = (height, width)
    return WindowLayout(height, width,
                        tuple(min(side, window) for side in sides),
                        tuple(shift if side > window else 0
                              for side in sides))


def pad_map(x: Tensor, layout: WindowLayout) -> Tensor:
    """Add zeros below and right of ``(B, H, W, C)`` up to whole windows."""
    height, width = layout.padded
    if (height, width) == (layout.height, layout.width):
        return x
    return F.pad(x, (0, 0, 0, width - layout.width, 0,
                     height - layout.height))


def partition(x: Tensor, layout: WindowLayout) -> Tensor:
    """Cut a padded map into shifted windows.

    Args:
        x (Tensor): ``(B, H', W', C)``, of the size ``layout.padded``.
        layout (WindowLayout): The windows.

    Returns:
        Tensor: ``(B * windows, N, C)``, windows row by row.
    """
    (wh, ww), (down, right) = layout.window, layout.shift
    rows, columns = layout.grid
    if down or right:
        x = x.roll((-down, -right), dims=(1, 2))
    x = x.view(len(x), rows, wh, columns, ww, x.shape[-1])
    # Sizes are spelled out: a batch may be empty.
    return x.transpose(2, 3).reshape(len(x) * rows * columns, wh * ww,
                                     x.shape[-1])


def merge(windows: Tensor, layout: WindowLayout) -> Tensor:
    """Undo :func:`partition`; the result is ``(B, H', W', C)``."""
    (wh, ww), (down, right) = layout.window, layout.shift
    rows, columns = layout.grid
    batch, channels = len(windows) // (rows * columns), windows.shape[-1]
    x = windows.view(batch, rows, columns, wh, ww, channels)
    x = x.transpose(2, 3).reshape(batch, rows * wh, columns * ww, channels)
    return x.roll((down, right), dims=(1, 2)) if down or right else x


def _regions(length: int, window: int, shift: int,
             device: torch.device) -> Tensor:
    """Region of each place of a shifted side: 1 came in from the far end."""
    place = torch.arange(length, device=device)
    return (place >= length - shift).long()


def shift_mask(layout: WindowLayout, device: torch.device) -> Tensor:
    """What is added to scores: pixels see their own region only.

    Args:
        layout (WindowLayout): The windows.
        device (torch.device): Of the result.

    Returns:
        Tensor: ``(windows, N, N)`` float32, 0 or -100.
    """
    height, width = layout.padded
    rows = _regions(height, layout.window[0], layout.shift[0], device)
    columns = _regions(width, layout.window[1], layout.shift[1], device)
    regions = 2 * rows[:, None] + columns  # (H', W')
    still = layout._replace(shift=(0, 0))
    regions = partition(regions[None, ..., None], still).squeeze(-1)
    apart = regions[:, :, None] != regions[:, None, :]
    return apart.float() * MASKED


class WindowKind(NamedTuple):
    """Windows of a shifted map that are masked alike.

    Attributes:
        rows (slice): Which rows of windows.
        columns (slice): Which columns of windows.
        mask (Tensor, optional): ``(N, N)``, see :func:`shift_mask`; None
            masks nothing.
    """

    rows: slice
    columns: slice
    mask: Optional[Tensor]


def _halves(count: int, shift: int) -> list[tuple[slice, int]]:
    """Windows along a side: those inside, and the last one if it differs."""
    if not shift:
        return [(slice(0, count), 0)]
    parts = [(slice(0, count - 1), 0), (slice(count - 1, count), shift)]
    return [part for part in parts if part[0].start < part[0].stop]


def window_kinds(layout: WindowLayout, device: torch.device
                 ) -> list[list[WindowKind]]:
    """The kinds of windows: inside, right; bottom, corner.

    All windows of a kind take one mask, where :func:`shift_mask` has one for
    each window. An unshifted map has one kind.

    Args:
        layout (WindowLayout): The windows.
        device (torch.device): Of the masks.

    Returns:
        list[list[WindowKind]]: Rows of kinds, as they lie on the map.
    """
    rows, columns = layout.grid
    return [[
        WindowKind(i, j, _kind_mask(layout, down, right, device))
        for j, right in _halves(columns, layout.shift[1])
    ] for i, down in _halves(rows, layout.shift[0])]


def _kind_mask(layout: WindowLayout, down: int, right: int,
               device: torch.device) -> Optional[Tensor]:
    if not (down or right):
        return None
    one = WindowLayout(*layout.window, layout.window, (down, right))
    return shift_mask(one, device)[0]
