# Copyright (c) mmeo contributors. All rights reserved.
"""Top-k retrieval between two sensors."""

import numpy as np
import pytest
import torch

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.metrics.retrieval_metric import (
    RetrievalMetric,
    ranks_of_partners,
)


def evaluate(queries, gallery, **options) -> dict:
    metric = RetrievalMetric(**options)
    samples = [dict(sar_feature=torch.as_tensor(q),
                    optical_feature=torch.as_tensor(g))
               for q, g in zip(queries, gallery)]
    metric.process(None, samples[:2])
    metric.process(None, samples[2:])
    return metric.evaluate(len(samples))


def test_ranks_equal_a_loop():
    rng = np.random.default_rng(0)
    queries, gallery = rng.normal(size=(2, 23, 4))
    found = ranks_of_partners(queries, gallery)
    for n, query in enumerate(queries):
        cosine = [q @ query / np.linalg.norm(q) for q in gallery]
        order = sorted(range(23), key=lambda i: -cosine[i])
        assert found[n] == order.index(n) + 1


def test_scores():
    # Query 0 finds its partner, 1 and 2 find each other's.
    queries = np.eye(3, dtype=np.float32)
    gallery = 7 * np.eye(3, dtype=np.float32)[[0, 2, 1]]
    found = evaluate(queries, gallery, topk=(1, 3))
    assert found == {
        'retrieval/top1': pytest.approx(100 / 3), 'retrieval/top3': 100.,
        'retrieval/reverse_top1': pytest.approx(100 / 3),
        'retrieval/median_rank': 3.}


def test_collapse_finds_nothing():
    same = np.ones((6, 4), np.float32)
    found = evaluate(same, same)
    assert found['retrieval/top1'] == found['retrieval/reverse_top1'] == 0
    assert found['retrieval/median_rank'] == 6
    assert evaluate(np.eye(6), np.eye(6))['retrieval/top1'] == 100


def test_bad_input():
    with pytest.raises(ConfigError, match='topk'):
        RetrievalMetric(topk=(0, ))
    with pytest.raises(DataError, match='carries no `optical_feature`'):
        RetrievalMetric().process(None, [dict(sar_feature=torch.ones(2))])
    with pytest.raises(DataError, match='among one sample'):
        evaluate(np.eye(1), np.eye(1))
