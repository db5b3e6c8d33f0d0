# Copyright (c) mmeo contributors. All rights reserved.
"""From the tokens of views to one row of tokens per image."""

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Tensor
from torch.nn import functional as F

from mmeo.errors import DataError
from mmeo.structures import ImageLayout


def merge_views(tokens: Tensor, layouts: Sequence[ImageLayout],
                newline: Optional[Tensor]) -> Tensor:
    """Join the views of each image, images one behind the other.

    Args:
        tokens (Tensor): ``(T, K, C)`` of all views, image by image.
        layouts (Sequence[ImageLayout]): One per image.
        newline (Tensor, optional): ``(C, )``, learned; needed by layouts
            that ask for it.

    Returns:
        Tensor: ``(N, C)``, N the sum of the layouts' ``num_tokens``.

    Raises:
        DataError: If the views are not those of the layouts.
    """
    counts = [layout.num_views for layout in layouts]
    if sum(counts) != len(tokens):
        raise DataError(f'{len(tokens)} views for images that have '
                        f'{counts}: ImageViews and the model disagree')
    rows = []
    for views, layout in zip(tokens.split(counts), layouts):
        if layout.grid**2 != tokens.shape[1]:
            raise DataError(
                f'a view has {tokens.shape[1]} tokens, ImageViews counted on '
                f'{layout.grid} x {layout.grid}: give both the same '
                '`image_size` and `patch_size`')
        if layout.newline and newline is None:
            raise DataError('ImageViews(newline=True) needs a model with '
                            '`image_newline=True`')
        rows.append(_merge(views, layout, newline))
    return torch.cat(rows)


def _merge(views: Tensor, layout: ImageLayout,
           newline: Optional[Tensor]) -> Tensor:
    whole = views[0]  # (K, C)
    if len(views) == 1:
        if layout.newline:
            whole = torch.cat([whole, newline[None].to(whole.dtype)])
        return whole
    n_rows, n_cols = layout.views
    grid, channels = layout.grid, views.shape[-1]
    # (views, K, C) -> (C, n_rows * grid, n_cols * grid)
    canvas = views[1:].view(n_rows, n_cols, grid, grid, channels)
    canvas = canvas.permute(4, 0, 2, 1, 3).reshape(
        channels, n_rows * grid, n_cols * grid)
    top, bottom, left, right = layout.crop()
    canvas = canvas[:, top:bottom, left:right]
    size = layout.canvas()
    if tuple(canvas.shape[1:]) != size:
        canvas = F.interpolate(canvas[None], size, mode='bilinear',
                               align_corners=False)[0]
    if layout.newline:
        column = newline.to(canvas.dtype)[:, None, None].expand(
            -1, size[0], 1)
        canvas = torch.cat([canvas, column], 2)
    return torch.cat([whole, canvas.flatten(1).T])
