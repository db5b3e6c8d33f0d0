# Copyright (c) mmeo contributors. All rights reserved.
import json
from collections import Counter

import pytest

import mmeo
from mmeo.errors import ConfigError


@pytest.fixture
def parts(tmp_path):
    for name, n in (('a', 10), ('b', 4)):
        (tmp_path / f'{name}.jsonl').write_text('\n'.join(
            json.dumps(dict(conversations=[
                {'from': 'human', 'value': f'{name}{i}'},
                {'from': 'gpt', 'value': 'x'}])) for i in range(n)))
    return [dict(type='InstructDataset', ann_file=str(tmp_path / f'{k}.jsonl'))
            for k in 'ab']


def contents(mixture):
    return [mixture[i]['conversations'][0]['value']
            for i in range(len(mixture))]


def test_exact_shares(parts):
    mixture = mmeo.build('MixtureDataset', datasets=parts,
                         repeats=[0.3, 2.25])
    counts = Counter(contents(mixture))
    assert len(mixture) == 3 + 9
    assert sum(v for k, v in counts.items() if k[0] == 'a') == 3
    assert sorted(v for k, v in counts.items() if k[0] == 'b') == [2, 2, 2, 3]
    assert mixture.metainfo['task'] == 'dialogue'
    assert mixture.get_data_info(0)['source'].count('a.jsonl:') == 1


def test_seeded(parts):
    def draw(seed):
        return contents(mmeo.build('MixtureDataset', datasets=parts,
                                   repeats=[0.3, 0.5], seed=seed))

    assert draw(0) == draw(0)
    assert draw(0) != draw(1)


def test_default_is_concatenation_and_lazy(parts):
    mixture = mmeo.build('MixtureDataset', datasets=parts, lazy_init=True)
    assert len(mixture) == 14
    assert contents(mixture)[10] == 'b0'


def test_counts_must_match(parts):
    with pytest.raises(ConfigError, match='2 datasets and 1 repeats'):
        mmeo.build('MixtureDataset', datasets=parts, repeats=[1])
