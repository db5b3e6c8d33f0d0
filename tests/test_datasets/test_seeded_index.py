# Copyright (c) mmeo contributors. All rights reserved.
"""Augmentation belongs to a place in the order of samples, not to a worker."""

import json
import pickle
import random
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import mmeo
from mmeo.datasets import ResumableInfiniteSampler
from mmeo.datasets.samplers import SeededIndex, seeded_by

SIZE = 5


def draw():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_an_index_is_an_int_that_travels():
    index = pickle.loads(pickle.dumps(SeededIndex(3, 77)))
    assert index == 3 and [0, 1, 2, 'x'][index] == 'x' and index.seed == 77


def test_draws_follow_the_seed_and_leave_no_trace():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    undisturbed = draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    inside = []
    for index in (SeededIndex(0, 5), SeededIndex(9, 5), SeededIndex(0, 6)):
        with seeded_by(index):
            inside.append(draw())
    assert inside[0] == inside[1]
    assert not set(inside[0]) & set(inside[2])
    with pytest.raises(KeyError), seeded_by(SeededIndex(0, 5)):
        raise KeyError
    assert draw() == undisturbed
    with seeded_by(4):
        first = draw()
    with seeded_by(4):
        assert draw() != first


@pytest.fixture
def mixture(tmp_path):
    """Images of noise, so that each JPEG quality gives other pixels."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(SIZE):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(
            tmp_path / f'{i}.png')
        lines.append(json.dumps(dict(image=f'{i}.png', conversations=[
            {'from': 'human', 'value': f'{i}'},
            {'from': 'gpt', 'value': 'x'}])))
    (tmp_path / 'a.jsonl').write_text('\n'.join(lines))
    pipeline = [dict(type='LoadDialogueImages', jpeg_quality=(5, 95))]
    part = dict(type='InstructDataset', ann_file='a.jsonl',
                jpeg_augment=True)

    def build(in_part):
        own = dict(part, pipeline=pipeline) if in_part else part
        return mmeo.build('MixtureDataset', datasets=[own],
                          data_root=str(tmp_path),
                          pipeline=[] if in_part else pipeline)

    return build


def pixels(samples):
    return [np.asarray(sample['images'][0]).tobytes() for sample in samples]


def stream(dataset, batches, batch_size=2, workers=0, rank=0, world=1,
           skip=0, seed=3):
    """Pixels of a process's first samples, by place in the global order."""
    sampler = ResumableInfiniteSampler(dataset, seed=seed,
                                       batch_size=batch_size)
    sampler.rank, sampler.world_size = rank, world
    sampler.skip(skip)
    loader = DataLoader(dataset, batch_size, sampler=sampler,
                        num_workers=workers, collate_fn=list)
    return [pixels(batch) for batch in islice(loader, batches)]


@pytest.mark.parametrize('in_part', [True, False])
def test_same_pixels_however_they_are_drawn(mixture, in_part):
    dataset = mixture(in_part)
    whole = stream(dataset, 12)
    flat = sum(whole, [])
    # An image is another one in the next pass, and with another seed.
    assert len(set(flat[:20])) > 15
    assert stream(dataset, 12, seed=4) != whole
    np.random.seed(0)
    assert stream(dataset, 12, workers=1) == whole
    assert stream(dataset, 12, workers=2) == whole
    ranks = [stream(dataset, 6, workers=rank, rank=rank, world=2)
             for rank in (0, 1)]
    assert [part for pair in zip(*ranks) for part in pair] == whole
    assert sum(stream(dataset, 6, batch_size=4), []) == flat
    assert stream(dataset, 5, workers=2, skip=14) == whole[7:]  # resumed
