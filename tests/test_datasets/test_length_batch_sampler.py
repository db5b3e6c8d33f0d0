# Copyright (c) mmeo contributors. All rights reserved.
"""Batches of about the same length, each sample once over all processes."""

from types import SimpleNamespace

import pytest

from mmeo.datasets import LengthBatchSampler
from mmeo.errors import ConfigError, DataError


class Questions(list):
    """Tasks, numbers of images and lengths by turns."""

    def __init__(self, size=61, tasks=('VQA', 'SEG', 'CAP')):
        super().__init__(
            dict(source=f'x.jsonl:{i}', img_paths=['a'] * (1 + i % 4 // 3),
                 conversations=[
                     dict(role='user',
                          content=f'[{tasks[i % len(tasks)]}] '
                          + 'q' * (i * 31 % 17)),
                     dict(role='assistant', content='a' * (i * 53 % 400))])
            for i in range(size))

    def get_data_info(self, index):
        return self[index]


def batches(dataset, batch_size=4, rank=None, monkeypatch=None, **kwargs):
    if rank is not None:
        monkeypatch.setattr(
            'mmeo.datasets.samplers.length_batch_sampler.get_dist_info',
            lambda: rank)
    sampler = LengthBatchSampler(SimpleNamespace(dataset=dataset),
                                 batch_size, **kwargs)
    assert len(sampler) == len(list(sampler))
    return list(sampler)


def test_each_sample_once_and_groups_apart():
    data = Questions()
    found = batches(data)
    assert sorted(sum(found, [])) == list(range(61))
    for batch in found:
        assert len({data[i]['conversations'][0]['content'][:5]
                    for i in batch}) == 1
        assert len({len(data[i]['img_paths']) for i in batch}) == 1


def test_rows_of_a_batch_have_about_one_length():
    """Less padding than in the order of the set, and the longest first."""
    data = Questions(200, tasks=('SEG', ))
    for info in data:
        info['img_paths'] = ['a']

    def steps(found):
        return [max(len(data[i]['conversations'][1]['content'])
                    for i in batch) for batch in found]

    by_length, as_is = batches(data), batches(data, by_length=False)
    assert as_is == [list(range(i, i + 4)) for i in range(0, 200, 4)]
    useful = sum(len(info['conversations'][1]['content'])
                 for info in data) / 4
    assert useful <= sum(steps(by_length)) < 1.15 * useful
    assert sum(steps(as_is)) > 1.4 * useful
    assert steps(by_length)[0] * 1.5 > max(steps(as_is))


def test_questions_about_one_image_stand_together():
    data = Questions(40, tasks=('VQA', ))
    for i, info in enumerate(data):
        info['img_paths'] = [f'{i % 5}.png']
        info['conversations'][1]['content'] = 'yes' if i % 2 else 'no'
    for batch in batches(data, 8):
        assert len({data[i]['img_paths'][0] for i in batch}) == 1


@pytest.mark.parametrize('world', [2, 3, 8])
def test_processes_share_the_same_batches(world, monkeypatch):
    data = Questions()
    parts = [batches(data, rank=(rank, world), monkeypatch=monkeypatch)
             for rank in range(world)]
    together = [batch for part in parts for batch in part]
    assert sorted(together) == sorted(batches(
        data, rank=(0, 1), monkeypatch=monkeypatch))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_skips_what_is_answered_but_keeps_halves():
    data = Questions()
    sampler = LengthBatchSampler(SimpleNamespace(dataset=data), 4)
    whole = list(sampler)
    sampler.skip({data[i]['source'] for i in whole[0] + whole[1][:-1]})
    assert list(sampler) == whole[1:] and len(sampler) == len(whole) - 1
    sampler.skip(set(sampler.sources))
    assert list(sampler) == [] and len(sampler) == 0


def test_refuses_what_it_cannot_plan():
    data = Questions(3)
    with pytest.raises(ConfigError, match='batch_size=0'):
        batches(data, 0)
    with pytest.raises(ConfigError, match='does not tell its dataset'):
        LengthBatchSampler(SimpleNamespace(), 2)
    data[2]['source'] = data[0]['source']
    with pytest.raises(DataError, match='share a `source`'):
        batches(data)
