# Copyright (c) mmeo contributors. All rights reserved.
"""Sinkhorn: marginals, weights, and the sum over ranks."""

import pytest
import torch
import torch.multiprocessing as mp
from torch import Tensor, distributed

from mmeo.models.layers import sinkhorn


def plain(scores: Tensor, eps: float, iterations: int) -> Tensor:
    """As DINOv2 does it: a matrix scaled by columns and rows in turns."""
    q = (scores.double() / eps).exp()
    for _ in range(iterations):
        q = q / q.sum(0, keepdim=True)
        q = q / q.sum(1, keepdim=True)
    return q


@pytest.mark.parametrize('shape', [(12, 5), (3, 40), (1, 4)])
@pytest.mark.parametrize('eps', [0.05, 0.5])
@pytest.mark.parametrize('iterations', [0, 1, 3])
def test_equals_scaling_in_turns(shape: tuple, eps: float,
                                 iterations: int) -> None:
    scores = torch.rand(shape) * 2 - 1
    expected = plain(scores, eps, iterations)
    if not iterations:
        expected = expected / expected.sum(1, keepdim=True)
    torch.testing.assert_close(sinkhorn(scores, eps, iterations).double(),
                               expected, rtol=1e-4, atol=1e-6)


def test_marginals() -> None:
    scores = torch.rand(64, 8)
    out = sinkhorn(scores, eps=0.05, iterations=100)
    torch.testing.assert_close(out.sum(1), torch.ones(64))
    torch.testing.assert_close(out.sum(0), torch.full((8, ), 8.), rtol=1e-3,
                               atol=0)
    # without balancing, a column all rows like best takes all
    scores[:, 0] += 3
    balanced = sinkhorn(scores, iterations=100).sum(0)
    assert balanced[0] < 8.1 and (scores / 0.05).softmax(1).sum(0)[0] > 60


def test_weights_count_rows() -> None:
    scores = torch.rand(6, 4)
    weights = torch.tensor([1., 2, 0, 1, 3, 1])
    out = sinkhorn(scores, row_weights=weights)
    repeated = scores.repeat_interleave(weights.long(), 0)
    assert torch.allclose(
        sinkhorn(repeated), out.repeat_interleave(weights.long(), 0),
        atol=1e-6)
    assert torch.allclose(out.sum(1), torch.ones(6))  # also of weight 0


def test_no_weight_at_all_is_a_softmax() -> None:
    scores = torch.rand(5, 3)
    out = sinkhorn(scores, row_weights=torch.zeros(5))
    assert torch.allclose(out, (scores / 0.05).softmax(1))


def test_huge_scores_and_half_precision() -> None:
    out = sinkhorn(torch.randn(16, 4, dtype=torch.bfloat16) * 1e3)
    assert out.dtype == torch.float32 and out.isfinite().all()


def test_has_no_gradient() -> None:
    assert not sinkhorn(torch.rand(4, 3, requires_grad=True)).requires_grad


def _rank(rank: int, store: str, scores: Tensor, cuts: list,
          queue: mp.Queue) -> None:
    distributed.init_process_group('gloo', f'file://{store}', rank=rank,
                                   world_size=2)
    part = scores.split(cuts)[rank]
    queue.put((rank, sinkhorn(part).numpy()))
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize('cuts', [[7, 5], [12, 0]])
def test_ranks_balance_together(cuts: list, tmp_path) -> None:
    scores = torch.rand(12, 4)
    context = mp.get_context('spawn')
    queue = context.SimpleQueue()
    processes = [context.Process(
        target=_rank, args=(rank, tmp_path / 'store', scores, cuts, queue))
        for rank in range(2)]
    for process in processes:
        process.start()
    parts = dict(queue.get() for _ in processes)
    for process in processes:
        process.join()
    found = torch.cat([torch.from_numpy(parts[rank]) for rank in range(2)])
    assert torch.allclose(found, sinkhorn(scores), atol=1e-6)
