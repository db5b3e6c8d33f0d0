# Copyright (c) mmeo contributors. All rights reserved.
import json

import numpy as np
import pytest
from PIL import Image

import mmeo
from mmeo.datasets.instruct_repeats import repeat_indices
from mmeo.datasets.instruct_rounds import merge_rounds
from mmeo.errors import ConfigError, DataError, MissingDataError


def record(image, *texts):
    turns = [{'from': ('human', 'gpt')[i % 2], 'value': text}
             for i, text in enumerate(texts)]
    out = dict(id=0, conversations=turns)
    return out if image is None else dict(out, image=image)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'img').mkdir()
    for i, size in enumerate([(56, 28), (28, 28), (90, 30)]):  # (W, H)
        Image.new('RGB', size, (40 * i, 90, 200)).save(
            tmp_path / f'img/{i}.png')
    return tmp_path


def write(path, records):
    path.write_text('\n'.join(map(json.dumps, records)) + '\n')
    return path.name


RECORDS = [
    record('img/0.png', '<image>\nHow many?', 'Two.'),
    record('img/1.png', 'Where?', 'Here.'),
    record(['img/0.png', 'img/1.png'], '<image><image>\nChange?', 'None.'),
    record(None, 'Hi', 'Ho'),
    record('img/0.png', '<image>\nWhat?', 'Ships.'),
]
PIPELINE = [
    dict(type='LoadDialogueImages'),
    dict(type='DynamicTiling', image_size=28, max_tiles=4),
]


def test_layouts_agree(folder):
    write(folder / 'a.jsonl', RECORDS)
    (folder / 'a.json').write_text(json.dumps(RECORDS))
    (folder / 'meta').mkdir()
    (folder / 'meta/meta.json').write_text(json.dumps({
        'one': dict(root='..', annotation='../a.jsonl', repeat_time=1,
                    data_augment=True, max_dynamic_patch=2, length=5)}))
    lines = mmeo.build('InstructDataset', ann_file='a.jsonl',
                       data_root=str(folder))
    listed = mmeo.build('InstructDataset', ann_file='a.json',
                        data_root=str(folder))
    meta = mmeo.build('InstructDataset', ann_file='meta/meta.json',
                      data_root=str(folder))
    assert len(lines) == len(listed) == len(meta) == 5
    for i in range(5):
        a, b, c = (d.get_data_info(i) for d in (lines, listed, meta))
        assert a['conversations'] == b['conversations'] == c['conversations']
        assert a['img_paths'] == b['img_paths']
        assert c['max_tiles'] == 2 and c['jpeg_augment']
    assert lines.get_data_info(1)['source'] == f'{folder}/a.jsonl:2'
    assert listed.get_data_info(1)['source'] == f'{folder}/a.json[1]'


def test_img_prefix(folder):
    write(folder / 'a.jsonl', [record('0.png', 'Hi', 'Ho')])
    data = mmeo.build('InstructDataset', ann_file='a.jsonl',
                      data_root=str(folder), data_prefix=dict(img_path='img'),
                      pipeline=PIPELINE)
    assert data[0]['ori_shapes'] == [(28, 56)]


@pytest.mark.parametrize('lines, message', [
    (['{"conversations": [}'], 'a.jsonl:2: not JSON'),
    (['[1, 2]'], 'a.jsonl:2: a record must be an object'),
    (['{"image": "x.png"}'], 'a.jsonl:2: the record has no `conversations`'),
    ([json.dumps(record(3, 'Hi', 'Ho'))], 'a.jsonl:2: `image`'),
    ([json.dumps(record('x', '<image><image>', 'Ho'))],
     'a.jsonl:2: 2 .*placeholders.* 1 images'),
])
def test_bad_lines_name_file_and_line(folder, lines, message):
    (folder / 'a.jsonl').write_text(
        '\n'.join([json.dumps(RECORDS[0]), *lines]))
    with pytest.raises(DataError, match=message):
        mmeo.build('InstructDataset', ann_file='a.jsonl',
                   data_root=str(folder))


def test_absent_files(folder):
    with pytest.raises(MissingDataError, match='none.jsonl.*make_synthearth'):
        mmeo.build('InstructDataset', ann_file='none.jsonl',
                   data_root=str(folder))
    (folder / 'meta.json').write_text('{"a": {"annotation": "b.jsonl"}}')
    with pytest.raises(MissingDataError, match="`annotation` of entry 'a'"):
        mmeo.build('InstructDataset', ann_file='meta.json',
                   data_root=str(folder))
    (folder / 'meta.json').write_text('{"a": 3}')
    with pytest.raises(DataError, match="entry 'a' has no `annotation`"):
        mmeo.build('InstructDataset', ann_file='meta.json',
                   data_root=str(folder))
    (folder / 'empty.jsonl').write_text('\n')
    with pytest.raises(DataError, match='no dialogue'):
        mmeo.build('InstructDataset', ann_file='empty.jsonl',
                   data_root=str(folder))


def test_bad_image_stops_and_is_never_replaced(folder):
    write(folder / 'a.jsonl', [RECORDS[0],
                               record('img/9.png', 'Hi', 'Ho'),
                               record('img/bad.png', 'Hi', 'Ho')])
    whole = (folder / 'img/0.png').read_bytes()
    (folder / 'img/bad.png').write_bytes(whole[:len(whole) // 2])
    data = mmeo.build('InstructDataset', ann_file='a.jsonl',
                      data_root=str(folder), pipeline=PIPELINE)
    with pytest.raises(MissingDataError, match='a.jsonl:2: .*9.png'):
        data[1]
    with pytest.raises(DataError, match='a.jsonl:3: .*bad.png'):
        data[2]
    silent = mmeo.build('InstructDataset', ann_file='a.jsonl',
                        data_root=str(folder), pipeline=[lambda x: None])
    with pytest.raises(DataError, match='a.jsonl:1'):
        silent[0]


@pytest.mark.parametrize('length, repeat, count', [
    (100, 0.29, 29), (100, 1, 100), (7, 8, 56), (10, 2.35, 23), (3, 0.3, 0),
    (0, 2, 0), (1497, 0.05, 74)])
def test_repeats_are_exact(length, repeat, count):
    index = repeat_indices(length, repeat, seed=3)
    assert len(index) == count
    counts = np.bincount(index, minlength=length)
    if count:
        assert counts.max() - counts.min() <= 1
    assert np.array_equal(index, repeat_indices(length, repeat, seed=3))


def test_fractions_are_random_and_seeded():
    draws = [tuple(repeat_indices(100, 0.2, seed)) for seed in (0, 1)]
    assert draws[0] != draws[1] and draws[0] != tuple(range(20))
    with pytest.raises(ConfigError, match='repeat=0'):
        repeat_indices(10, 0)


def test_meta_repeats(folder):
    write(folder / 'a.jsonl', [record(None, f'{i}', 'x') for i in range(10)])
    entry = dict(root='.', annotation='a.jsonl')
    (folder / 'meta.json').write_text(json.dumps({
        'a': dict(entry, repeat_time=2), 'b': dict(entry, repeat_time=0.5)}))
    data = mmeo.build('InstructDataset', ann_file='meta.json',
                      data_root=str(folder))
    assert len(data) == 25


def test_rounds_about_one_image_are_joined():
    samples = [dict(img_paths=r.get('image') and [r['image']] or [],
                    conversations=r['conversations'], source=str(i))
               for i, r in enumerate([
                   record('a', '<image>\nQ1', 'A1'), record('b', 'Q2', 'A2'),
                   record('a', '<image>\nQ3', 'A3', 'Q4', 'A4'),
                   record('a', '<image>\nQ5', 'A5'), record(None, 'Q6', 'A6'),
                   record(None, 'Q7', 'A7')])]
    merged = merge_rounds(samples, 3)
    texts = [[t['value'] for t in s['conversations']] for s in merged]
    assert texts == [['<image>\nQ1', 'A1', 'Q3', 'A3', 'Q4', 'A4'],
                     ['Q2', 'A2'], ['<image>\nQ5', 'A5'], ['Q6', 'A6'],
                     ['Q7', 'A7']]
    assert len(samples[0]['conversations']) == 2  # the input is untouched


def test_joined_rounds_read_back_as_merged(folder):
    records = [record(f'img/{i % 3}.png', f'<image>\nQ{i}', f'A{i}')
               for i in range(20)] + [record(None, 'Hi', 'Ho')]
    write(folder / 'a.jsonl', records)
    build = dict(ann_file='a.jsonl', data_root=str(folder))
    plain = mmeo.build('InstructDataset', **build).load_data_list()
    joined = mmeo.build('InstructDataset', max_rounds=4, **build)
    expected = merge_rounds(plain, 4)
    assert len(joined) == len(expected) == 7
    for i, sample in enumerate(expected):
        found = joined.get_data_info(i)
        assert found['conversations'] == sample['conversations']
        assert found['img_paths'] == sample['img_paths']
    (folder / 'meta.json').write_text(json.dumps({
        'a': dict(root='.', annotation='a.jsonl', repeat_time=2)}))
    twice = mmeo.build('InstructDataset', ann_file='meta.json',
                       data_root=str(folder), max_rounds=4)
    assert len(twice) == 14
    assert twice.get_data_info(9)['conversations'] == \
        expected[2]['conversations']


def test_subsets_negative_indices_and_bounds(folder):
    write(folder / 'a.jsonl', RECORDS)
    build = dict(ann_file='a.jsonl', data_root=str(folder))
    data = mmeo.build('InstructDataset', **build)
    whole = [x['source'] for x in data.load_data_list()]
    assert data.get_data_info(-1)['source'] == whole[-1]
    assert data.get_data_info(-5)['source'] == whole[0]
    with pytest.raises(IndexError, match='sample 5 of 5'):
        data.get_data_info(5)
    chosen = mmeo.build('InstructDataset', indices=[4, 0, 2], **build)
    assert [x['source'] for x in chosen.load_data_list()] == [
        whole[4], whole[0], whole[2]]
    part = data.get_subset(2)
    assert [x['source'] for x in part.load_data_list()] == whole[:2]
    with pytest.raises(ConfigError, match='serialize_data'):
        mmeo.build('InstructDataset', serialize_data=False, **build)


def test_tiles_augmentation_and_length_of_a_plain_file(folder, monkeypatch):
    write(folder / 'a.jsonl', RECORDS)
    logged = []
    monkeypatch.setattr('mmeo.datasets.instruct_dataset.print_log',
                        lambda text, *a, **k: logged.append(text))
    data = mmeo.build('InstructDataset', ann_file='a.jsonl', max_tiles=2,
                      data_root=str(folder), jpeg_augment=True, length=7,
                      pipeline=PIPELINE)
    sample = data.get_data_info(0)
    assert sample['max_tiles'] == 2 and sample['jpeg_augment']
    assert data[0]['num_tiles'] == [3]  # 2:1 and a thumbnail
    assert data[2]['num_tiles'] == [1, 1]  # two images share two tiles
    assert len(logged) == 1 and '5 records' in logged[0] and '7' in logged[0]


def test_unchecked_records_stop_where_they_are_read(folder):
    (folder / 'a.jsonl').write_text(json.dumps(RECORDS[0]) + '\n{"x": 1}\n')
    data = mmeo.build('InstructDataset', ann_file='a.jsonl', validate=False,
                      data_root=str(folder))
    assert data[0]['source'].endswith('a.jsonl:1')
    with pytest.raises(DataError, match='a.jsonl:2: the record has no'):
        data[1]


def test_video_is_refused(folder):
    write(folder / 'a.jsonl', [dict(record(None, 'Hi', 'Ho'), video='x.mp4')])
    with pytest.raises(DataError, match='a.jsonl:1: `video` is not read'):
        mmeo.build('InstructDataset', ann_file='a.jsonl',
                   data_root=str(folder))


def test_first_lines_of_a_fraction():
    assert repeat_indices(10, 2.3, fraction='first').tolist() == [
        *range(10), *range(10), 0, 1, 2]
    with pytest.raises(ConfigError, match="fraction='last'"):
        repeat_indices(10, 1, fraction='last')


def test_workers_read_the_same(folder):
    from torch.utils.data import DataLoader
    write(folder / 'a.jsonl', [record(None, f'Q{i}', 'A')
                               for i in range(40)])
    data = mmeo.build('InstructDataset', ann_file='a.jsonl',
                      data_root=str(folder))
    loader = DataLoader(data, batch_size=4, num_workers=2,
                        collate_fn=lambda x: x)
    texts = [s['conversations'][0]['value'] for b in loader for s in b]
    assert texts == [f'Q{i}' for i in range(40)]
