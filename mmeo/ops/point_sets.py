# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes round point sets, and points in boxes (RepPoints detectors)."""

import torch
from torch import Tensor

from mmeo.ops.nms import working_dtype

_CHUNK = 1 << 13


def _smallest_box(points: Tensor) -> Tensor:
    """Corners ``(N, 4, 2)`` of the smallest rectangles round ``(N, P, 2)``.

    A side of the smallest rectangle lies along an edge of the convex hull
    (Freeman and Shapira 1975). Every pair of points is tried as such an edge:
    the directions that are none can only give larger rectangles.
    """
    pairs = torch.combinations(torch.arange(points.size(1)), 2)
    pairs = pairs.to(points.device)
    edge = points[:, pairs[:, 1]] - points[:, pairs[:, 0]]  # (N, E, 2)
    norm = edge.norm(dim=-1, keepdim=True)
    upright = edge.new_tensor([1.0, 0.0])
    along = torch.where(norm > 0, edge / norm, upright)
    # Turned into the first quadrant, so that corners come in one order.
    x, y = along.unbind(-1)
    turn = (x > 0) == (y >= 0)
    along = torch.where(turn[..., None], along.abs(),
                        torch.stack([y.abs(), x.abs()], dim=-1))
    across = torch.stack([-along[..., 1], along[..., 0]], dim=-1)
    # Written out: as a matrix product, autocast would halve its precision.
    px, py = points[:, None].unbind(-1)  # (N, 1, P)
    u = along[..., :1] * px + along[..., 1:] * py  # (N, E, P)
    v = across[..., :1] * px + across[..., 1:] * py
    bounds = torch.stack([u.amin(-1), u.amax(-1), v.amin(-1), v.amax(-1)], -1)
    area = (bounds[..., 1] - bounds[..., 0]) * (bounds[..., 3] -
                                                bounds[..., 2])
    best = area.argmin(1)
    row = torch.arange(points.size(0), device=points.device)
    along, across = along[row, best], across[row, best]
    u0, u1, v0, v1 = bounds[row, best][..., None].unbind(1)
    return torch.stack([u1 * along + v0 * across, u0 * along + v0 * across,
                        u0 * along + v1 * across, u1 * along + v1 * across],
                       dim=1)


@torch.no_grad()
def min_area_polygons(pointsets: Tensor, polygons: Tensor) -> None:
    """Smallest rectangles round point sets.

    Args:
        pointsets (Tensor): ``(N, 18)`` as x1, y1, ..., x9, y9.
        polygons (Tensor): Output ``(N, 8)``, corners in order.
    """
    points = pointsets.to(working_dtype(pointsets)).reshape(-1, 9, 2)
    for start in range(0, points.size(0), _CHUNK):
        part = slice(start, start + _CHUNK)
        # Counting from a point of the set keeps the digits.
        origin = points[part, :1]
        corners = _smallest_box(points[part] - origin) + origin
        polygons[part] = corners.flatten(1).to(polygons.dtype)


@torch.no_grad()
def points_in_polygons_forward(points: Tensor, polygons: Tensor,
                               output: Tensor) -> None:
    """Whether points lie inside quadrilaterals, by counting crossings.

    Args:
        points (Tensor): ``(B, 2)``.
        polygons (Tensor): ``(M, 8)`` as x1, y1, ..., x4, y4.
        output (Tensor): Output ``(B, M)``, 1 inside and 0 outside.
    """
    corners = polygons.view(-1, 4, 2)
    px, py = points[:, None].unbind(-1)  # (B, 1)
    inside = torch.zeros(output.shape, dtype=torch.bool, device=output.device)
    for i in range(4):
        sx, sy = corners[:, i].unbind(-1)  # (M,)
        tx, ty = corners[:, i - 1].unbind(-1)
        crosses = (sy < py) != (ty < py)
        # Where the edge is level the division is void and `crosses` False.
        at = sx + (py - sy) * ((tx - sx) / (ty - sy))
        inside ^= crosses & (at > px)
    output.copy_(inside)
