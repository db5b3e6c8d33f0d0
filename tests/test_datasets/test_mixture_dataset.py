# Copyright (c) mmeo contributors. All rights reserved.
import json
from collections import Counter

import pytest

import mmeo
from mmeo.datasets.instruct_meta import read_meta, write_meta
from mmeo.datasets.instruct_repeats import format_mixture
from mmeo.datasets.mixture_dataset import mixture_config, mixture_sources
from mmeo.errors import ConfigError, DataError, MissingDataError


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


def test_repeats_in_the_parts(parts):
    with_repeats = [dict(parts[0], repeat=0.3), dict(parts[1], repeat=2.25)]
    a = mmeo.build('MixtureDataset', datasets=with_repeats)
    b = mmeo.build('MixtureDataset', datasets=parts, repeats=[0.3, 2.25])
    assert contents(a) == contents(b)
    with pytest.raises(ConfigError, match='not both'):
        mmeo.build('MixtureDataset', datasets=with_repeats, repeats=[1, 1])


def test_first_lines(parts):
    mixture = mmeo.build('MixtureDataset', datasets=parts, fraction='first',
                         repeats=[0.3, 1.5])
    assert contents(mixture) == ['a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'b3',
                                 'b0', 'b1']


def test_shared_root_and_pipeline(parts, tmp_path):
    relative = [dict(part, ann_file=f'{name}.jsonl')
                for part, name in zip(parts, 'ab')]
    seen = []
    mixture = mmeo.build('MixtureDataset', datasets=relative,
                         data_root=str(tmp_path),
                         pipeline=[lambda x: seen.append(x['source']) or x])
    assert mixture[12]['conversations'][0]['value'] == 'b2'
    assert seen == [f'{tmp_path}/b.jsonl:3']
    empty = mmeo.build('MixtureDataset', datasets=relative,
                       data_root=str(tmp_path), pipeline=[lambda x: None])
    with pytest.raises(DataError, match='nothing for .*a.jsonl:1'):
        empty[0]


def test_all_missing_parts_are_listed(parts, tmp_path):
    datasets = [parts[0], *(dict(type='InstructDataset', ann_file=f'{n}.jsonl')
                            for n in 'xy')]
    with pytest.raises(MissingDataError) as error:
        mmeo.build('MixtureDataset', datasets=datasets,
                   data_root=str(tmp_path))
    text = str(error.value)
    assert '2 of 3' in text and 'x.jsonl' in text and 'y.jsonl' in text


def test_the_picks_are_logged(parts, monkeypatch):
    logged = []
    monkeypatch.setattr('mmeo.datasets.mixture_dataset.print_log',
                        lambda text, *a, **k: logged.append(text))
    mixture = mmeo.build('MixtureDataset', datasets=parts,
                         repeats=[0.3, 2.25])
    rows = mixture.rows()
    assert [tuple(row) for row in rows] == [
        ('a', 10, 0.3, 3, 0.25), ('b', 4, 2.25, 9, 0.75)]
    lines = logged[-1].splitlines()
    assert lines[2].split() == ['a', '10', '0.3', '3', '25.0%']
    assert lines[-1].split() == ['sum', '14', '12', '100.0%']
    assert format_mixture(rows) in logged[-1]


def test_config_to_meta_and_back(parts, tmp_path):
    datasets = [
        dict(type='InstructDataset', name='a', ann_file='a.jsonl', repeat=0.3,
             data_prefix=dict(img_path='images/a'), max_tiles=12, length=10,
             jpeg_augment=True),
        dict(type='InstructDataset', ann_file='b.jsonl', repeat=2.25),
    ]
    cfg = dict(type='MixtureDataset', data_root=str(tmp_path),
               datasets=datasets)
    sources = mixture_sources(cfg)
    write_meta(sources, tmp_path / 'meta.json')
    entry = json.loads((tmp_path / 'meta.json').read_text())['a']
    assert entry == dict(
        root='images/a', annotation='a.jsonl', data_augment=True,
        repeat_time=0.3, max_dynamic_patch=12, length=10)
    assert read_meta(tmp_path / 'meta.json', resolve=False) == sources
    (tmp_path / 'images/a').mkdir(parents=True)
    from_meta = mmeo.build('InstructDataset', ann_file='meta.json',
                           data_root=str(tmp_path))
    from_config = mmeo.build(cfg)
    again = mmeo.build(mixture_config(sources, str(tmp_path)))
    texts = contents(from_config)
    assert texts == contents(again) == contents(from_meta)
    assert from_config.get_data_info(0)['max_tiles'] == \
        from_meta.get_data_info(0)['max_tiles'] == 12
    assert from_meta.get_data_info(0)['img_paths'] == []


def test_metas_say_what_is_wrong(parts, tmp_path):
    source = mixture_sources(dict(parts[0]))[0]
    with pytest.raises(ConfigError, match="twice: .'a'"):
        write_meta([source, source], tmp_path / 'm.json')
    with pytest.raises(ConfigError, match='CocoDataset'):
        mixture_sources(dict(type='CocoDataset'))
    (tmp_path / 'm.json').write_text(json.dumps(
        {'a': dict(annotation='a.jsonl', repeat_time='2')}))
    with pytest.raises(DataError, match="'a': `repeat_time` is '2'"):
        read_meta(tmp_path / 'm.json')
    with pytest.raises(MissingDataError, match='none.json'):
        read_meta(tmp_path / 'none.json')
