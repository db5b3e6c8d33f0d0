# Copyright (c) mmeo contributors. All rights reserved.
from itertools import islice

import numpy as np
import pytest
from torch.utils.data import DataLoader

import mmeo
from mmeo.datasets import ResumableInfiniteSampler
from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATA_SAMPLERS


def build(size=23, rank=0, world=1, **kwargs):
    kwargs = {'seed': 5, **kwargs}
    sampler = ResumableInfiniteSampler(range(size), **kwargs)
    sampler.rank, sampler.world_size = rank, world
    return sampler


def take(sampler, n, start=0):
    return list(islice(sampler, start, start + n))


def test_each_pass_is_a_permutation_of_its_own():
    stream = take(build(), 23 * 3)
    passes = [stream[i:i + 23] for i in range(0, 69, 23)]
    assert all(sorted(part) == list(range(23)) for part in passes)
    assert passes[0] != passes[1] != passes[2] != passes[0]
    assert take(build(), 69) == stream
    assert take(build(seed=6), 69) != stream
    assert take(build(shuffle=False), 30) == [*range(23), *range(7)]


@pytest.mark.parametrize('world', [1, 2, 3, 4])
@pytest.mark.parametrize('batch_size', [1, 2, 5])
def test_ranks_share_the_one_order_in_batches(world, batch_size):
    whole = take(build(), 200)
    ranks = [take(build(rank=r, world=world, batch_size=batch_size), 40)
             for r in range(world)]
    merged = np.array(ranks).reshape(world, -1, batch_size)
    merged = merged.transpose(1, 0, 2).ravel().tolist()
    assert merged == whole[:len(merged)]


@pytest.mark.parametrize('batch_size', [1, 4])
@pytest.mark.parametrize('skipped', [0, 4, 24, 236])
def test_skip_is_absolute_and_counts_this_rank(skipped, batch_size):
    walked = take(build(rank=1, world=2, batch_size=batch_size), 30, skipped)
    sampler = build(rank=1, world=2, batch_size=batch_size)
    sampler.skip(3)
    sampler.skip(skipped)
    assert take(sampler, 30) == walked
    assert take(sampler, 30) == walked  # a new iterator starts there again


def test_a_far_jump_draws_no_order_between(monkeypatch):
    sampler = build(size=1000)
    drawn = []
    order = sampler.order
    monkeypatch.setattr(
        sampler, 'order', lambda n: (drawn.append(n), order(n))[1])
    sampler.skip(10**9 + 7)
    assert take(sampler, 2) == order(10**6)[7:9].tolist()
    assert drawn == [10**6]


def test_in_a_dataloader_of_a_mixture():
    parts = [list(range(10)), list(range(100, 104))]

    class Part(list):
        metainfo = {}

        def full_init(self):
            pass

    mixture = mmeo.datasets.MixtureDataset(
        [Part(part) for part in parts], [0.5, 2])
    sampler = DATA_SAMPLERS.build(dict(
        type='ResumableInfiniteSampler', dataset=mixture, seed=0))
    loader = DataLoader(mixture, batch_size=13, sampler=sampler)
    assert len(loader.sampler) == 13
    first = next(iter(loader)).tolist()
    assert sorted(x for x in first if x >= 100) == [
        100, 100, 101, 101, 102, 102, 103, 103]
    assert len({x for x in first if x < 100}) == 5


def test_messages():
    with pytest.raises(DataError, match='empty'):
        build(size=0)
    with pytest.raises(ConfigError, match='batch_size=0'):
        build(batch_size=0)
    with pytest.raises(ConfigError, match=r'skip\(-1\)'):
        build().skip(-1)
