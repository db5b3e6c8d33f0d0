# Copyright (c) mmeo contributors. All rights reserved.
"""Patches back to whole images, and the files for DOTA's server."""

import re
import zipfile

import numpy as np
import pytest
import torch
from mmrotate.datasets import DOTAv2Dataset, DOTAv15Dataset

from mmeo.datasets import DOTADataset
from mmeo.datasets.dota_text import read_dota
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.evaluation import RotatedAPMetric
from mmeo.evaluation.box_types import to_box_type
from mmeo.evaluation.dota_submission import write_submission
from mmeo.evaluation.merge_patches import merge_predictions
from mmeo.geo.patches import (
    PatchName,
    boxes_to_image,
    boxes_to_patch,
    parse_patch_name,
)

CLASSES = DOTADataset.METAINFO['classes']


@pytest.mark.parametrize('name, expected', [
    ('P0001__1.0__824___0', ('P0001', 1.0, 824, 0)),
    ('P1478__1__853___962', ('P1478', 1.0, 853, 962)),
    ('P0001__0.5__0___512', ('P0001', 0.5, 0, 512)),
    ('P0001__1024__824___1648', ('P0001', 1.0, 824, 1648)),  # mmrotate
    ('a__b__2.0__-3___4', ('a__b', 2.0, -3, 4)),
])
def test_names_of_patches(name, expected):
    assert parse_patch_name(name) == expected
    assert parse_patch_name(str(PatchName(*expected))) == expected


@pytest.mark.parametrize('name', ['P0001', 'P1__1__2__3', 'P1__0__2___3', ''])
def test_other_names_are_refused(name):
    with pytest.raises(DataError, match='IMAGE__SCALE__X___Y'):
        parse_patch_name(name)


@pytest.mark.parametrize('scale', [0.5, 1.0, 1.5])
@pytest.mark.parametrize('box_type', ['rbox', 'qbox', 'hbox'])
def test_boxes_to_patch_and_back(scale, box_type):
    rng = np.random.default_rng(0)
    boxes = np.concatenate((rng.uniform(100, 900, (20, 2)), rng.uniform(
        5, 50, (20, 2)), rng.uniform(-1, 1, (20, 1))), 1).astype(np.float32)
    given = to_box_type(boxes, box_type)
    patch = PatchName('P', scale, 300, 120)
    inside = boxes_to_patch(given, patch, box_type)
    # an independent way: corners move as points do
    corners = to_box_type(boxes, 'qbox') * scale - np.tile([300, 120], 4)
    expected = corners if box_type == 'qbox' else to_box_type(
        corners.astype(np.float32), box_type)
    if box_type != 'rbox':  # the same box has several (w, h, angle)
        np.testing.assert_allclose(inside, expected, atol=1e-3)
    else:
        np.testing.assert_allclose(to_box_type(inside, 'qbox'), corners,
                                   atol=1e-3)
    back = boxes_to_image(inside, patch, box_type)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, given, atol=1e-3)


def windows(width, height, size=1024, overlap=200):
    """Upper left corners of patches, the last ones at the border."""
    def starts(length):
        step = size - overlap
        last = max(length - size, 0)
        return sorted({*range(0, last + 1, step), last})
    return [(x, y) for y in starts(height) for x in starts(width)]


def split(objects, width, height, scale, size):
    """What a perfect detector sees in each patch: objects whose centre lies
    inside, in pixels of the patch."""
    quads = np.array([o.corners for o in objects], np.float32)
    boxes = to_box_type(quads, 'rbox')
    labels = np.array([CLASSES.index(o.name) for o in objects])
    scores = 1 - np.arange(len(objects), dtype=np.float32) / 2000
    for x, y in windows(int(width * scale), int(height * scale), size):
        patch = PatchName('P0706', scale, x, y)
        inside = boxes_to_patch(boxes, patch, 'rbox')
        index = np.flatnonzero(((inside[:, :2] >= 0) &
                                (inside[:, :2] <= size)).all(1))
        yield dict(img_id=str(patch), bboxes=inside[index],
                   labels=labels[index], scores=scores[index])


@pytest.fixture
def real_image(real_sample):
    """Objects, width and height of a DOTA image with 536 of them."""
    from PIL import Image
    folder = real_sample('oriented/dota_devkit')
    with Image.open(folder / 'images' / 'P0706.png') as image:
        size = image.size
    return read_dota(folder / 'labelTxt' / 'P0706.txt').objects, *size


@pytest.mark.parametrize('scale', [0.5, 1.0, 1.5])
def test_real_image_in_patches_comes_back(real_image, scale, tmp_path):
    objects, width, height = real_image
    patches = list(split(objects, width, height, scale, 512))
    total = sum(len(p['scores']) for p in patches)
    assert len(patches) > 3 and total > len(objects)  # seen more than once
    merged, = merge_predictions(patches, 0.9, 'rbox')
    assert merged['img_id'] == 'P0706'
    # the score tells which object it is; each is there once
    index = np.round((1 - merged['scores']) * 2000).astype(int)
    assert sorted(index) == list(range(len(objects)))
    for label, number in zip(merged['labels'], index):
        assert CLASSES[label] == objects[number].name
    boxes = to_box_type(np.array([o.corners for o in objects], np.float32),
                        'rbox')
    np.testing.assert_allclose(merged['bboxes'], boxes[index], atol=2e-3)

    target = write_submission([merged], CLASSES, tmp_path / 'Task1')
    lines = {n: t.splitlines() for n, t in texts_of(target).items()}
    assert set(lines) == {f'Task1_{name}.txt' for name in CLASSES}
    assert sum(map(len, lines.values())) == len(objects)
    for name in CLASSES:
        for line in lines[f'Task1_{name}.txt']:
            image, score, *corners = line.split()
            number = round((1 - float(score)) * 2000)
            assert image == 'P0706' and objects[number].name == name
            quad = to_box_type(boxes[number:number + 1], 'qbox')
            np.testing.assert_allclose(np.array(corners, float), quad[0],
                                       atol=0.02)


def texts_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode()
                for name in archive.namelist()}


@pytest.mark.parametrize('dataset, count', [
    (DOTADataset, 15), (DOTAv15Dataset, 16), (DOTAv2Dataset, 18)])
@pytest.mark.parametrize('task', [1, 2])
def test_submission_has_a_file_a_class(dataset, count, task, tmp_path):
    classes = dataset.METAINFO['classes']
    result = dict(img_id='P0006', scores=np.array([0.123456789, 1.0]),
                  labels=np.array([count - 1, 0]),
                  bboxes=np.array([[50, 40, 20, 10, np.pi / 2],
                                   [9, 8, 4, 2, 0]]))
    target = write_submission([result], classes, tmp_path / 'out', task)
    assert target == tmp_path / 'out' / 'out.zip'
    texts = texts_of(target)
    assert len(texts) == count
    assert all(re.fullmatch(rf'Task{task}_[a-z-]+\.txt', n) for n in texts)
    assert sum(map(bool, texts.values())) == 2
    image, score, *box = texts[f'Task{task}_{classes[-1]}.txt'].split()
    assert (image, score) == ('P0006', '0.123457')
    if task == 2:
        assert box == ['45.00', '30.00', '55.00', '50.00']
    else:
        points = np.array(box, float).reshape(4, 2)
        assert {tuple(p) for p in points} == {(45, 30), (55, 30), (55, 50),
                                              (45, 50)}
    # a second run replaces the first
    write_submission([dict(result, img_id='P0007')], classes,
                     tmp_path / 'out', task)
    assert 'P0006' not in ''.join(texts_of(target).values())


def test_impossible_submissions(tmp_path):
    result = dict(img_id='P1', bboxes=np.zeros((1, 5)), scores=np.ones(1),
                  labels=np.array([15]))
    with pytest.raises(DataError, match='15 classes'):
        write_submission([result], CLASSES, tmp_path)
    with pytest.raises(DataError, match='P1 comes twice'):
        write_submission([dict(result, labels=np.zeros(1, int))] * 2, CLASSES,
                         tmp_path)
    with pytest.raises(ConfigError, match='task'):
        write_submission([], CLASSES, tmp_path, 3)


def sample(name, boxes, labels, scores, truths):
    def instances(rows, kinds):
        return dict(bboxes=torch.tensor(rows, dtype=torch.float32).reshape(
            -1, 5), labels=torch.tensor(kinds, dtype=torch.long))
    return dict(
        img_id=name, gt_instances=instances(truths, [0] * len(truths)),
        ignored_instances=instances([], []),
        pred_instances=dict(instances(boxes, labels),
                            scores=torch.tensor(scores)))


def overlapping_patches():
    """One ship in two patches, found in both, and one found nowhere."""
    ship, lost = [110, 50, 30, 10, 0.5], [400, 50, 30, 10, 0.5]
    moved = [10, *ship[1:]]
    return [
        sample('P1__1.0__0___0', [ship], [0], [0.9], [ship]),
        sample('P1__1.0__100___0', [moved], [0], [0.8],
               [moved, [300, *lost[1:]]]),
    ]


def evaluate(metric, samples, classes=('ship', 'plane')):
    metric.dataset_meta = dict(classes=classes)
    for item in samples:
        metric.process(None, [item])
    return metric.evaluate(len(samples))


def test_metric_merges_before_it_evaluates(tmp_path):
    apart = evaluate(RotatedAPMetric(eval_mode='area'),
                     overlapping_patches())
    assert apart['dota/AP50'] == pytest.approx(2 / 3)
    prefix = tmp_path / 'Task1'
    whole = evaluate(
        RotatedAPMetric(eval_mode='area', merge_patches=True,
                        outfile_prefix=str(prefix)), overlapping_patches())
    assert whole['dota/AP50'] == pytest.approx(1 / 2)  # 1 of 2 truths
    texts = texts_of(prefix / 'Task1.zip')
    assert texts['Task1_ship.txt'].startswith('P1 0.900000 ')
    assert texts['Task1_ship.txt'].count('\n') == 1
    assert texts['Task1_plane.txt'] == ''


def test_metric_takes_truths_of_whole_images(tmp_path):
    quad = to_box_type(np.array([[110, 50, 30, 10, 0.5]]), 'qbox')[0]
    line = ' '.join(f'{v:.1f}' for v in quad)
    (tmp_path / 'P1.txt').write_text(
        f'imagesource:GoogleEarth\ngsd:0.1\n{line} ship 0\n'
        '1 1 9 1 9 9 1 9 ship 2\n20 1 29 1 29 9 20 9 car 0\n')
    def scores(**kwargs):
        return evaluate(RotatedAPMetric(
            merge_patches=True, ann_file=str(tmp_path), **kwargs),
            overlapping_patches())['dota/AP50']
    assert scores(diff_thr=1) == pytest.approx(1)
    assert scores() < 1  # the difficult ship counts and is not found
    (tmp_path / 'P1.txt').write_text('1 1 9 1 9 9 1 9 car 0\n')
    with pytest.raises(ConfigError, match='car'):
        scores()
    (tmp_path / 'P1.txt').unlink()
    with pytest.raises(MissingDataError, match='P1.txt'):
        scores()


def test_format_only_writes_both_tasks(tmp_path):
    for box_type, task in (('rbox', 1), ('hbox', 2)):
        folder = tmp_path / box_type
        found = evaluate(RotatedAPMetric(
            format_only=True, merge_patches=True, outfile_prefix=str(folder),
            predict_box_type=box_type), overlapping_patches())
        assert found == {}
        line = texts_of(folder / f'{box_type}.zip')[f'Task{task}_ship.txt']
        assert len(line.split()) == (10, 6)[task - 1]


def test_without_merging_a_json_is_written(tmp_path):
    import json
    evaluate(RotatedAPMetric(format_only=True,
                             outfile_prefix=str(tmp_path / 'a')),
             overlapping_patches())
    found = json.loads((tmp_path / 'a.bbox.json').read_text())
    assert [f['image_id'] for f in found] == ['P1__1.0__0___0',
                                              'P1__1.0__100___0']
    assert found[0]['bbox'] == pytest.approx([110, 50, 30, 10, 0.5])


def test_merged_boxes_equal_mmrotates_tool(tmp_path):
    from mmrotate.evaluation import DOTAMetric
    rng = np.random.default_rng(0)
    samples = []
    for number, (x, y) in enumerate(windows(400, 300, 200, 60)):
        boxes = np.concatenate((
            rng.uniform(0, 200, (80, 2)), rng.uniform(5, 40, (80, 2)),
            rng.uniform(-1, 1, (80, 1))), axis=1)
        samples.append(sample(f'P{number % 2}__1__{x}___{y}', boxes.tolist(),
                              rng.integers(0, 2, 80).tolist(),
                              rng.random(80).astype(np.float32).tolist(), []))
    options = dict(format_only=True, merge_patches=True)
    found = []
    for cls, name in ((RotatedAPMetric, 'ours'), (DOTAMetric, 'theirs')):
        folder = tmp_path / name
        evaluate(cls(outfile_prefix=str(folder), **options), samples)
        found.append({
            (file, line.split()[0], *np.round(np.array(
                line.split()[2:], float), 1))
            for file, text in texts_of(folder / f'{name}.zip').items()
            for line in text.splitlines()})
    assert found[0] == found[1] and len(found[0]) > 200
