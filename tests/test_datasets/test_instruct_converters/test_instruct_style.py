# Copyright (c) mmeo contributors. All rights reserved.
"""Records of the style rsunivlm: tokens, placeholders, boxes, splits."""

import json

import pytest

from mmeo.codecs import decode_boxes, route_dialogue
from mmeo.datasets.instruct_converters import (
    STYLES,
    Sample,
    Wording,
    convert_instruct,
)
from mmeo.datasets.instruct_converters.boxes import WIDENED, box_text
from mmeo.datasets.instruct_converters.convert import _image_root
from mmeo.datasets.instruct_converters.items import SOURCES, Unusable
from mmeo.datasets.instruct_converters.records import records_of
from mmeo.datasets.instruct_converters.turn_tasks import split_tag, turn_task
from mmeo.errors import ConfigError, DataError

RSUNIVLM = STYLES['rsunivlm']


def dialogue(sample, truth=False, style='rsunivlm'):
    """Texts of the records of a sample."""
    return [[turn['value'] for turn in record['conversations']]
            for record in records_of(sample, STYLES[style], truth, 'set')]


def test_token_stands_behind_the_placeholders():
    one = Sample('a', ('x.png', ), (('Why?', 'b'), ('And?', 'c')), task='VQA')
    assert dialogue(one) == [
        ['<image>\n[VQA] Why?', 'b', '[VQA] And?', 'c']]
    assert dialogue(one, style='internvl') == [
        ['<image>\nWhy?', 'b', 'And?', 'c']]
    two = Sample('a', ('x.png', 'y.png'), (('What changed?', 'b'), ),
                 task='CCD')
    assert dialogue(two)[0][0] == '<image><image>\n[CCD] What changed?'
    assert dialogue(two, style='internvl')[0][0].startswith(
        'Image-1: <image>\nImage-2: <image>\n')
    free = Sample('a', ('x.png', ), (('Hello', 'b'), ))
    assert dialogue(free)[0][0] == '<image>\nHello'
    placed = Sample('a', ('x.png', 'y.png'),
                    (('<image> <image>\nSame?', 'b'), ), placed=True,
                    task='VQA')
    assert dialogue(placed)[0][0] == '<image> <image>\n[VQA] Same?'


def test_a_dialogue_of_two_granularities_becomes_two():
    sample = Sample('a', ('x.png', ), (('q0', 'a0'), ('q1', 'a1'),
                                       ('q2', 'a2')),
                    task=('VQA', 'VG', ''))
    records = records_of(sample, RSUNIVLM, False, 'set')
    assert [r['id'] for r in records] == ['a_image', 'a_region']
    assert [[t['value'] for t in r['conversations']] for r in records] == [
        ['<image>\n[VQA] q0', 'a0', 'q2', 'a2'], ['<image>\n[VG] q1', 'a1']]
    for record in records:
        route_dialogue(record['conversations'], same=True)
    # Without experts nothing is split.
    assert len(records_of(sample, STYLES['internvl'], False, 'set')) == 1
    spread = Sample('a', ('x.png', 'y.png'), (('<image> q', 'a'),
                                              ('<image> q', 'a')),
                    placed=True, task=('VQA', 'VG'))
    with pytest.raises(Unusable, match='spread'):
        records_of(spread, RSUNIVLM, False, 'set')


def test_truth_asks_one_question_a_record():
    sample = Sample('a', ('x.png', ), (('q0', 'a0'), ('q1', 'a1')),
                    task=('VQA', 'CAP'), truth=(
                        dict(question_type='comp'), dict(references=['a1'])))
    records = records_of(sample, RSUNIVLM, True, 'rsvqa')
    assert [r['id'] for r in records] == ['a_turn0', 'a_turn1']
    assert records[0]['question_type'] == 'comp'
    assert records[1]['references'] == ['a1']
    assert all(r['dataset'] == 'rsvqa' and r['image'] == 'x.png'
               and r['conversations'][0]['value'].startswith('<image>\n[')
               for r in records)


def test_published_prompts_are_used_word_by_word():
    wording = Wording(style='rsunivlm')
    assert wording.say('classify_list', 'k', names='a, b') == (
        'Choose the best category describe the image from: a, b. Only output '
        'the category.')
    assert wording.ask_short(' Is it urban? ', 'k') == 'Is it urban?'
    assert wording.say('refer_text', 'k', phrase='the ship') == 'the ship'
    asked = {wording.say('change_caption', str(i)) for i in range(200)}
    assert len(asked) == 10
    assert 'Point out the adjustments made between these two images.' in asked
    assert len(wording.templates['segment']) == 4
    assert wording.say('identify', 'k', box='[1, 20, 9, 30]') == (
        'what is [1, 20, 9, 30]?')


def test_boxes_of_the_coarse_grid():
    text, notes = box_text([[10, 20, 50, 80]], (100, 200), None, 'rsunivlm')
    assert (text, notes) == ('[5, 20, 25, 80]', ())
    for box in ([100, 50, 100.5, 60], [199.8, 50, 200, 60],
                [20, 30, 20, 40]):
        text, notes = box_text([box], (100, 200), None, 'rsunivlm')
        x1, y1, x2, y2 = decode_boxes(text, dialect='rsunivlm').boxes[0]
        assert x2 - x1 == 1 and notes == (WIDENED, ) and x2 <= 100
        assert (y1, y2) == (box[1], box[3])
    for box in ([50, 0, 10, 9], [210, 0, 220, 9], [250, 5, 250, 9]):
        with pytest.raises(Unusable):
            box_text([box], (100, 200), None, 'rsunivlm')


@pytest.mark.parametrize('question, answer, boxes, task', [
    ('[refer] the ship', '', '01', 'VG'),
    ('[identify] [1, 2, 3, 4]', 'a ship', '10', 'REF'),
    ('[grounding] describe the image', '', '01', 'VG'),
    ('[caption] describe', '', '00', 'CAP'),
    ('Where is it?', '', '01', 'VG'), ('And in [..]?', '', '10', 'REF'),
    ('How many? Answer the question using a single word or phrase.', '',
     '00', 'VQA'),
    ('Classify the given image in one of the following classes: a', '', '00',
     'CLS'), ('What do you think?', '', '00', '')])
def test_task_of_a_turn(question, answer, boxes, task):
    tag, bare = split_tag(question)
    assert turn_task(tag, bare, boxes[0] == '1', boxes[1] == '1') == task
    assert split_tag('[unknown] x') == ('', '[unknown] x')


def test_style_is_checked(tmp_path, picture):
    for name in 'ab':
        picture(tmp_path / 'scenes' / name / 'x.png')
    with pytest.raises(ConfigError, match='--style qwen: choose one of'):
        convert_instruct('classification', tmp_path / 'scenes',
                         tmp_path / 'a.jsonl', style='qwen')


@pytest.fixture
def scenes(tmp_path, picture):
    for name in ('SeaLake', 'airport'):
        for i in range(2):
            picture(tmp_path / 'scenes' / name / f'{name}_{i}.png')
    return tmp_path / 'scenes'


def test_scene_classes_are_asked_in_order(scenes, convert):
    done = convert('classification', scenes, style='rsunivlm', truth=True,
                   name='mine')
    assert {q for q, _ in done.pairs} == {
        '[CLS] Choose the best category describe the image from: airport, '
        'sea lake. Only output the category.'}
    assert {(r['label'], r['dataset']) for r in done.records} == {
        ('airport', 'mine'), ('sea lake', 'mine')}
    shuffled = convert('classification', scenes, style='rsunivlm',
                       order='shuffled', seed=1, name='mine')
    assert len({q for q, _ in shuffled.pairs}) == 2
    assert 'label' not in shuffled.records[0]


def test_scenes_as_fmow_comes(tmp_path, picture, write, convert):
    for name in ('airport', 'zoo', 'false_detection'):
        stem = tmp_path / f'train/{name}/{name}_0/{name}_0_0_rgb'
        picture(stem.with_suffix('.jpg'))
        write(stem.with_suffix('.json'), dict(bounding_boxes=[
            dict(category=name, ID=1, box=[1, 2, 30, 40])]))
    done = convert('fmow', tmp_path, style='rsunivlm')
    assert done.answers == ['airport', 'zoo']
    assert 'from: airport, zoo. Only' in done.pairs[0][0]
    assert done.report.left_out == {'box without a category': 1}
    boxes = convert('fmow', tmp_path, style='rsunivlm', form='boxes')
    assert boxes.report.written == 2
    for record in boxes.records:
        assert route_dialogue(record['conversations']) == ('REF', 1)


def test_objects_get_their_tasks(tmp_path, picture, write, convert):
    picture(tmp_path / 'a.png', (100, 200))
    path = write(tmp_path / 'x.json', dict(
        images=[dict(id=1, file_name='a.png', height=100, width=200)],
        categories=[dict(id=1, name='small-vehicle'), dict(id=2, name='ship')],
        annotations=[dict(id=i, image_id=1, category_id=1,
                          bbox=[20 * i, 10, 1, 1]) for i in (1, 5)]))
    done = convert('coco', path, style='rsunivlm', per_image=10, truth=True)
    found = {}
    for record, (question, answer) in zip(done.records, done.pairs):
        task = route_dialogue(record['conversations'])[0]
        found.setdefault(task, []).append((question, answer, record))
    assert set(found) == {'VG', 'REF', 'VQA'}
    question, answer, record = next(
        entry for entry in found['VG'] if 'all objects' in entry[0])
    assert question == '[VG] all objects of the category small vehicle'
    assert len(decode_boxes(answer, dialect='rsunivlm').boxes) == 2
    assert record['boxes'] == [[20, 10, 21, 11], [100, 10, 101, 11]]
    assert record['unique'] is False
    assert done.report.notes[WIDENED] > 0
    assert found['REF'][0][2]['references'] == ['small vehicle']
    assert {entry[2]['question_type'] for entry in found['VQA']} == {
        'count', 'presence'}


def test_same_data_in_both_styles_name_the_same_box(rsvg_like, convert):
    old = convert('dior_rsvg', rsvg_like)
    new = convert('dior_rsvg', rsvg_like, style='rsunivlm', truth=True)
    size = 100, 200
    for first, second, record in zip(old.answers, new.answers, new.records):
        fine = decode_boxes(first, size).boxes
        coarse = decode_boxes(second, size, dialect='rsunivlm').boxes
        assert abs(fine - coarse).max() <= 1.2
        assert abs(fine - record['boxes']).max() <= 0.2
    assert new.pairs[0][0] == '[VG] a ship'


@pytest.fixture
def rsvg_like(tmp_path, picture, write):
    root = tmp_path / 'DIOR_RSVG'
    for i, box in enumerate(([3, 4, 50, 60], [10, 20, 190, 99],
                             [1, 1, 20, 20])):
        corners = ''.join(f'<{t}>{v}</{t}>' for t, v in zip(
            ('xmin', 'ymin', 'xmax', 'ymax'), box))
        write(root / f'Annotations/0000{i}.xml', '<annotation><filename>'
              f'0000{i}.jpg</filename><object><name>ship</name><bndbox>'
              f'{corners}</bndbox><description>a ship</description></object>'
              '</annotation>')
        picture(root / f'JPEGImages/0000{i}.jpg', (100, 200))
    for name, numbers in (('train', '0\n2'), ('val', '1'), ('test', '2')):
        write(root / f'{name}.txt', numbers)
    return root


def test_splits_join_and_leaks_are_dropped(rsvg_like, convert):
    done = convert('dior_rsvg', rsvg_like, split='train+val', total=3)
    assert [r['id'] for r in done.records] == ['DIOR_RSVG_0', 'DIOR_RSVG_1']
    assert done.report.flaws == {
        'object is in the list of the test split too': 1}
    assert convert('dior_rsvg', rsvg_like, split='test').report.written == 1
    with pytest.raises(Exception, match='holds 3 objects, not 38320'):
        convert('dior_rsvg', rsvg_like, total=38320)


def test_strict_stops_at_what_cannot_be_split(tmp_path, picture, write):
    for name in 'ab':
        picture(tmp_path / f'{name}.png')
    spread = [{'from': who, 'value': text} for who, text in (
        ('human', '<image> what is [1, 2, 3, 4]?'), ('gpt', 'a'),
        ('human', '<image> and?'), ('gpt', 'b'))]
    rows = [dict(id=i, image=['a.png', 'b.png'], conversations=spread)
            for i in range(2)]
    rows[1]['conversations'] = [dict(spread[0], value='<image><image> q'),
                                spread[1]]
    path = write(tmp_path / 'x.json', rows)
    report = convert_instruct('llava', path, tmp_path / 'a.jsonl',
                              style='rsunivlm')
    assert report.written == 1 and report.flaws.total() == 1
    with pytest.raises(DataError, match='spread over questions'):
        convert_instruct('llava', path, tmp_path / 'a.jsonl',
                         style='rsunivlm', strict=True)


def test_every_source_finds_its_images(tmp_path):
    (tmp_path / 'Images_HR').mkdir()
    assert _image_root(SOURCES['rsvqa'], tmp_path, None).name == 'Images_HR'


def test_template_file_says_where_wordings_come_from():
    content = json.loads(RSUNIVLM.templates.read_text())
    assert list(content) == ['paper', 'demo', 'ours']
    names = [name for part in content.values() for name in part]
    assert len(names) == len(set(names))
