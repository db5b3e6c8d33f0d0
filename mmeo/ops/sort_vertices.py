# Copyright (c) mmeo contributors. All rights reserved.
"""Order of corner points for the differentiable rotated IoU."""

import torch
from torch import Tensor

# A convex intersection of two rectangles has at most 8 corners; the first is
# repeated at the end.
_MAX_CORNERS = 8
# The first 8 vertices are corners of the boxes, the others crossings of
# edges, which are 0 where they do not exist.
_FIRST_CROSSING = 8
# Corners closer than this fraction of the polygon's size are one corner.
_SAME = 1e-6


@torch.no_grad()
def diff_iou_rotated_sort_vertices_forward(vertices: Tensor, mask: Tensor,
                                           num_valid: Tensor) -> Tensor:
    """Walk round the valid vertices of each polygon.

    Args:
        vertices (Tensor): ``(B, N, 24, 2)`` relative to their mean.
        mask (Tensor): ``(B, N, 24)`` which of them exist.
        num_valid (Tensor): ``(B, N)``, the number of them.

    Returns:
        Tensor: ``(B, N, 9)`` int32: the corners in order, the first again,
        then a vertex that does not exist.
    """
    x, y = vertices.unbind(-1)
    angle = torch.where(mask, torch.atan2(y, x), float('inf'))
    order = angle.argsort(dim=-1, stable=True)
    points = vertices.gather(2, order[..., None].expand_as(vertices))
    valid = mask.gather(2, order)
    # Identical boxes have each corner twice, more often if rounding lets
    # edges cross there as well: keep one of each.
    size = torch.where(mask[..., None], vertices, 0).abs().amax((2, 3))
    gap = (points[:, :, 1:] - points[:, :, :-1]).abs().amax(-1)
    new = gap > _SAME * size[..., None]
    first = torch.ones_like(valid[..., :1])
    corner = valid & torch.cat([first, new], dim=-1)
    count = corner.sum(-1, keepdim=True).clamp(max=_MAX_CORNERS)
    front = (~corner).long().argsort(dim=-1, stable=True)
    order = order.gather(2, front)[..., :_MAX_CORNERS + 1]
    absent = _FIRST_CROSSING + mask[..., _FIRST_CROSSING:].long().argmin(
        dim=-1, keepdim=True)
    place = torch.arange(_MAX_CORNERS + 1, device=mask.device)
    order = torch.where(place == count, order[..., :1], order)
    order = torch.where((place > count) | (count < 3), absent, order)
    return order.int()
