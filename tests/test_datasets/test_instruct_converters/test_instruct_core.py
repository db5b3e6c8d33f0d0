# Copyright (c) mmeo contributors. All rights reserved.
"""What all sources share: counts, seeds, lists, metas, messages."""

import json
import re
import subprocess
import sys

import pytest

from mmeo.datasets import InstructDataset
from mmeo.datasets.instruct_converters import (
    SOURCES,
    Wording,
    convert_instruct,
)
from mmeo.datasets.instruct_converters.boxes import (
    box_text,
    enclosing_box,
    enclosing_box_of_rotated,
)
from mmeo.datasets.instruct_converters.cli import parse_args
from mmeo.datasets.instruct_converters.items import Unusable
from mmeo.datasets.instruct_converters.report import ExcludeList
from mmeo.datasets.instruct_converters.wording import plain_name
from mmeo.errors import ConfigError, DataError, MissingDataError


@pytest.fixture
def scenes(tmp_path, picture):
    """Three classes of four images."""
    for name in ('forest', 'SeaLake', 'parking_lot'):
        for i in range(4):
            picture(tmp_path / 'scenes' / name / f'{name}_{i}.png')
    return tmp_path / 'scenes'


def test_every_source_documents_its_files(repo_root):
    page = ''.join((repo_root / 'docs/en' / name).read_text() for name in (
        'instruction_converters.md', 'rsunivlm_data.md'))
    for name, source in SOURCES.items():
        assert source.tree and source.asks and source.title
        assert f'`{name}`' in page, f'{name} is not in the docs page'


def test_same_seed_same_file_other_seed_other_questions(scenes, convert):
    first = convert('classification', scenes, seed=1).path.read_bytes()
    again = convert('classification', scenes, seed=1).path.read_bytes()
    other = convert('classification', scenes, seed=2).path.read_bytes()
    assert first == again != other


def test_a_record_does_not_depend_on_its_neighbours(scenes, convert, write,
                                                    tmp_path):
    full = {r['id']: r for r in convert('classification', scenes).records}
    some = convert('classification', scenes, limit=5).records
    assert len(some) == 5 and all(full[r['id']] == r for r in some)
    leave = write(tmp_path / 'leave.txt', 'forest_0\nforest_1\n')
    rest = convert('classification', scenes, exclude=str(leave)).records
    assert len(rest) == 10 and all(full[r['id']] == r for r in rest)


def test_exclude_list_finds_copies_and_tiles(write, tmp_path):
    path = write(tmp_path / 'test.txt',
                 'airport_1.jpg\nP0003_*\nval/scene.tif\nnever.png\n')
    excluded = ExcludeList(str(path))
    assert 'train/airport_1.png' in excluded  # another folder and extension
    assert 'P0003_0002.png' in excluded and 'P00031.png' not in excluded
    assert 'val/scene.png' in excluded and 'train/scene.png' not in excluded
    assert 'airport_10.png' not in excluded
    assert excluded.unused() == ['never.png']


def test_exclude_is_counted(scenes, convert, write, tmp_path):
    leave = write(tmp_path / 'leave.txt', 'forest/forest_0.png\ntypo.png\n')
    report = convert('classification', scenes, exclude=str(leave)).report
    assert report.left_out == {'image is on the exclude list': 1}
    assert report.exclude_unused == ['typo.png']
    assert any('typo.png' in line for line in report.lines())


def test_meta_grows_and_repeats(scenes, tmp_path):
    meta = tmp_path / 'mix' / 'meta.json'
    for name, repeat in (('a', 2), ('b', 0.5)):
        convert_instruct('classification', scenes, tmp_path / f'{name}.jsonl',
                         meta=meta, name=name, repeat=repeat, max_tiles=6,
                         jpeg_augment=True)
    content = json.loads(meta.read_text())
    assert list(content) == ['a', 'b']
    assert content['a'] == dict(root='../scenes', annotation='../a.jsonl',
                                data_augment=True, repeat_time=2, length=12,
                                max_dynamic_patch=6)
    dataset = InstructDataset(ann_file=str(meta))
    assert len(dataset) == 24 + 6
    assert dataset[0]['max_tiles'] == 6 and dataset[0]['jpeg_augment']
    with pytest.raises(DataError, match='give another --name'):
        convert_instruct('classification', scenes, tmp_path / 'c.jsonl',
                         meta=meta, name='a')


def test_missing_images_are_counted_or_stop(scenes, write, tmp_path, convert):
    table = write(tmp_path / 't.csv', 'image,label\nforest/forest_0.png,a\n'
                  'gone.png,b\n')
    done = convert('classification', table, image_root=scenes)
    assert done.report.flaws == {'image missing': 1}
    assert 'gone.png' in done.report.examples['image missing']
    with pytest.raises(DataError, match='gone.png: image missing'):
        convert('classification', table, image_root=scenes, strict=True)
    with pytest.raises(MissingDataError, match='correct --image-root'):
        convert('classification', table, image_root=tmp_path)


def test_a_failed_run_leaves_the_old_file(scenes, tmp_path):
    out = tmp_path / 'a.jsonl'
    convert_instruct('classification', scenes, out)
    before = out.read_bytes()
    (tmp_path / 'empty' / 'x').mkdir(parents=True)
    with pytest.raises(DataError, match='at least two'):
        convert_instruct('classification', tmp_path / 'empty', out)
    assert out.read_bytes() == before
    assert not list(tmp_path.glob('*.part'))


@pytest.mark.parametrize('options, message', [
    (dict(source='nothing'), 'choose one of'),
    (dict(wrong=1), "no option 'wrong'"),
    (dict(kinds='open,what'), 'choose from'),
    (dict(out='a.json'), 'must end in .jsonl'),
    (dict(repeat=0), 'positive number'),
    (dict(limit=0), 'positive number'),
    (dict(root='missing'), 'missing does not exist'),
    (dict(image_root='missing'), 'correct --image-root'),
    (dict(exclude='missing.txt'), 'list missing.txt does not exist'),
    (dict(templates='missing.json'), 'correct --templates'),
])
def test_messages_name_the_fix(scenes, tmp_path, options, message):
    arguments = dict(source='classification', root=scenes,
                     out=tmp_path / 'a.jsonl')
    with pytest.raises((ConfigError, DataError), match=message):
        convert_instruct(**{**arguments, **options})


def test_own_templates(scenes, convert, write, tmp_path):
    own = write(tmp_path / 'own.json', {'classify': ['What is it?']})
    done = convert('classification', scenes, kinds='open', templates=str(own))
    assert {question for question, _ in done.pairs} == {'What is it?'}
    for content, message in (({'nope': ['x']}, 'no template'),
                             ({'count': ['How many?']}, "fields \\['name'")):
        with pytest.raises(ConfigError, match=message):
            Wording(0, write(own, content))


def test_templates_of_a_list_use_the_same_fields():
    for name, texts in Wording().templates.items():
        fields = [set(re.findall(r'{(.*?)}', text)) for text in texts]
        assert texts and all(f == fields[0] for f in fields), name


def test_a_record_without_a_field_is_named(write, tmp_path, picture):
    picture(tmp_path / 'images/a.png')
    path = write(tmp_path / 'dataset.json', dict(images=[dict(split='train')]))
    with pytest.raises(DataError, match="no field 'filename'"):
        convert_instruct('captions', path, tmp_path / 'a.jsonl')
    table = write(tmp_path / 't.jsonl', '{"image": "a.png"')
    with pytest.raises(DataError, match='t.jsonl:1: not JSON'):
        convert_instruct('caption_table', table, tmp_path / 'a.jsonl')


def test_options_hold_the_answer_once_and_every_letter_occurs():
    wording = Wording(0)
    letters = set()
    for i in range(60):
        text, letter = wording.options(str(i), 'b', list('abcdefg'), 4)
        shown = dict(re.findall(r'^([A-Z])\. (.+)$', text, re.M))
        assert len(shown) == len(set(shown.values())) == 4
        assert shown[letter] == 'b'
        letters.add(letter)
    assert letters == set('ABCD')


def test_plain_names():
    assert [plain_name(n) for n in ('AnnualCrop', 'small-vehicle',
                                    'ground_track_field', 'Sea Lake')] == [
        'annual crop', 'small vehicle', 'ground track field', 'sea lake']


def test_box_text_says_what_it_did():
    assert box_text([[10, 20, 50, 80]], (100, 200), 'ship') == (
        '<ref>ship</ref><box>[[50, 200, 250, 800]]</box>', ())
    text, notes = box_text([[-5, 0, 50, 120]], (100, 200))
    assert text == '<box>[[0, 0, 250, 1000]]</box>' and len(notes) == 1
    for box, reason in (([50, 0, 10, 9], 'wrong order'),
                        ([210, 0, 220, 9], 'outside'),
                        ([5, 5, 5.01, 9], 'thinner'),
                        ([0, 0, float('nan'), 1], 'not a number')):
        with pytest.raises(Unusable, match=reason):
            box_text([box], (100, 200))


@pytest.mark.parametrize('degrees', [0, 30, 45, 90, 117.5, -63])
def test_enclosing_box_is_the_same_for_both_rotation_signs(degrees):
    import numpy as np
    box = np.array([20., 30., 60., 50.])
    centre = (box[:2] + box[2:]) / 2
    corners = np.array([[20, 30], [60, 30], [60, 50], [20, 50]]) - centre
    for sign in (1, -1):  # clockwise or counter-clockwise on screen
        angle = np.deg2rad(sign * degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)],
                         [np.sin(angle), np.cos(angle)]])
        expected = enclosing_box((corners @ turn.T + centre).ravel())
        np.testing.assert_allclose(
            enclosing_box_of_rotated(*box, degrees), expected, atol=1e-9)


def test_command_line_options(scenes, tmp_path):
    source, root, out, options = parse_args(
        ['classification', str(scenes), '--out', str(tmp_path / 'a.jsonl'),
         '--kinds', 'open', '--limit', '2', '--meta',
         str(tmp_path / 'm.json'), '--name', 'scenes', '--repeat', '0.5'])
    assert convert_instruct(source, root, out, **options).written == 2
    assert json.loads((tmp_path / 'm.json').read_text())['scenes'][
        'repeat_time'] == 0.5
    with pytest.raises(SystemExit):
        parse_args(['classification', str(scenes)])


@pytest.mark.parametrize('name', sorted(SOURCES))
def test_every_source_explains_itself(name, capsys):
    with pytest.raises(SystemExit):
        parse_args([name, '--help'])
    shown = capsys.readouterr().out
    assert SOURCES[name].tree in shown
    assert all(option.flag in shown for option in SOURCES[name].options)


def test_command_prints_one_message(scenes, tmp_path, repo_root):
    failed = subprocess.run(
        [sys.executable, repo_root / 'tools/dataset_converters/to_instruct.py',
         'rsvqa', scenes, '--out', tmp_path / 'b.jsonl', '--image-root',
         scenes], capture_output=True, text=True)
    assert failed.returncode == 2
    assert 'split_train_questions.json' in failed.stderr
    assert 'Traceback' not in failed.stderr
