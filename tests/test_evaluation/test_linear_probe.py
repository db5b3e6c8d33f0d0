# Copyright (c) mmeo contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric

from mmeo.errors import DataError
from mmeo.evaluation.linear_probe import choose_probe, fit_probe, mean_iou


def test_the_fit_is_where_the_gradient_vanishes():
    torch.manual_seed(0)
    x = torch.randn(200, 5, dtype=torch.float64) * 3 + 1
    y = torch.rand(200, 3, dtype=torch.float64).softmax(-1)
    probe = fit_probe(x, y, l2=.1, iterations=500)
    rest = (probe(x).softmax(-1) - y) / len(x)
    normed = (x - probe.mean) / probe.scale
    assert (normed.T @ rest + .1 * probe.weight).abs().max() < 1e-5
    assert rest.sum(0).abs().max() < 1e-5


def test_shifts_and_scales_of_the_features_change_nothing():
    torch.manual_seed(0)
    x, y = torch.randn(60, 4), torch.eye(3)[torch.arange(60) % 3]
    a = fit_probe(x, y, .01)
    b = fit_probe(x * 50 - 7, y, .01)
    torch.testing.assert_close(a(x), b(x * 50 - 7), rtol=1e-3, atol=1e-3)


def test_noise_asks_for_a_strong_penalty():
    torch.manual_seed(0)
    labels = torch.arange(60) % 3
    noise = torch.randn(60, 200)
    signal = torch.eye(3)[labels] * 4 + torch.randn(60, 3) * .3
    groups = torch.arange(60)
    target = torch.eye(3)[labels]
    assert choose_probe(noise, target, groups).l2 == 1
    probe = choose_probe(signal, target, groups)
    assert probe.l2 <= 1e-2
    assert (probe(signal).argmax(-1) == labels).float().mean() > .95


def test_mean_iou_is_mmseg_s():
    rng = np.random.default_rng(0)
    labels = [torch.from_numpy(rng.integers(0, 4, (9, 7))) for _ in range(3)]
    labels[0][:2] = 255
    preds = [torch.from_numpy(rng.integers(0, 4, (9, 7))) for _ in range(3)]
    areas = [IoUMetric.intersect_and_union(p, t, 4, 255)
             for p, t in zip(preds, labels)]
    shared, union, *_ = (sum(parts) for parts in zip(*areas))
    assert mean_iou(preds, labels, 5) == pytest.approx(
        100 * (shared / union).mean().item(), abs=1e-4)


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(DataError, match='finite'):
        fit_probe(torch.full((3, 2), float('nan')), torch.eye(3), .1)
