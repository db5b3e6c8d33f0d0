# Copyright (c) mmeo contributors. All rights reserved.
"""Flaws of records with task tokens, each found alone."""

import json
import runpy
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import mmeo
from mmeo.codecs import encode_mask
from mmeo.datasets.instruct_audit import audit
from mmeo.datasets.instruct_check import CheckSettings
from mmeo.datasets.instruct_issues import KINDS
from mmeo.datasets.instruct_targets import file_target
from mmeo.datasets.instruct_tasks import task_flaws

MASK = np.zeros((24, 24), int)
MASK[3:9, 4:20] = 1
TEXT = encode_mask(MASK, ['others', 'low vegetation'])
ASK = '<image>\n[SEG] Please segment the Low vegetation in this image.'


def talk(*texts, **fields):
    return dict(fields, conversations=[
        {'from': ('human', 'gpt')[i % 2], 'value': text}
        for i, text in enumerate(texts)])


def kinds(record, **options):
    found = [kind for kind, _ in task_flaws(record, **options)]
    assert set(found) <= set(KINDS)
    return found


@pytest.mark.parametrize('record', [
    talk('<image>\n[VG] the ship', '[1, 2, 3, 100]'),
    talk('<image>\n[VG] all ships', '[1, 2, 3, 4], [5, 6, 7, 8]'),
    talk('<image>\n[REF] what is [1, 2, 3, 4]?', 'a ship [9, 2, 500, 4]'),
    talk('<image>\n[VQA] Is 7 in [1, 2, 300, 4]?', '[1, 2, 3]'),
    talk('<image>\nWhere is it?', '<box>[[1, 2, 300, 400]]</box>'),
    talk('<image>\n[refer] the ship', 'there'),
    talk(ASK, TEXT), talk(ASK, '\n'.join(['others*24'] * 24)),
    talk(ASK, encode_mask(MASK, ['others', 'low vegetation'], 'text4seg'))])
def test_good_records_have_no_flaw(record):
    assert kinds(record) == []


@pytest.mark.parametrize('kind, record', [
    ('task-token', talk('<image>\n[SGE] the road', 'x')),
    ('box-range', talk('<image>\n[VG] the ship', '[1, 2, 3, 400]')),
    ('box-inverted', talk('<image>\n[VG] the ship', '[9, 2, 3, 4]')),
    ('box-empty', talk('<image>\n[VG] the ship', '[3, 2, 3, 4]')),
    ('box-form', talk('<image>\n[VG] the ship', '[3, 2, 3]')),
    ('box-form', talk('<image>\n[VG] x', '<box>[[1, 2, 3, 4]]</box>')),
    ('box-range', talk('<image>\n[REF] what is [1, 2, 3, 101]?', 'a ship')),
    ('mask-form', talk(ASK, TEXT.rsplit('\n', 1)[0])),
    ('mask-form', talk(ASK, TEXT + '\nothers*24')),
    ('mask-form', talk(ASK, TEXT.replace('*16', '*15'))),
    ('mask-form', talk(ASK, 'There is none.')),
    ('mask-label', talk(ASK, TEXT.replace('low vegetation', 'vegetation'
                                          's'))),
    ('mask-label', talk('[SEG] the crossroads', TEXT.replace(
        'low vegetation', 'road'))),
])
def test_each_flaw_is_found_alone(kind, record):
    assert kinds(record) == [kind]


def test_truth_where_it_is_asked_for():
    good = talk('<image>\n[VG] a ship', '[1, 2, 3, 4]', id='a',
                dataset='set', boxes=[[1, 2, 3, 4]])
    assert kinds(good, truth=True) == []
    assert kinds(dict(good, boxes=[]), truth=True) == ['truth']
    message = list(task_flaws(dict(good, boxes=[], id=''), truth=True))[0][1]
    assert message == 'no id, boxes for [VG]'
    two = talk('[VQA] a?', 'b', '[VQA] c?', 'd', id='a', dataset='s',
               question_type='comp')
    assert kinds(two) == [] and kinds(two, truth=True) == ['truth']


def test_one_granularity_is_an_option():
    mixed = talk('<image>\n[CCD] What has changed?', 'a house',
                 '[SEG] Please segment the house', '\n'.join(
                     ['others*12, house*12'] * 24))
    assert kinds(mixed) == []
    assert kinds(mixed, one_granularity=True) == ['granularity']


def test_lengths_of_joint_samples_are_those_of_the_dataset(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / 'a.png')
    path = tmp_path / 'x.jsonl'
    path.write_text('\n'.join(json.dumps(talk(*texts, image='a.png', id=i))
                              for i, texts in enumerate((
                                  ('<image>\n[VQA] a?', 'b'),
                                  ('<image>\n[VG] c', '[1, 2, 3, 4]'),
                                  ('<image>\n[CAP] d', 'e')))))
    dataset = mmeo.build('InstructDataset', ann_file=str(path),
                         data_root=str(tmp_path), max_rounds=8)
    source = replace(file_target(str(path)).sources[0], max_rounds=8)
    tokenizer = mmeo.codecs.ByteBPETokenizer(path, 300)
    report = audit([source], CheckSettings(
        tiling=mmeo.build('DynamicTiling', max_tiles=1),
        pack=mmeo.build('PackDialogue', tokenizer=tokenizer)))
    # One for each expert.
    assert len(dataset) == report.files[0].measured == 2


def test_masks_of_another_grid():
    text = '\n'.join(['others*4'] * 4)
    assert kinds(talk(ASK, text), grid=4) == []
    assert kinds(talk(ASK, text)) == ['mask-form']


def test_command_reports_them(tmp_path, repo_root, monkeypatch, capsys):
    path = tmp_path / 'x.jsonl'
    path.write_text(json.dumps(talk('[SGE] a', 'b', id=1)) + '\n'
                    + json.dumps(talk('[VQA] a', 'b', '[VG] c',
                                      '[1, 2, 3, 4]', id=2)) + '\n')
    monkeypatch.setattr(sys, 'argv', [
        'check_dataset.py', str(path), '--truth', '--one-granularity',
        '--mask-grid', '16', '--workers', '0'])
    tool = runpy.run_path(str(repo_root / 'tools/check_dataset.py'))
    assert tool['main']() == 2
    shown = capsys.readouterr().out
    for kind in ('task-token', 'granularity', 'truth'):
        assert f'{kind} ' in shown
    assert 'unknown task token [SGE]' in shown
