# Copyright (c) mmeo contributors. All rights reserved.
"""The mathematics of a step, without a Runner and without processes."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from mmeo.datasets import ResumableInfiniteSampler
from mmeo.datasets.samplers import seeded_by
from mmeo.engine import AutocastOptimWrapper
from mmeo.engine.loops import TokenWeightedTrainLoop
from mmeo.engine.loops.token_weighted_loop import mean_over_batch
from mmeo.errors import ConfigError


class Sentences(list):
    """Number i brings i % 7 vectors; some bring none at all."""

    metainfo = {}

    def __init__(self, size=40):
        g = torch.Generator().manual_seed(0)
        super().__init__(
            dict(x=torch.randn(i % 7, 3, generator=g), index=i)
            for i in range(size))
        self.loads = []

    def __getitem__(self, i):
        self.loads.append(int(i))
        with seeded_by(i):
            return dict(super().__getitem__(i), noise=np.random.rand())


class Model(BaseModel):
    """Mean squared length of its vectors behind a linear layer."""

    def __init__(self, dropout=0.):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.dropout = dropout
        self.seeds = []

    def count_loss_weight(self, data_batch):
        return float(sum(len(x) for x in data_batch['x']))

    def forward(self, x, index, noise, normalizer, sample_seeds, mode):
        self.seeds.append(dict(zip(index, sample_seeds)))
        out = F.dropout(self.layer(torch.cat(x)), self.dropout)
        return dict(loss=out.square().sum() / normalizer,
                    acc=out.new_tensor(len(out) / normalizer))


def collate(samples):
    return {key: [s[key] for s in samples] for key in samples[0]}


def make_loop(batch_size, rank=0, world=1, optim_wrapper=None, dropout=0.,
              dataset=None, monkeypatch=None, **kwargs):
    """A loop on one of ``world`` processes."""
    torch.manual_seed(0)
    dataset = dataset or Sentences()
    model = Model(dropout)
    runner = SimpleNamespace(
        model=model, seed=3, visualizer=SimpleNamespace(), hooks=[],
        optim_wrapper=optim_wrapper or dict(), val_loop=None,
        logger=logging.getLogger('test'), outputs=[],
        message_hub=SimpleNamespace(runtime_info={}))
    runner.message_hub.update_info = \
        runner.message_hub.runtime_info.__setitem__

    def call_hook(name, **kwargs):
        if name == 'after_train_iter':
            runner.outputs.append(kwargs['outputs'])

    runner.call_hook = call_hook
    sampler = ResumableInfiniteSampler(dataset, seed=9)
    sampler.rank, sampler.world_size = rank, world
    loader = DataLoader(dataset, batch_size, sampler=sampler,
                        collate_fn=collate)
    if monkeypatch is not None:
        monkeypatch.setattr(
            'mmeo.engine.loops.token_weighted_loop.get_dist_info',
            lambda: (rank, world))
    loop = TokenWeightedTrainLoop(runner, loader, **{'max_iters': 3,
                                                     **kwargs})
    if isinstance(runner.optim_wrapper, dict):
        cfg = dict(runner.optim_wrapper)
        wrapper = AutocastOptimWrapper if cfg.pop('type', None) else \
            OptimWrapper
        runner.optim_wrapper = wrapper(
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1), **cfg)
    return loop


def weights(loop):
    return torch.cat([p.detach().ravel()
                      for p in loop.runner.model.parameters()])


def curve(loop):
    return [float(out['loss']) for out in loop.runner.outputs]


def test_accumulated_steps_equal_big_batches():
    big, cut = make_loop(12), make_loop(3, global_batch_size=12)
    assert cut.accumulative_counts == 4
    assert cut.runner.optim_wrapper._accumulative_counts == 4
    for loop in (big, cut):
        loop.run()
        assert loop.iter == 3 and len(loop.runner.outputs) == 3
    torch.testing.assert_close(weights(big), weights(cut))
    np.testing.assert_allclose(curve(big), curve(cut), rtol=1e-6)
    assert all(out['acc'] == pytest.approx(1)
               for out in cut.runner.outputs)
    # By hand: one mean over the vectors of the first twelve samples.
    order = ResumableInfiniteSampler(Sentences(), seed=9).order(0)[:12]
    x = torch.cat([Sentences()[i]['x'] for i in order])
    layer = make_loop(1).runner.model.layer
    assert curve(big)[0] == pytest.approx(
        (layer(x).square().sum() / len(x)).item())


def test_plain_accumulation_weighs_otherwise():
    """What the loop is for: mean losses of micro-batches are not it."""
    loop = make_loop(3, global_batch_size=12)
    loop.run()
    model = make_loop(1).runner.model
    order = ResumableInfiniteSampler(Sentences(), seed=9).order(0)[:12]
    parts = [torch.cat([Sentences()[i]['x'] for i in order[k:k + 3]])
             for k in range(0, 12, 3)]
    mean = sum(model.layer(x).square().sum(1).mean() for x in parts) / 4
    assert abs(mean.item() / curve(loop)[0] - 1) > 0.01


@pytest.mark.parametrize('world,batch_size', [(2, 3), (3, 2), (4, 3)])
def test_ranks_together_equal_one_process(monkeypatch, world, batch_size):
    """Each rank's gradient, averaged as DDP does, and its random numbers."""
    single = make_loop(batch_size, global_batch_size=12, dropout=0.3)
    ranks = [make_loop(batch_size, rank, world, global_batch_size=12,
                       dropout=0.3, monkeypatch=monkeypatch)
             for rank in range(world)]
    step = [next(loop.dataloader_iterator) for loop in ranks]
    whole = next(single.dataloader_iterator)
    counts = ranks[0].accumulative_counts
    # Same samples and same augmentation, micro-batch by micro-batch.
    merged = [step[n % world][n // world] for n in range(counts * world)]
    assert [b['index'] for b in merged] == [b['index'] for b in whole]
    assert [b['noise'] for b in merged] == [b['noise'] for b in whole]
    total = sum(single.runner.model.count_loss_weight(b) for b in whole)
    monkeypatch.setattr(
        'mmeo.engine.loops.token_weighted_loop.all_reduce',
        lambda data, op='sum': data.fill_(total) if op == 'sum' else None)
    losses, grads = [], []
    for loop, batches in zip([single, *ranks], [whole, *step]):
        loop.runner.optim_wrapper.step = lambda: None
        loop.runner.optim_wrapper.zero_grad = lambda: None
        loop.run_iter(batches)
        losses.append(curve(loop)[0])
        grads.append(loop.runner.model.layer.weight.grad)
    assert np.mean(losses[1:]) == pytest.approx(losses[0], rel=1e-6)
    torch.testing.assert_close(sum(grads[1:]) / world, grads[0])
    seeds = {}
    for loop in ranks:
        for part in loop.runner.model.seeds:
            seeds.update(part)
    mine = {k: v for part in single.runner.model.seeds
            for k, v in part.items()}
    assert seeds == mine and len(set(mine.values())) == 12


@pytest.mark.parametrize('stop', [1, 2])
def test_resumed_loop_draws_the_same(stop):
    whole = make_loop(3, global_batch_size=6, dropout=0.3, max_iters=4)
    whole.run()
    first = make_loop(3, global_batch_size=6, dropout=0.3, max_iters=4)
    first._max_iters = stop
    first.run()
    again = make_loop(3, global_batch_size=6, dropout=0.3, max_iters=4)
    torch.rand(7)
    again.runner.model.load_state_dict(first.runner.model.state_dict())
    again._iter = stop
    again.run()
    # Nothing that was skipped.
    assert len(again.dataloader.dataset.loads) == (4 - stop) * 6
    assert curve(first) + curve(again) == curve(whole)
    assert torch.equal(weights(again), weights(whole))


def test_only_a_counter_of_micro_batches_warns_of_steps(monkeypatch):
    warned = []
    monkeypatch.setattr('mmengine.optim.optimizer.optimizer_wrapper.'
                        'print_log', lambda text, **kwargs:
                        warned.append(text))
    curves = []
    for cfg in (dict(), dict(type='mmeo.AutocastOptimWrapper', dtype=None)):
        loop = make_loop(3, global_batch_size=12, optim_wrapper=cfg)
        wrapper = loop.runner.optim_wrapper
        loop._iter = 1
        # As the Runner does before the loop starts.
        wrapper.initialize_count_status(loop.runner.model, 1, 3)
        assert any('not divisible' in text for text in warned) == (not cfg)
        warned.clear()
        loop.run()
        assert not warned and wrapper._inner_count == 12
        curves.append(curve(loop))
    assert curves[0] == curves[1] and len(curves[0]) == 2


def test_a_step_without_targets():
    dataset = Sentences(1)  # its only sample has no vector
    loop = make_loop(1, dataset=dataset, global_batch_size=2)
    before = weights(loop)
    loop.run()
    assert curve(loop) == [0, 0, 0]
    assert torch.equal(weights(loop), before)


def test_logs_are_means():
    logs = [dict(loss=torch.tensor(1.), acc=torch.tensor(0.5)),
            dict(loss=torch.tensor(2.), acc=torch.tensor(0.))]
    assert mean_over_batch(logs) == dict(loss=1.5, acc=0.25)


def test_messages():
    with pytest.raises(ConfigError, match='no multiple of 1 process.* x '
                       'batch_size=3'):
        make_loop(3, global_batch_size=10)
    with pytest.raises(ConfigError, match='either'):
        make_loop(3, global_batch_size=9, accumulative_counts=3)
    with pytest.raises(ConfigError, match='accumulative_counts=8'):
        make_loop(3, global_batch_size=9,
                  optim_wrapper=dict(accumulative_counts=8))
    loop = make_loop(3, global_batch_size=9)
    loop.runner.model = nn.Linear(1, 1)
    with pytest.raises(ConfigError, match='Linear has no count_loss'):
        loop.run()
    loop = make_loop(3, global_batch_size=9)
    loop._iter = 1
    loop.runner.message_hub.runtime_info['global_batch_size'] = 18
    with pytest.raises(ConfigError, match='global_batch_size=18'):
        loop.run()
