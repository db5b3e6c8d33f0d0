# Copyright (c) mmeo contributors. All rights reserved.
"""Micro and macro measures beside naive ones and mmpretrain's."""

import numpy as np
import pytest
import torch
from mmpretrain.evaluation import AveragePrecision
from mmpretrain.structures import DataSample

from mmeo.builder import build
from mmeo.evaluation.metrics.multi_label_metric import average_precision


def naive(scores: np.ndarray, target: np.ndarray) -> float:
    """Step by step over thresholds, as the definition has it."""
    area = recall = 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        chosen = scores >= threshold
        hits = (chosen & (target == 1)).sum()
        now = hits / (target == 1).sum()
        area += (now - recall) * hits / chosen.sum()
        recall = now
    return area


@pytest.mark.parametrize('levels', [3, 20, 10**6])
@pytest.mark.parametrize('seed', range(4))
def test_average_precision_is_the_naive_one(levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(levels, size=200) / levels
    target = rng.random(200) < 0.3
    value = average_precision(scores, target)
    assert value == pytest.approx(naive(scores, target), abs=1e-12)
    order = rng.permutation(200)
    assert average_precision(scores[order], target[order]) == value
    if levels == 10**6:  # without ties mmpretrain agrees
        theirs = AveragePrecision.calculate(
            torch.tensor(scores)[:, None], torch.tensor(target)[:, None])
        assert 100 * value == pytest.approx(theirs.item(), abs=1e-4)


def test_known_values() -> None:
    assert average_precision(np.array([.1, .4, .35, .8]),
                             np.array([0, 0, 1, 1])) == pytest.approx(5 / 6)
    assert average_precision(np.full(4, .5), np.array([1, 0, 0, 0])) == .25
    assert np.isnan(average_precision(np.ones(3), np.zeros(3)))


def evaluate(scores: np.ndarray, target: np.ndarray, **kwargs) -> dict:
    metric = build('MultiLabelMetric', **kwargs)
    metric.dataset_meta = dict(classes=[f'c{i}' for i in range(
        scores.shape[1])])
    samples = [
        DataSample().set_pred_score(torch.tensor(s)).set_gt_label(
            np.flatnonzero(t)).to_dict() for s, t in zip(scores, target)]
    for i in range(0, len(samples), 7):
        metric.process(None, samples[i:i + 7])
    return metric.evaluate(len(samples))


def test_micro_and_macro() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((60, 5)).astype(np.float32)
    target = rng.random((60, 5)) < np.array([.1, .3, .5, .2, .4])
    target[0] = False  # an image without any class
    found = evaluate(scores, target, classwise=True)
    each = [naive(s, t) for s, t in zip(scores.T, target.T)]
    assert found['multi-label/mAP_macro'] == pytest.approx(
        100 * np.mean(each))
    assert found['multi-label/mAP_micro'] == pytest.approx(
        100 * naive(scores.ravel(), target.ravel()))
    assert found['multi-label/AP.c3'] == pytest.approx(100 * each[3])
    chosen = scores >= .5
    hits = (chosen & target).sum(0)
    f1 = 2 * hits / (chosen.sum(0) + target.sum(0))
    assert found['multi-label/f1_macro'] == pytest.approx(100 * f1.mean())
    assert found['multi-label/f1_micro'] == pytest.approx(
        200 * hits.sum() / (chosen.sum() + target.sum()))


def test_classes_without_positives_do_not_count() -> None:
    scores = np.array([[.9, .1], [.2, .3]], dtype=np.float32)
    found = evaluate(scores, np.array([[1, 0], [0, 0]]) == 1)
    assert found['multi-label/mAP_macro'] == 100
    assert found['multi-label/mAP_micro'] == 100


def test_threshold_counts() -> None:
    scores = np.array([[.4, .1], [.2, .9]], dtype=np.float32)
    target = np.array([[1, 0], [0, 1]]) == 1
    assert evaluate(scores, target)['multi-label/recall_micro'] == 50
    assert evaluate(scores, target,
                    thr=.3)['multi-label/recall_micro'] == 100
