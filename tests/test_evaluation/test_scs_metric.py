# Copyright (c) mmeo contributors. All rights reserved.
"""SCS against a count by hand, pixel by pixel, and its edge cases."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.metrics import SCSMetric

CLASSES = ('a', 'b', 'c', 'd')
IGNORE = 255


def naive(preds, labels, classes, skip_ignored=False):
    """BC and SC of series of maps, counted one pixel at a time."""
    hit = wrong = missed = 0
    inter, true_area, pred_area = ([0] * classes for _ in range(3))
    for p, t in zip(preds, labels):
        for (p0, p1), (t0, t1) in zip(pairwise(p), pairwise(t)):
            for old, new, was, now in zip(p0.flat, p1.flat, t0.flat, t1.flat):
                if not (skip_ignored and IGNORE in (was, now)):
                    hit += was != now and old != new
                    wrong += was == now and old != new
                    missed += was != now and old == new
                if was != now and now != IGNORE:
                    true_area[now] += 1
                    pred_area[new] += 1
                    inter[now] += now == new
    bc = hit / (hit + wrong + missed)
    ious = [i / (t + p - i)
            for i, t, p in zip(inter, true_area, pred_area) if t]
    sc = sum(ious) / len(ious)
    return 100 * bc, 100 * sc


def sample(place, month, pred, label):
    return dict(
        place=place, month=month,
        pred_sem_seg=dict(data=torch.as_tensor(pred)[None].long()),
        gt_sem_seg=dict(data=torch.as_tensor(label)[None].long()))


def score(preds, labels, order=None, **kwargs):
    """Evaluate series (a list of maps per area)."""
    metric = SCSMetric(**kwargs)
    metric.dataset_meta = dict(classes=CLASSES)
    samples = [
        sample(f'area{a}', f'{2018 + m // 12}-{m % 12 + 1:02d}', p, t)
        for a, (ps, ts) in enumerate(zip(preds, labels))
        for m, (p, t) in enumerate(zip(ps, ts))]
    for i in order if order is not None else range(len(samples)):
        metric.process(None, [samples[i]])
    return metric.evaluate(len(samples))


def random_series(seed, areas=3, months=14, side=9, ignore=True):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (areas, months, side, side))  # never class d
    labels[:, :, 0] = labels[:, :1, 0]  # a row that never changes
    preds = np.where(rng.random(labels.shape) < .6, labels,
                     rng.integers(0, 4, labels.shape))
    if ignore:
        labels[rng.random(labels.shape) < .1] = IGNORE
    return preds, labels


@pytest.mark.parametrize('skip', [False, True])
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_equals_count_by_hand_in_any_order(seed, skip):
    preds, labels = random_series(seed)
    bc, sc = naive(preds, labels, 4, skip)
    order = np.random.default_rng(seed).permutation(preds.size // 81)
    found = score(preds, labels, order, skip_ignored=skip)
    assert found['change/BC'] == pytest.approx(bc)
    assert found['change/SC'] == pytest.approx(sc)
    assert found['change/SCS'] == pytest.approx((bc + sc) / 2)


def test_counts_are_summed_over_areas_and_averages_are_named_so():
    preds, labels = random_series(5, areas=2)
    found = score(preds, labels)
    each = [naive(preds[i:i + 1], labels[i:i + 1], 4) for i in range(2)]
    assert found['change/BC_per_area'] == pytest.approx(
        (each[0][0] + each[1][0]) / 2)
    assert found['change/SCS_per_area'] == pytest.approx(
        sum(map(sum, each)) / 4)
    assert found['change/BC'] != pytest.approx(found['change/BC_per_area'])


def test_perfect_prediction_scores_100():
    _, labels = random_series(3, ignore=False)
    found = score(labels, labels)
    assert found['change/SCS'] == found['change/SC'] == 100


def test_no_change_predicted_scores_half_of_the_semantics():
    labels = np.zeros((1, 2, 4, 4), int)
    labels[0, 1, :2] = 1
    preds = np.ones_like(labels)  # constant, and right where it changed
    found = score(preds, labels)
    assert found['change/BC'] == 0
    assert found['change/SC'] == 100
    assert found['change/SCS'] == 50


def test_change_predicted_everywhere():
    labels = np.zeros((1, 2, 4, 4), int)
    labels[0, 1, :2] = 1
    preds = np.zeros_like(labels)
    preds[0, 1] = 1
    found = score(preds, labels)
    assert found['change/BC'] == 50
    assert found['change/SC'] == 100


def test_no_true_change_has_no_semantic_part():
    still = np.zeros((1, 2, 4, 4), int)
    found = score(still, still)
    assert math.isnan(found['change/SCS'])
    restless = still.copy()
    restless[0, 1] = 1
    assert score(restless, still)['change/BC'] == 0


def test_ignored_label_counts_as_change_unless_told_otherwise():
    labels = np.zeros((1, 2, 2, 2), int)
    labels[0, 1, 0] = 1
    preds = labels.copy()
    labels[0, 1, 1] = IGNORE  # snow falls on a row that stays as predicted
    found = score(preds, labels)
    assert found['change/BC'] == 50
    assert found['change/SC'] == 100
    assert score(preds, labels, skip_ignored=True)['change/BC'] == 100


def test_only_months_at_the_interval_are_pairs():
    labels = np.zeros((1, 13, 2, 2), int)
    labels[0, 1:] = 1
    found = score(labels, labels, interval=12)
    assert found['change/SCS'] == 100
    with pytest.raises(DataError, match='has a counterpart 12 month'):
        score(labels[:, :12], labels[:, :12], interval=12)


def test_what_cannot_be_evaluated_says_why():
    maps = np.zeros((2, 2), int)
    metric = SCSMetric()
    metric.dataset_meta = dict(classes=CLASSES)
    with pytest.raises(DataError, match='no `month`'):
        metric.process(None, [dict(place='x', gt_sem_seg=1)])
    with pytest.raises(DataError, match='differ in size'):
        metric.process(None, [sample('x', '2018-01', maps, maps[:1])])
    with pytest.raises(DataError, match="'YYYY-MM'"):
        metric.process(None, [sample('x', '201801', maps, maps)])
    for _ in range(2):
        metric.process(None, [sample('x', '2018-01', maps, maps)])
    with pytest.raises(DataError, match='2018-01 twice'):
        metric.evaluate(2)
    with pytest.raises(ConfigError, match='interval'):
        SCSMetric(interval=0)
