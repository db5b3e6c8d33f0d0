# Copyright (c) mmeo contributors. All rights reserved.
"""Real samples and SynthEarth through the converters."""

import json
import re

import numpy as np
import pytest

from mmeo.codecs import decode_boxes
from mmeo.datasets.instruct_converters.files import image_size


@pytest.mark.parametrize('split, count', [('train', 300), ('val', 500),
                                          ('test', 400)])
def test_rsvqa_lr(real_sample, convert, split, count):
    root = real_sample('vl/rsvqa_lr')
    done = convert('rsvqa', root, split=split)
    assert done.report.written == count and not done.report.flaws
    rows = json.loads((root / f'LR_split_{split}_answers.json').read_text())
    truth = {row['question_id']: row['answer'] for row in rows['answers']
             if row['active']}
    for record, answer in zip(done.records, done.answers):
        assert answer == truth[int(record['id'].rsplit('_', 1)[1])]


def test_questions_and_captions(real_sample, convert):
    assert convert('hrvqa', real_sample('vl/hrvqa')).answers == [
        'highdensity', 'nonexistent', '0.0m2']
    rsicd = real_sample('vl/rsicd_captions')
    done = convert('captions', rsicd / 'captions_derived.json',
                   image_root=rsicd, split='all', sentences='all')
    assert done.report.written == 210
    levir = real_sample('vl/levir_cc') / 'captions.json'
    pairs = convert('levir_cc', levir).records
    assert len(pairs) == 5
    assert pairs[0]['image'] == ['A/train_000016.png', 'B/train_000016.png']


def test_vrsbench(real_sample, convert):
    path = real_sample('vl/vrsbench') / 'records.json'
    done = convert('vrsbench_eval', path)
    assert done.answers == ['<box>[[250, 400, 330, 600]]</box>', 'Yellow']
    # The corners of the record, which the text box was made from.
    corners = np.reshape(json.loads(path.read_text())[0]['obj_corner'],
                         (-1, 2)) * 1000
    np.testing.assert_allclose(
        decode_boxes(done.answers[0]).boxes[0],
        [*corners.min(0), *corners.max(0)], atol=10)


@pytest.mark.parametrize('name, images', [('rsscn7', 42), ('ucmerced', 4),
                                          ('eurosat_rgb', 3),
                                          ('eurosat_ms', 3)])
def test_scenes(real_sample, convert, name, images):
    done = convert('classification', real_sample(f'scene/{name}'))
    assert done.report.written == images and not done.report.flaws


def test_nwpu_boxes_come_back(real_sample, convert):
    root = real_sample('horizontal/nwpu_vhr10')
    path = root / 'instances_subset.json'
    done = convert('coco', path, image_root=root / 'images', kinds='ground',
                   per_image=100, max_boxes=100)
    content = json.loads(path.read_text())
    names = {c['id']: c['name'].replace('-', ' ').replace('_', ' ')
             for c in content['categories']}
    files = {i['id']: i['file_name'] for i in content['images']}
    truth = {}
    for row in content['annotations']:
        x, y, w, h = row['bbox']
        truth.setdefault((files[row['image_id']], names[row['category_id']]),
                         []).append([x, y, x + w, y + h])
    assert len(done.records) == len(truth)
    for record, answer in zip(done.records, done.answers):
        size = image_size(root / 'images' / record['image'])
        found = decode_boxes(answer, size)
        np.testing.assert_allclose(
            found.boxes, truth[record['image'], found.phrases[0]],
            atol=max(size) / 1000)


@pytest.mark.parametrize('source, root, records', [
    ('voc', 'horizontal/ssdd', 20), ('voc', 'oriented/ssdd_rbox', 20),
    ('voc', 'horizontal/ls_ssdd', 16), ('dota', 'oriented/dota_devkit', 5),
    ('dota', 'oriented/dota_yolo_demo', 17), ('change', 'change/levir_cd',
                                              32)])
def test_objects_and_change(real_sample, convert, source, root, records):
    done = convert(source, real_sample(root))
    assert done.report.written == records and not done.report.flaws


def test_segmentation(real_sample, convert):
    done = convert('segmentation', real_sample('semseg/loveda'),
                   legend='loveda')
    assert done.report.written == 9 and not done.report.flaws


def test_synthearth_objects_are_one_truth_in_three_formats(synthearth,
                                                           convert):
    part = synthearth / 'train'
    images = part / 'dota/images'
    found = {}
    for source, root in (('coco', part / 'coco/annotations.json'),
                         ('voc', part / 'voc'), ('dota', part)):
        done = convert(source, root, image_root=images, kinds='count',
                       per_image=100)
        assert not done.report.flaws
        found[source] = {(r['image'], re.search('"(.+?)"', q)[1]): int(a)
                         for r, (q, a) in zip(done.records, done.pairs)
                         if a != '0'}
    assert found['coco'] == found['voc']
    # DOTA labels leave out buildings, which COCO has.
    assert found['dota'] == {key: n for key, n in found['voc'].items()
                             if key[1] != 'building'}


def test_synthearth_masks_pairs_and_dialogues(synthearth, convert):
    part = synthearth / 'train'
    for source, root, options in (
            ('segmentation', part / 'semseg', dict(legend='loveda')),
            ('change', part / 'change', {}),
            ('llava', part / 'instruct/instruct.jsonl',
             dict(image_root=part))):
        done = convert(source, root, **options)
        assert done.report.written > 0 and not done.report.flaws
    assert done.report.written == len(
        (part / 'instruct/instruct.jsonl').read_text().splitlines())
