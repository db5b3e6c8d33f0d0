# Copyright (c) mmeo contributors. All rights reserved.
"""Grounding and detection sets: boxes survive the round trip."""

import re
import zipfile

import numpy as np
import pytest
import torch

from mmeo.codecs import decode_boxes
from mmeo.errors import DataError

SIZE = (100, 200)  # height, width
# Rounding to thousandths moves an edge by half a thousandth of the side.
ATOL = 0.5 / 1000 * max(SIZE) + 1e-9


def box_of(text):
    decoded = decode_boxes(text, SIZE)
    assert decoded.repairs == 0
    return decoded.boxes.tolist()


RSVG_OBJECT = """<object><name>{name}</name><pose>Unspecified</pose>
<bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin><xmax>{b[2]}</xmax>
<ymax>{b[3]}</ymax></bndbox><description>{text}</description></object>"""
# Other tag names: the official loader reads children by position.
POSITIONAL = """<object><label>x</label><other/><box><a>{b[0]}</a><b>{b[1]}</b>
<c>{b[2]}</c><d>{b[3]}</d></box><phrase>{text}</phrase></object>"""


@pytest.fixture
def rsvg(tmp_path, picture, write):
    root = tmp_path / 'DIOR_RSVG'
    objects = {
        '00001': [(RSVG_OBJECT, [3, 4, 50, 60], 'a ship  on the left'),
                  (RSVG_OBJECT, [5, 5, 9, 9], 'another ship')],
        '00002': [(POSITIONAL, [10, 20, 190, 99], 'the long bridge'),
                  (RSVG_OBJECT, [50, 60, 3, 4], 'a swapped box')]}
    for stem, items in objects.items():
        body = ''.join(form.format(name='ship', b=box, text=text)
                       for form, box, text in items)
        write(root / f'Annotations/{stem}.xml', '<annotation><filename>'
              f'{stem}.jpg</filename>{body}</annotation>')
        picture(root / f'JPEGImages/{stem}.jpg', SIZE)
    write(root / 'train.txt', '0\n2\n3\n')
    write(root / 'test.txt', '1\n')
    return root


def test_dior_rsvg_counts_objects_over_sorted_files(rsvg, convert):
    done = convert('dior_rsvg', rsvg)
    assert [r['id'] for r in done.records] == ['DIOR_RSVG_0', 'DIOR_RSVG_2']
    assert 'a ship on the left' in done.pairs[0][0]
    assert 'the long bridge' in done.pairs[1][0]
    np.testing.assert_allclose(
        [box_of(a)[0] for a in done.answers],
        [[3, 4, 50, 60], [10, 20, 190, 99]], atol=ATOL)
    assert done.report.left_out == {'belongs to another split': 1}
    assert done.report.flaws == {'box has its corners in the wrong order': 1}
    test = convert('dior_rsvg', rsvg, split='test')
    assert 'another ship' in test.pairs[0][0]
    (rsvg / 'Annotations/00002.xml').unlink()
    with pytest.raises(DataError, match='names object 3 but'):
        convert('dior_rsvg', rsvg)


def test_opt_rsvg_layout(rsvg, convert):
    (rsvg / 'JPEGImages').rename(rsvg / 'Image')
    (rsvg / 'split').mkdir()
    for path in rsvg.glob('*.txt'):
        path.rename(rsvg / 'split' / path.name)
    assert convert('opt_rsvg', rsvg).report.written == 2


def test_rsvg_triples(tmp_path, picture, convert):
    picture(tmp_path / 'images/a.jpg', SIZE)
    rows = [('a.jpg', [10, 20, 60, 80], 'the stadium'),
            ('a.jpg', [150, 90, 30, 10], 'a car')]
    torch.save(rows, tmp_path / 'rsvg_train.pth')
    done = convert('rsvg', tmp_path)
    np.testing.assert_allclose(box_of(done.answers[0]), [rows[0][1]],
                               atol=ATOL)
    assert done.report.flaws == {'box has its corners in the wrong order': 1}
    other = convert('rsvg', tmp_path, box_format='xywh')
    np.testing.assert_allclose(
        [box_of(a)[0] for a in other.answers],
        [[10, 20, 70, 100], [150, 90, 180, 100]], atol=ATOL)


def test_rsvg_refuses_a_pickle_with_code(tmp_path, picture, convert):
    picture(tmp_path / 'images/a.jpg', SIZE)
    torch.save([tmp_path], tmp_path / 'rsvg_train.pth')
    with pytest.raises(DataError, match='cannot be opened safely'):
        convert('rsvg', tmp_path)


VRSBENCH = """{"image": "P0003_0002.png", "caption": "Two ships.",
 "objects": [{"obj_id": 0, "obj_cls": "ship", "is_unique": true,
   "referring_sentence": "The ship at the top.",
   "obj_corner": [0.1, 0.2, 0.5, 0.2, 0.5, 0.6, 0.1, 0.6],
   "obj_coord": [0.1, 0.2, 0.5, 0.6]},
  {"obj_id": 1, "obj_cls": "ship", "obj_coord": [0, 0, 1, 1]}%s],
 "qa_pairs": [{"ques_id": 0, "question": "How many ships?",
   "type": "object quantity", "answer": "2"}]%s}"""


@pytest.mark.parametrize('packed', [False, True])
@pytest.mark.parametrize('comma', ['', ','])
def test_vrsbench_folder_or_zip_strict_or_not(tmp_path, picture, write,
                                              convert, packed, comma):
    picture(tmp_path / 'Images_train/P0003_0002.png', SIZE)
    text = VRSBENCH % (comma, comma)
    if packed:
        with zipfile.ZipFile(tmp_path / 'Annotations_train.zip', 'w') as file:
            file.writestr('Annotations_train/P0003_0002.json', text)
    else:
        write(tmp_path / 'Annotations_train/P0003_0002.json', text)
    done = convert('vrsbench', tmp_path)
    assert done.answers == ['Two ships.',
                            '<box>[[100, 200, 500, 600]]</box>', '2']
    assert 'The ship at the top.' in done.pairs[1][0]
    assert done.report.flaws == {'object has no referring sentence': 1}
    assert done.report.notes == (
        {'annotation is not strict JSON: mended': 3} if comma else {})
    only = convert('vrsbench', tmp_path, kinds='vqa')
    assert only.answers == ['2'] and only.records[0] in done.records


def test_vrsbench_broken_file_is_counted(tmp_path, picture, write, convert):
    picture(tmp_path / 'Images_train/a.png', SIZE)
    write(tmp_path / 'Annotations_train/a.json', '{"caption": "fine"}')
    write(tmp_path / 'Annotations_train/b.json', '{"caption": ')
    done = convert('vrsbench', tmp_path)
    assert done.answers == ['fine']
    assert done.report.flaws == {'annotation file does not parse': 1}


def coco(extra=(), **picture_fields):
    return dict(
        images=[dict(id=5, file_name='a.jpg', height=100, width=200,
                     **picture_fields),
                dict(id=6, file_name='b.jpg', height=100, width=200)],
        categories=[dict(id=0, name='ship'), dict(id=3, name='Storage-Tank'),
                    dict(id=4, name='bridge')],
        annotations=[dict(id=1, image_id=5, category_id=0, iscrowd=0,
                          bbox=[10, 20, 30, 40]),
                     dict(id=2, image_id=5, category_id=3,
                          bbox=[100, 5, 20, 20]),
                     dict(id=3, image_id=5, category_id=3,
                          bbox=[150, 5, 20, 20]), *extra])


@pytest.fixture
def coco_file(tmp_path, picture, write):
    for name in ('a.jpg', 'b.jpg'):
        picture(tmp_path / name, SIZE)
    return write(tmp_path / 'ann.json', coco())


def test_coco_boxes_and_counts(coco_file, convert):
    done = convert('coco', coco_file, kinds='ground,count', per_image=20)
    truth = {'ship': [[10, 20, 40, 60]],
             'storage tank': [[100, 5, 120, 25], [150, 5, 170, 25]]}
    grounded = {}
    for record, (question, answer) in zip(done.records, done.pairs):
        name = re.search('"(.+?)"', question)[1]
        if record['image'] == 'b.jpg':  # has no objects
            assert answer == '0'
        elif '<box>' in answer:
            grounded[name] = box_of(answer)
            assert decode_boxes(answer).phrases[0] == name
        else:
            assert answer == str(len(truth.get(name, [])))
    assert grounded.keys() == truth.keys()
    for name, boxes in truth.items():
        np.testing.assert_allclose(grounded[name], boxes, atol=ATOL)


def test_coco_refer_singles_one_object_out(coco_file, convert):
    done = convert('coco', coco_file, kinds='refer', per_image=20)
    found = {decode_boxes(a).phrases[0]: box_of(a)[0] for a in done.answers}
    # Both tanks stand at the same height: no topmost, no bottommost one.
    assert set(found) == {'the ship', 'the leftmost storage tank',
                          'the rightmost storage tank'}
    np.testing.assert_allclose(found['the rightmost storage tank'],
                               [150, 5, 170, 25], atol=ATOL)


def test_coco_presence_and_identify_agree_with_the_file(coco_file, convert):
    done = convert('coco', coco_file, kinds='presence', per_image=20)
    present = {'a.jpg': {'ship', 'storage tank'}, 'b.jpg': set()}
    for record, (question, answer) in zip(done.records, done.pairs):
        name = re.search('"(.+?)"', question)[1]
        assert answer.startswith('Yes') == (name in present[record['image']])
    named = convert('coco', coco_file, kinds='identify', per_image=20)
    asked = {tuple(np.round(box_of(q)[0])): a for q, a in named.pairs}
    assert asked == {(10, 20, 40, 60): 'ship', (100, 5, 120, 25):
                     'storage tank', (150, 5, 170, 25): 'storage tank'}


def test_coco_crowds_long_lists_and_wrong_sizes(coco_file, write, convert):
    crowd = dict(id=9, image_id=5, category_id=3, iscrowd=1,
                 bbox=[0, 0, 9, 9])
    write(coco_file, coco([crowd]))
    done = convert('coco', coco_file, per_image=50,
                   kinds='refer,ground,count,identify')
    assert not any('storage tank' in q + a for q, a in done.pairs)
    write(coco_file, coco())
    short = convert('coco', coco_file, kinds='ground', max_boxes=1)
    assert list(short.report.left_out.values()) == [1]
    content = coco()
    content['images'][0]['height'] = 50
    write(coco_file, content)
    assert convert('coco', coco_file).report.flaws == {
        'image size differs from the annotation': 1}
    write(coco_file, coco([dict(id=4, image_id=5, category_id=8,
                                bbox=[0, 0, 1, 1])]))
    with pytest.raises(DataError, match='category 8'):
        convert('coco', coco_file)


def voc(name, objects, size=SIZE):
    return (f'<annotation><filename>{name}</filename><size><width>{size[1]}'
            f'</width><height>{size[0]}</height></size>{objects}'
            '</annotation>')


ROTATED = ('<object><name>{}</name><robndbox><x_left_top>10</x_left_top>'
           '<y_left_top>20</y_left_top><x_right_top>30</x_right_top>'
           '<y_right_top>10</y_right_top><x_right_bottom>40</x_right_bottom>'
           '<y_right_bottom>30</y_right_bottom><x_left_bottom>20'
           '</x_left_bottom><y_left_bottom>40</y_left_bottom></robndbox>'
           '</object>')


def test_voc_horizontal_and_rotated(tmp_path, picture, write, convert):
    plain = ('<object><name>ship</name><bndbox><ymax>60</ymax><xmin>10</xmin>'
             '<ymin>20</ymin><xmax>40</xmax></bndbox></object>')
    files = {'a': voc('a.xml', plain),  # LS-SSDD names the xml itself
             'b': voc('b.jpg', ROTATED.format('Ground-Track')),
             'c': voc('c.jpg', plain, (50, 50)),
             'd': '<annotation'}
    for stem, text in files.items():
        write(tmp_path / f'Annotations/{stem}.xml', text)
        picture(tmp_path / f'JPEGImages/{stem}.jpg', SIZE)
    done = convert('voc', tmp_path, kinds='ground')
    boxes = {decode_boxes(a).phrases[0]: box_of(a)[0] for a in done.answers}
    np.testing.assert_allclose(boxes['ship'], [10, 20, 40, 60], atol=ATOL)
    np.testing.assert_allclose(boxes['ground track'], [10, 10, 40, 40],
                               atol=ATOL)
    assert done.report.flaws == {
        'image size differs from the annotation': 1,
        'annotation file does not parse': 1}
    write(tmp_path / 'only.txt', 'b.jpg\n')
    some = convert('voc', tmp_path, kinds='ground',
                   only=str(tmp_path / 'only.txt'))
    assert [r['image'] for r in some.records] == ['b.jpg']


def test_dota(tmp_path, picture, write, convert):
    picture(tmp_path / 'images/P1.png', SIZE)
    label = tmp_path / 'labelTxt/P1.txt'
    write(label, 'imagesource:GoogleEarth\ngsd:0.1\n'
          '10 20 30 10 40 30 20 40 small-vehicle 0\n\n'
          '190 90 210 90 210 99 190 99 ship 1\n')
    done = convert('dota', tmp_path, kinds='ground')
    boxes = {decode_boxes(a).phrases[0]: box_of(a)[0] for a in done.answers}
    np.testing.assert_allclose(boxes['small vehicle'], [10, 10, 40, 40],
                               atol=ATOL)
    np.testing.assert_allclose(boxes['ship'], [190, 90, 200, 99], atol=ATOL)
    assert done.report.notes.total() == 1  # clipped, and said so
    write(label, '1 2 3 ship 0\n')
    with pytest.raises(DataError, match='P1.txt:1: expected'):
        convert('dota', tmp_path)


def test_fmow(tmp_path, picture, write, convert):
    for name, boxes in (('airport', [dict(ID=1, category='airport',
                                          box=[10, 20, 30, 40]),
                                     dict(ID=2, category='false_detection',
                                          box=[0, 0, 9, 9])]),
                        ('hospital', dict(ID=3, category='hospital',
                                          box=[0, 0, 100, 50]))):
        stem = tmp_path / f'train/{name}/{name}_0/{name}_0_0_rgb'
        picture(stem.with_suffix('.jpg'), SIZE)
        write(stem.with_suffix('.json'), dict(gsd=1., bounding_boxes=boxes))
    done = convert('fmow', tmp_path)
    asked = [box_of(q)[0] for q, _ in done.pairs]
    np.testing.assert_allclose(asked, [[10, 20, 40, 60], [0, 0, 100, 50]],
                               atol=ATOL)
    for (question, answer), name in zip(done.pairs, ('airport', 'hospital')):
        assert answer == name or f'{answer}. {name}' in question
    assert done.report.left_out == {'box without a category': 1}
