# Copyright (c) mmeo contributors. All rights reserved.
"""Where two crops of a sample see the same ground."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mmeo.structures import CropBatch


@dataclass
class ViewPairs:
    """All ordered pairs of crops, with the ground that both see.

    Args:
        student (list[int]): Number of the student's crop in each of D pairs.
        teacher (list[int]): Number of the teacher's crop.
        student_points (Tensor): ``(D, B, S, S, 2)``, x and y from -1 to 1 in
            the student's crop, of a grid over the common ground. The grid
            lies alike in both crops, whatever their flips and turns.
        teacher_points (Tensor): The same places in the teacher's crop.
        overlaps (Tensor): ``(D, B)`` bool, whether there is common ground.
    """

    student: list[int]
    teacher: list[int]
    student_points: Tensor
    teacher_points: Tensor
    overlaps: Tensor


def crop_points(points: Tensor, box: Tensor, flip: Tensor,
                turns: Tensor) -> Tensor:
    """Where places of the sample lie in a crop that was flipped and turned.

    Args:
        points (Tensor): ``(B, ..., 2)``, x and y as shares of the sample.
        box (Tensor): ``(B, 4)``, x1, y1, x2, y2 of the crop.
        flip (Tensor): ``(B, )`` bool, mirrored left to right.
        turns (Tensor): ``(B, )``, counter-clockwise quarters after that.

    Returns:
        Tensor: ``(B, ..., 2)``, x and y from -1 to 1 between the crop's
        edges, as ``grid_sample`` takes them.
    """
    size = (len(box), *[1] * (points.dim() - 2))
    low, high = box[:, :2].view(*size, 2), box[:, 2:].view(*size, 2)
    inside = 2 * (points - low) / (high - low) - 1
    x, y = inside.unbind(-1)
    x = torch.where(flip.view(size), -x, x)
    quarters = turns.view(size)
    for quarter in range(1, 4):
        # A quarter counter-clockwise brings the top right to the top left.
        turned = quarters >= quarter
        x, y = torch.where(turned, y, x), torch.where(turned, -x, y)
    return torch.stack((x, y), -1)


def match_views(crops: Sequence[CropBatch],
                size: int = 7,
                ratio: int = 2,
                min_overlap: float = 0.05) -> ViewPairs:
    """Lay a grid over the ground that each pair of crops shares.

    Args:
        crops (Sequence[CropBatch]): Of the same B samples.
        size (int): Cells along a side. Defaults to 7.
        ratio (int): Points along a side of a cell, as ``sampling_ratio`` of
            RoIAlign. Defaults to 2.
        min_overlap (float): Least common area, as a share of the smaller
            crop's. Defaults to 0.05 (our choice).

    Returns:
        ViewPairs: S is ``size * ratio``.
    """
    pairs = [(i, j) for i in range(len(crops)) for j in range(len(crops))
             if i != j]
    at = []  # of student and teacher, for each pair
    overlaps = []
    for first, second in pairs:
        common, enough = _intersect(crops[first].boxes, crops[second].boxes,
                                    min_overlap)
        points = _grid(common, size * ratio)
        overlaps.append(enough)
        at.append([crop_points(points, crop.boxes.float(), crop.flips,
                               crop.turns)
                   for crop in (crops[first], crops[second])])
    return ViewPairs([i for i, _ in pairs], [j for _, j in pairs],
                     torch.stack([a for a, _ in at]),
                     torch.stack([b for _, b in at]), torch.stack(overlaps))


def _intersect(a: Tensor, b: Tensor,
               min_overlap: float) -> tuple[Tensor, Tensor]:
    """Common box ``(B, 4)`` and whether it is large enough ``(B, )``."""
    a, b = a.float(), b.float()
    low = torch.maximum(a[:, :2], b[:, :2])
    high = torch.minimum(a[:, 2:], b[:, 2:])
    sides = (high - low).clamp(min=0)
    smaller = torch.minimum((a[:, 2:] - a[:, :2]).prod(1),
                            (b[:, 2:] - b[:, :2]).prod(1))
    area = sides.prod(1)
    enough = (area > 0) & (area >= min_overlap * smaller)
    return torch.cat((low, low + sides), 1), enough


def _grid(boxes: Tensor, count: int) -> Tensor:
    """Centres of ``count`` x ``count`` cells: ``(B, count, count, 2)``."""
    steps = (torch.arange(count, device=boxes.device) + .5) / count
    y, x = torch.meshgrid(steps, steps, indexing='ij')
    low, high = boxes[:, None, None, :2], boxes[:, None, None, 2:]
    return low + torch.stack((x, y), -1) * (high - low)


def sample_cells(maps: Tensor, points: Tensor, ratio: int = 2) -> Tensor:
    """Features of the cells of a grid: RoIAlign for flipped, turned boxes.

    Args:
        maps (Tensor): ``(N, C, h, w)``.
        points (Tensor): ``(N, S, S, 2)``, see :class:`ViewPairs`.
        ratio (int): Points along a side of a cell. Defaults to 2.

    Returns:
        Tensor: ``(N, (S / ratio)², C)`` float32, cells row by row.
    """
    cells = F.grid_sample(maps.float(), points.to(maps.device), 'bilinear',
                          'border', align_corners=False)
    cells = F.avg_pool2d(cells, ratio)
    return cells.flatten(2).transpose(1, 2)  # (N, C, P, P) -> (N, P * P, C)
