# Copyright (c) mmeo contributors. All rights reserved.
"""FAIR1M: official XML to patches, results back to the benchmark's XML."""

import zipfile
from io import BytesIO

import numpy as np
import pytest

from mmeo.datasets import FAIR1MDataset
from mmeo.datasets.converters import fair1m
from mmeo.datasets.converters.colours import write_png
from mmeo.datasets.converters.dota import split_dota
from mmeo.datasets.converters.patches import PatchSettings
from mmeo.datasets.dota_text import read_dota
from mmeo.datasets.fair1m import FAIR1M_CLASSES, to_word
from mmeo.datasets.fair1m_xml import read_fair1m
from mmeo.errors import DataError, MissingDataError
from mmeo.evaluation.dota_submission import write_submission

CORNERS = (10.0, 12.0, 30.0, 12.0, 30.0, 22.0, 10.0, 22.0)
OBJECT = ('<object><coordinate>pixel</coordinate><type>rectangle</type>'
          '<description>None</description><possibleresult><name>{name}</name>'
          '</possibleresult><points>{points}</points></object>')
FILE = ('<annotation><source><filename>1.tif</filename><origin>GF2/GF3'
        '</origin></source><research><version>4.0</version></research>'
        '<objects>{objects}</objects></annotation>')


def outline(corners, closed=True):
    pairs = list(zip(corners[0::2], corners[1::2]))
    pairs += pairs[:1] if closed else []
    return ''.join(f'<point>{x},{y}</point>' for x, y in pairs)


def annotation(*names, points=None):
    return FILE.format(objects=''.join(
        OBJECT.format(name=n, points=points or outline(CORNERS))
        for n in names))


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / 'FAIR1M'
    for part in ('train/part1', 'train/part2', 'validation', 'test'):
        # The same name in each folder, as in the official one.
        write_png(root / part / 'images' / '1.tif',
                  np.zeros((64, 64, 3), np.uint8))
        if part != 'test':
            (root / part / 'labelXml').mkdir()
            (root / part / 'labelXml' / '1.xml').write_text(
                annotation('Passenger Ship', 'Boeing737'))
    return root


def test_tree_to_patches(tree, tmp_path):
    out = tmp_path / 'fair1m'
    reports = fair1m.convert(tree, out)
    assert reports['train'].counts == dict(images=2, objects=4)
    assert reports['test'].counts == dict(images=1)
    labels = read_dota(out / 'val' / 'labelTxt' / 'val_1.txt')
    assert labels.source == 'GF2/GF3'
    assert [o.name for o in labels.objects] == ['Passenger_Ship', 'Boeing737']
    assert labels.objects[0].corners == CORNERS
    patches = tmp_path / 'patches'
    split_dota([out / 'train', out / 'val'], patches,
               PatchSettings(size=48, overlap=16))
    data = FAIR1MDataset(data_root=str(patches), ann_file='annfiles',
                         data_prefix=dict(img_path='images'), pipeline=[])
    assert len(data) == 12 and sum(
        len(data.get_data_info(i)['instances']) for i in range(12)) >= 6
    fair1m.convert(tree, out)  # again, over what is there


def test_two_parts_without_validation(tree, tmp_path):
    """FAIR1M-1.0 has none."""
    for path in sorted((tree / 'validation').rglob('*'), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    with pytest.raises(MissingDataError, match='leave `val` out'):
        fair1m.convert(tree, tmp_path / 'out')
    fair1m.convert(tree, tmp_path / 'out', splits=('train', 'test'))
    names = {p.name for p in (tmp_path / 'out/train/images').iterdir()}
    assert names == {'p1_1.tif', 'p2_1.tif'}


@pytest.mark.parametrize('content, match', [
    (annotation('Zeppelin'), "unknown class 'Zeppelin'"),
    (annotation('Van', points=outline(CORNERS[:6])), 'expected are four'),
    (annotation('Van', points='<point>1;2</point>'), 'not `x,y`'),
    ('<!DOCTYPE a>' + annotation('Van'), 'document type'),
    ('<annotation>', 'no XML'),
])
def test_damaged_annotations(content, match, tmp_path):
    path = tmp_path / '1.xml'
    path.write_text(content)
    with pytest.raises(DataError, match=match):
        read_fair1m(path)


def test_open_outline_and_case(tmp_path):
    path = tmp_path / '1.xml'
    path.write_text(annotation('tugboat', points=outline(CORNERS, False)))
    item, = read_fair1m(path).objects
    assert item.name == 'Tugboat' and item.corners == CORNERS


def test_submission_round_trip(tmp_path):
    """What the metric writes comes back through the benchmark's form."""
    classes = FAIR1MDataset.METAINFO['classes']
    label = classes.index('Dry_Cargo_Ship')
    folder = tmp_path / 'predictions'
    write_submission([
        dict(img_id='7', bboxes=np.float32([CORNERS]),
             scores=np.float32([0.75]), labels=np.int64([label]))],
        classes, folder)
    for name in ('7', '8'):
        write_png(tmp_path / 'images' / f'{name}.tif',
                  np.zeros((4, 4, 3), np.uint8))
    counts = fair1m.submit(folder, tmp_path / 'images', tmp_path / 'a.zip')
    assert counts == dict(images=2, detections=1)
    with zipfile.ZipFile(tmp_path / 'a.zip') as archive:
        assert archive.namelist() == ['test/7.xml', 'test/8.xml']
        text = archive.read('test/7.xml').decode()
        (tmp_path / '7.xml').write_text(text)
        (tmp_path / '8.xml').write_bytes(archive.read('test/8.xml'))
    item, = read_fair1m(tmp_path / '7.xml').objects
    assert item.name == 'Dry_Cargo_Ship' and item.corners == CORNERS
    assert '<name>Dry Cargo Ship</name>' in text
    assert '<probability>0.750000</probability>' in text
    assert not read_fair1m(tmp_path / '8.xml').objects


def test_submission_is_whole(tmp_path):
    for name in FAIR1M_CLASSES[1:]:
        (tmp_path / f'Task1_{to_word(name)}.txt').write_text('')
    write_png(tmp_path / 'images' / '1.tif', np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(MissingDataError, match='1 of 37.*Boeing737'):
        fair1m.submit(tmp_path, tmp_path / 'images', BytesIO())
    first = tmp_path / 'Task1_Boeing737.txt'
    first.write_text('9 0.5 1 1 2 1 2 2 1 2\n')
    with pytest.raises(DataError, match='not in .*images: 9'):
        fair1m.submit(tmp_path, tmp_path / 'images', BytesIO())
    first.write_text('9 0.5 1 1\n')
    with pytest.raises(DataError, match='Boeing737.txt:1: cannot read'):
        fair1m.submit(tmp_path, tmp_path / 'images', BytesIO())
