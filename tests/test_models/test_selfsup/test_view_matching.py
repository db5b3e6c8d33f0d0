# Copyright (c) mmeo contributors. All rights reserved.
"""Two crops of one coordinate image name the same places."""

import numpy as np
import pytest
import torch
from torchvision.ops import roi_align

from mmeo.models.selfsup.view_matching import (
    crop_points,
    match_views,
    sample_cells,
)
from mmeo.structures import CropBatch

SIDE = 64


def coordinate_image() -> np.ndarray:
    """``(SIDE, SIDE, 2)``: x and y of each pixel's centre, as shares."""
    at = (np.arange(SIDE) + .5) / SIDE
    x, y = np.meshgrid(at, at)
    return np.stack((x, y), -1).astype(np.float32)


def crop(box: tuple, flip: bool, turn: int) -> torch.Tensor:
    """What the pipeline does: cut, mirror, turn: ``(2, h, w)``."""
    x1, y1, x2, y2 = (round(v * SIDE) for v in box)
    image = coordinate_image()[y1:y2, x1:x2]
    if flip:
        image = image[:, ::-1]
    image = np.rot90(image, turn)
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


def crop_batch(box: tuple, flip: bool, turn: int) -> CropBatch:
    return CropBatch('global', {}, torch.tensor([box]),
                     torch.tensor([flip]), torch.tensor([turn]))


A, B = (0., .125, .75, .875), (.25, 0., 1., .75)


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('turn', range(4))
def test_pairs_of_crops_see_the_same_places(flip, turn):
    views = [crop_batch(A, not flip, 1), crop_batch(B, flip, turn)]
    maps = torch.stack([crop(A, not flip, 1), crop(B, flip, turn)])
    pairs = match_views(views, size=5, ratio=2)
    assert pairs.student == [0, 1] and pairs.teacher == [1, 0]
    assert pairs.overlaps.all()
    found = {}
    for d in range(2):
        for side, views_of, points in (
                ('student', pairs.student, pairs.student_points),
                ('teacher', pairs.teacher, pairs.teacher_points)):
            found[d, side] = sample_cells(
                maps[views_of[d]][None], points[d], 2)[0]  # (25, 2)
    # The cells of x .25 to .75 and y .125 to .75, row by row.
    x = .25 + .5 * (torch.arange(5) + .5) / 5
    y = .125 + .625 * (torch.arange(5) + .5) / 5
    wanted = torch.stack(torch.meshgrid(x, y, indexing='xy'), -1).view(25, 2)
    for cells in found.values():
        torch.testing.assert_close(cells, wanted, atol=1e-5, rtol=0)


def test_cells_are_those_of_roi_align():
    box, other = (0., 0., 1., 1.), (.2, .3, .9, .7)
    maps = torch.randn(1, 3, 20, 20)
    pairs = match_views([crop_batch(box, False, 0),
                         crop_batch(other, False, 0)], size=7, ratio=2)
    cells = sample_cells(maps, pairs.student_points[0], 2)
    wanted = roi_align(maps, [torch.tensor([other]) * 20], 7,
                       sampling_ratio=2, aligned=True)
    torch.testing.assert_close(cells, wanted.flatten(2).transpose(1, 2),
                               atol=1e-5, rtol=1e-5)


def test_points_of_each_quarter_turn():
    """Ground at the top right of the crop."""
    point, box = torch.tensor([[[1., 0.]]]), torch.tensor([[0., 0., 1., 1.]])
    corners = [crop_points(point, box, torch.tensor([False]),
                           torch.tensor([turn]))[0, 0].tolist()
               for turn in range(4)]
    assert corners == [[1, -1], [-1, -1], [-1, 1], [1, 1]]


def test_crops_apart_do_not_count():
    near, far = (0., 0., .5, .5), (.5, .5, 1., 1.)
    sliver = (.49, 0., .99, .5)
    views = [crop_batch(near, False, 0), crop_batch(far, False, 0)]
    assert not match_views(views).overlaps.any()
    views[1] = crop_batch(sliver, False, 0)
    assert not match_views(views, min_overlap=.05).overlaps.any()
    assert match_views(views, min_overlap=.01).overlaps.all()
