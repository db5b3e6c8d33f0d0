# Copyright (c) mmeo contributors. All rights reserved.
"""From crops to rows, with a backbone that says where it looks."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmeo.models.selfsup.branch import SelfSupBranch
from mmeo.models.selfsup.view_matching import match_views
from mmeo.registry import MODELS
from mmeo.structures import CropBatch, ModalityBatch

SIDE = 64


class WhereBackbone(nn.Module):
    """Maps are the images themselves at stride 4."""

    def __init__(self) -> None:
        super().__init__()
        self.modalities = dict(hr=dict(in_channels=2, gsd=1.))
        self.out_channels = [2]
        self.norms = nn.ModuleDict()

    def forward_modalities(self, batches):
        return {name: (torch.stack([F.avg_pool2d(x, 4)
                                    for x in batch.images]), )
                for name, batch in batches.items()}

    def pop_aux_loss(self):
        return torch.zeros(())


@pytest.fixture
def branch():
    with MODELS.switch_scope_and_registry('mmeo'):
        MODELS.register_module(name='WhereBackbone', module=WhereBackbone,
                               force=True)
    branch = SelfSupBranch(dict(type='WhereBackbone'), mgcl=dict(
        grid_size=4, levels=('pix', ), contrast=dict(type='InfoNCE')))
    branch.mgcl['backbone'].heads['pix'] = nn.Identity()
    return branch


def cut(box: tuple, flip: bool, turn: int) -> CropBatch:
    """A crop of an image whose pixels hold their own coordinates."""
    at = (np.arange(SIDE) + .5) / SIDE
    image = np.stack(np.meshgrid(at, at), -1).astype(np.float32)
    x1, y1, x2, y2 = (round(v * SIDE) for v in box)
    image = image[y1:y2, x1:x2]
    image = np.rot90(image[:, ::-1] if flip else image, turn)
    images = torch.from_numpy(image.transpose(2, 0, 1).copy())[None, None]
    return CropBatch('global', dict(hr=ModalityBatch.of(images)),
                     torch.tensor([box]), torch.tensor([flip]),
                     torch.tensor([turn]))


@pytest.mark.parametrize('flips', [(False, True), (True, True)])
@pytest.mark.parametrize('turns', [(0, 1), (3, 2)])
def test_pixel_rows_of_both_sides_are_the_same_places(branch, flips, turns):
    crops = [cut((0., 0., .75, .75), flips[0], turns[0]),
             cut((.25, .25, 1., 1.), flips[1], turns[1])]
    pairs = match_views(crops, 4)
    rows = {side: branch(crops, pairs, side)['mgcl']['hr']['pix']
            for side in ('student', 'teacher')}
    assert rows['student'].shape == (2 * 16, 2)
    torch.testing.assert_close(rows['student'], rows['teacher'], atol=1e-4,
                               rtol=0)
    # 4 x 4 cells of .25 to .75
    places = .25 + .5 * (torch.arange(4) + .5) / 4
    wanted = torch.stack(torch.meshgrid(places, places, indexing='xy'), -1)
    torch.testing.assert_close(rows['student'][:16], wanted.view(16, 2),
                               atol=1e-4, rtol=0)
