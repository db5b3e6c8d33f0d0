# Copyright (c) mmeo contributors. All rights reserved.
"""Text alignment on maps made by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmeo import build
from mmeo.errors import ConfigError, DataError

NAMES = ['water', 'forest', 'road']


@pytest.fixture
def head():
    head = build('ITAHead', in_channels=3, class_names=NAMES, text_dims=3,
                 class_weights=None)
    with torch.no_grad():
        head.project.weight.copy_(torch.eye(3))
        head.project.bias.zero_()
        head.text.copy_(torch.eye(3))
    return head


def test_loss_of_a_hand_made_map(head):
    """One pixel is forest and looks like it, one road that looks wet."""
    maps = torch.zeros(1, 3, 1, 2)
    maps[0, :, 0, 0] = torch.tensor([0., 2., 0.])
    maps[0, :, 0, 1] = torch.tensor([3., 0., 4.])  # cosines .6, 0, .8
    out = head([maps], [torch.tensor([[[1, 0]]])])
    tau = .07
    first = -math.log(math.exp(1 / tau) / (math.exp(1 / tau) + 2))
    second = -math.log(math.exp(.6 / tau) / (
        math.exp(.6 / tau) + 1 + math.exp(.8 / tau)))
    assert float(out['loss_ita']) == pytest.approx((first + second) / 2,
                                                   rel=1e-5)
    assert float(out['ita_acc']) == 50


def test_loss_against_a_loop_with_unlabelled_pixels(head):
    maps = torch.randn(2, 3, 2, 2)
    labels = torch.randint(3, (2, 8, 8))
    labels[0, :5] = 255
    out = head([maps], [labels])
    fine = F.interpolate(maps, (8, 8), mode='bilinear', align_corners=False)
    total, count = 0., 0
    for b in range(2):
        for y in range(8):
            for x in range(8):
                k = int(labels[b, y, x])
                if k == 255:
                    continue
                f = fine[b, :, y, x] / fine[b, :, y, x].norm() / .07
                total += float(f.exp().sum().log() - f[k])
                count += 1
    assert float(out['loss_ita']) == pytest.approx(total / count, rel=1e-4)


def test_finer_labels_are_read_at_cell_centres(head):
    maps = torch.randn(1, 3, 2, 2)
    coarse = torch.randint(3, (1, 8, 8))
    fine = torch.full((1, 24, 24), 255)
    fine[:, 1::3, 1::3] = coarse  # nothing but the centres
    a, b = (head([maps], [x])['loss_ita'] for x in (coarse, fine))
    torch.testing.assert_close(a, b)


def test_rare_classes_weigh_more(head):
    head.class_weights = 'sqrt_freq'
    maps = torch.zeros(1, 3, 1, 5)
    maps[0, 0] = 1  # all look like water
    labels = torch.tensor([[[0, 0, 0, 0, 1]]])
    right, wrong = (float(head([maps], [labels[..., i:i + 1]
                                        .expand(1, 1, 5)])['loss_ita'])
                    for i in (0, 4))
    loss = float(head([maps], [labels])['loss_ita'])
    assert loss == pytest.approx((4 * .5 * right + wrong) / (4 * .5 + 1),
                                 rel=1e-4)


def test_temperature_is_learned_and_bounded(head):
    out = head([torch.randn(1, 3, 2, 2)], [torch.zeros(1, 2, 2).long()])
    out['loss_ita'].backward()
    assert head.log_scale.grad.abs() > 0
    assert float(head.scale.detach()) == pytest.approx(1 / .07, rel=1e-5)
    head.log_scale.data.fill_(9.)
    assert float(head.scale.detach()) == 100


def test_nothing_labelled(head):
    x = torch.randn(1, 3, 2, 2, requires_grad=True)
    out = head([x], [torch.full((1, 2, 2), 255)])
    assert float(out['loss_ita'].detach()) == 0
    out['loss_ita'].backward()
    assert not x.grad.any()


def test_errors(head):
    maps = [torch.randn(1, 3, 2, 2)]
    with pytest.raises(DataError, match='label 3 has no name'):
        head(maps, [torch.full((1, 2, 2), 3)])
    bare = build('ITAHead', in_channels=3, class_names=NAMES, text_dims=3)
    with pytest.raises(ConfigError, match='no text embeddings'):
        bare(maps, [torch.zeros(1, 2, 2).long()])
    with pytest.raises(ConfigError, match="'sqrt_freq' or None"):
        build('ITAHead', in_channels=3, class_weights='freq')
