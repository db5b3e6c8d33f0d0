# Copyright (c) mmeo contributors. All rights reserved.
import json

import numpy as np
import pytest

import mmeo
from mmeo.datasets import instruct_index
from mmeo.datasets.instruct_index import SPAN, SpanList, read_span, scan
from mmeo.errors import DataError, MissingDataError

RECORDS = [dict(id=i, text='港 ' * (i % 7) + '\\"}],[{ é', inner=[{'a': [i]}])
           for i in range(50)]


def spans(path):
    out = SpanList(3)
    for raw in scan(path):
        out.append(raw)
    return out.to_array()


def read_all(path):
    return [read_span(path, span)[1] for span in spans(path)]


@pytest.mark.parametrize('newline', ['\n', '\r\n', '\n\n \n'])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig'])
def test_lines(tmp_path, newline, encoding):
    path = tmp_path / 'a.jsonl'
    text = newline.join(json.dumps(r, ensure_ascii=False) for r in RECORDS)
    path.write_bytes(text.encode(encoding))
    assert read_all(path) == RECORDS


@pytest.mark.parametrize('indent', [None, 2])
@pytest.mark.parametrize('chunk', [1, 7, 64, 1 << 20])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig'])
def test_lists_with_any_window(tmp_path, monkeypatch, indent, chunk,
                               encoding):
    monkeypatch.setattr(instruct_index, '_CHUNK', chunk)
    path = tmp_path / 'a.json'
    text = json.dumps(RECORDS, ensure_ascii=False, indent=indent)
    path.write_bytes(f'\n {text}\n'.encode(encoding))
    assert read_all(path) == RECORDS
    assert [raw.number for raw in scan(path)] == list(range(50))


def test_spans_are_exact_and_small(tmp_path):
    path = tmp_path / 'a.jsonl'
    path.write_text('{"a": 1}\n\n{"b": "é"}\n', encoding='utf-8')
    table = spans(path)
    assert SPAN.itemsize == 20
    assert table.tolist() == [(3, 1, 0, 8), (3, 3, 10, 11)]
    assert read_span(path, table[1]) == (f'{path}:3', {'b': 'é'})
    (tmp_path / 'b.json').write_text('[]')
    assert len(spans(tmp_path / 'b.json')) == 0


@pytest.mark.parametrize('text, message', [
    ('[{"a": 1}', 'breaks off'),
    ('[{"a": 1}, {"a"', r'a.json\[1\]: not JSON'),
    ('[{"a": 1} {"a": 2}]', r'a.json\[1\]: a comma'),
    ('"x"', 'holds no list'),
    ('', 'breaks off'),
    ('[1, "\xff"]', 'not UTF-8'),
])
def test_broken_lists_say_where(tmp_path, text, message):
    path = tmp_path / 'a.json'
    path.write_bytes(text.encode('latin-1'))
    with pytest.raises(DataError, match=message):
        list(scan(path))


def test_absent_and_changed_files(tmp_path):
    with pytest.raises(MissingDataError, match='none.jsonl'):
        list(scan(tmp_path / 'none.jsonl'))
    path = tmp_path / 'a.jsonl'
    path.write_text('{"a": 1}\n{"a": 2}\n')
    table = spans(path)
    path.write_text('{"a": 100000}\n{"a": 2}\n')
    with pytest.raises(DataError, match='a.jsonl:2: not JSON'):
        read_span(path, table[1])


def test_a_sample_takes_28_bytes(tmp_path):
    path = tmp_path / 'a.jsonl'
    path.write_text('\n'.join(json.dumps(dict(conversations=[
        {'from': 'human', 'value': f'Question {i} ' + 'long ' * 50},
        {'from': 'gpt', 'value': 'x'}])) for i in range(2000)))
    data = mmeo.build('InstructDataset', ann_file=str(path))
    held = sum(value.nbytes for value in vars(data).values()
               if isinstance(value, np.ndarray))
    assert held == 28 * 2000 and not data.data_list
    assert data[1999]['conversations'][0]['value'].startswith('Question 1999')
