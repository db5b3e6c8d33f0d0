# Copyright (c) mmeo contributors. All rights reserved.
"""MGCL against loops, on maps that say where they are."""

import math

import pytest
import torch

from mmeo import build
from mmeo.errors import ConfigError, DataError
from mmeo.models.layers import sinkhorn
from mmeo.models.selfsup.clustering import pool_groups
from mmeo.models.selfsup.mgcl_head import mean_frame
from mmeo.models.selfsup.view_matching import match_views
from mmeo.structures import CropBatch

CONTRAST = dict(type='DINOContrast', num_prototypes=8, hidden_dims=16,
                bottleneck_dims=4)


@pytest.fixture
def head():
    return build('MGCLHead', in_channels=6, contrast=CONTRAST, grid_size=2,
                 num_centroids=3)


def crops(batch: int, apart: tuple = ()) -> list[CropBatch]:
    boxes = torch.tensor([[[0., 0., .8, .8]], [[.2, .2, 1., 1.]]])
    boxes = boxes.repeat(1, batch, 1)
    for i in apart:
        boxes[0, i] = torch.tensor([0., 0., .2, .2])
    return [CropBatch('global', {}, box,
                      torch.zeros(batch, dtype=torch.bool),
                      torch.zeros(batch, dtype=torch.int64)) for box in boxes]


def test_groups_against_a_loop():
    scores = torch.randn(2, 9, 3)
    groups = sinkhorn(scores, .1, 3, sync=False)
    q = (scores.double() / .1).exp()
    for _ in range(3):
        q = q / q.sum(1, keepdim=True)
        q = q / q.sum(2, keepdim=True)
    torch.testing.assert_close(groups.double(), q, rtol=1e-4, atol=1e-5)
    balanced = sinkhorn(scores, 1., 50, sync=False)
    torch.testing.assert_close(balanced.sum(1), torch.full((2, 3), 3.))
    tokens = torch.randn(2, 9, 6)
    pooled = pool_groups(tokens, groups)
    for b in range(2):
        for k in range(3):
            total = sum(float(groups[b, n, k]) for n in range(9))
            wanted = sum(groups[b, n, k] * tokens[b, n]
                         for n in range(9)) / total
            torch.testing.assert_close(pooled[b, k], wanted)


def test_both_sides_use_the_teachers_groups(head):
    """Objects of the student are pooled with the teacher's shares."""
    maps, valid = torch.randn(2, 1, 1, 6, 4, 4), torch.ones(2, 1, 1).bool()
    pairs = match_views(crops(1), 2)
    taught = head(maps, valid, pairs, 'teacher')
    assert taught['groups'].shape == (2, 4, 3)
    learnt = head(maps, valid, pairs, 'student', taught['groups'])
    for key, rows in (('pix', 8), ('obj', 6), ('img', 2)):
        assert learnt[key].shape == taught[key].shape == (rows, 8)
    # Pair 0 is (student 0, teacher 1), pair 1 the reverse: with equal heads
    # the student's rows are the teacher's in the other order.
    for key, rows in (('pix', 4), ('img', 1)):
        torch.testing.assert_close(learnt[key][:rows], taught[key][rows:])
    other = head(maps, valid, pairs, 'student', taught['groups'].flip(2))
    assert not torch.allclose(other['obj'], learnt['obj'])
    torch.testing.assert_close(other['pix'], learnt['pix'])


def test_group_loss_teaches_the_centroids(head):
    scores = torch.randn(2, 4, 3, requires_grad=True)
    groups = sinkhorn(torch.randn(2, 4, 3), sync=False)
    losses = head.group_losses(scores, groups)
    for b in range(2):
        for n in range(4):
            exps = [math.exp(float(v) / .1) for v in scores[b, n].detach()]
            loss = -.1 * sum(float(q) * math.log(e / sum(exps))
                             for q, e in zip(groups[b, n], exps))
            assert float(losses.detach()[4 * b + n]) == pytest.approx(
                loss, rel=1e-4, abs=1e-6)
    maps, valid = torch.randn(2, 1, 1, 6, 4, 4), torch.ones(2, 1, 1).bool()
    pairs = match_views(crops(1), 2)
    taught = head(maps, valid, pairs, 'teacher')
    learnt = head(maps, valid, pairs, 'student', taught['groups'])
    learnt['group_losses'].mean().backward()
    assert head.seeds.centroids.grad.any()


def test_crops_apart_and_missing_frames_have_no_rows(head):
    maps, valid = torch.randn(2, 3, 1, 6, 4, 4), torch.ones(2, 3, 1).bool()
    valid[0, 2] = False
    found = head(maps, valid, match_views(crops(3, apart=(1, )), 2),
                 'teacher')
    # Sample 0 has all, sample 1 only whole images, sample 2 nothing.
    assert {key: len(found[key]) for key in ('pix', 'obj', 'img')} == dict(
        pix=8, obj=6, img=4)
    nothing = head(maps, torch.zeros_like(valid),
                   match_views(crops(3), 2), 'teacher')
    assert len(nothing['pix']) == len(nothing['img']) == 0


def test_padding_frames_changes_nothing(head):
    maps, valid = torch.randn(2, 2, 3, 6, 4, 4), torch.ones(2, 2, 3).bool()
    pairs = match_views(crops(2), 2)
    before = head(maps, valid, pairs, 'teacher')
    padded = torch.cat((maps, torch.randn_like(maps[:, :, :2])), 2)
    more = torch.cat((valid, torch.zeros(2, 2, 2).bool()), 2)
    after = head(padded, more, pairs, 'teacher')
    for key in before:
        torch.testing.assert_close(after[key], before[key])
    mean, some = mean_frame(padded, more)
    torch.testing.assert_close(mean[:, :, 0], maps.mean(2))
    assert some.all() and some.shape == (2, 2, 1)


def test_frames_can_be_paired():
    head = build('MGCLHead', in_channels=6, contrast=CONTRAST,
                 levels=('img', ), frames='paired')
    maps, valid = torch.randn(2, 1, 3, 6, 4, 4), torch.ones(2, 1, 3).bool()
    rows = head(maps, valid, match_views(crops(1)), 'student')['img']
    alone = head(maps[:, :, 1:2], valid[:, :, 1:2], match_views(crops(1)),
                 'student')['img']
    torch.testing.assert_close(rows[[1, 4]], alone)
    valid[1, 0, 2] = False
    with pytest.raises(DataError, match="frames='pool'"):
        head(maps, valid, match_views(crops(1)), 'student')


def test_unknown_options():
    for wrong in (dict(levels=('pixel', )), dict(frames='mean')):
        with pytest.raises(ConfigError, match='must be'):
            build('MGCLHead', in_channels=6, contrast=CONTRAST, **wrong)
