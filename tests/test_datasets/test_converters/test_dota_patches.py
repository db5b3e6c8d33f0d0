# Copyright (c) mmeo contributors. All rights reserved.
"""DOTA in patches: nothing lost, nothing moved, everything counted."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from mmeo.datasets import DOTADataset
from mmeo.datasets.converters.dota import dota_to_coco, split_dota
from mmeo.datasets.converters.patches import PatchSettings, patch_name
from mmeo.datasets.dota_text import DotaLabels, DotaObject, dota_text
from mmeo.datasets.dota_text import read_dota as read
from mmeo.errors import ConfigError, DataError, MissingDataError

NAME = re.compile(r'(.+)__(\d+\.\d+)__(\d+)___(\d+)')


def objects(count, width, height, largest, seed=0):
    """Random rotated boxes inside an image."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        w, h = rng.uniform(6, largest / 1.5, 2)
        angle = rng.uniform(0, np.pi)
        reach = np.hypot(w, h) / 2
        centre = rng.uniform((reach, reach),
                             (width - reach, height - reach))
        turn = np.array([[np.cos(angle), -np.sin(angle)],
                         [np.sin(angle), np.cos(angle)]])
        corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2
        corners = np.round(corners @ turn.T + centre, 1)
        found.append(DotaObject(tuple(corners.ravel()), 'ship',
                                int(rng.integers(2))))
    return found


def make_part(root, items, width=300, height=220, name='P0001', gsd=0.5):
    """A part of DOTA with one image of random pixels."""
    (root / 'images').mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(1).integers(
        0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(root / f'images/{name}.png')
    if items is not None:
        (root / 'labelTxt').mkdir(exist_ok=True)
        (root / f'labelTxt/{name}.txt').write_text(dota_text(
            DotaLabels(items, 'synthetic', gsd)))
    return pixels


def patches(out):
    """Place, picture and labels of each patch."""
    for path in sorted((out / 'images').iterdir()):
        _, rate, x, y = NAME.fullmatch(path.stem).groups()
        label = out / f'annfiles/{path.stem}.txt'
        with Image.open(path) as picture:
            yield (float(rate), int(x), int(y), np.asarray(picture),
                   read(label) if label.exists() else None)


def test_pixels_and_labels_stay_where_they_were(tmp_path):
    items = objects(40, 300, 220, largest=40)
    pixels = make_part(tmp_path / 'train', items)
    report = split_dota([tmp_path / 'train'], tmp_path / 'out',
                        PatchSettings(128, 48))
    covered = np.zeros((220, 300), int)
    whole = set()
    for rate, x, y, found, labels in patches(tmp_path / 'out'):
        assert rate == 1 and found.shape == (128, 128, 3)
        assert (found == pixels[y:y + 128, x:x + 128]).all()
        covered[y:y + 128, x:x + 128] += 1
        assert labels.source == 'synthetic' and labels.gsd == 0.5
        for item in labels.objects:
            back = tuple(round(v + o, 1)
                         for v, o in zip(item.corners, (x, y) * 4))
            whole.add((back, item.name, item.difficulty))
    assert covered.min() >= 1
    # Objects are smaller than the overlap: each is whole somewhere, and
    # what patches hold are these objects and no others.
    assert whole == {(i.corners, i.name, i.difficulty) for i in items}
    assert 'objects that no patch shows as a whole' not in report.dropped
    assert report.counts['objects'] == 40
    assert report.counts['patches'] == 12


@pytest.mark.parametrize('seed', range(5))
def test_every_object_below_the_overlap_is_covered(tmp_path, seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(64, 160))
    overlap = int(rng.integers(32, size // 2 + 16))
    width, height = (int(v) for v in rng.integers(40, 400, 2))
    largest = min(overlap, width, height)
    items = objects(30, width, height, largest, seed)
    make_part(tmp_path / 'a', items, width, height)
    report = split_dota([tmp_path / 'a'], tmp_path / 'out',
                        PatchSettings(size, overlap))
    assert 'objects that no patch shows as a whole' not in report.dropped


def square(x, y, side=20., difficulty=0):
    return DotaObject((x, y, x + side, y, x + side, y + side, x, y + side),
                      'ship', difficulty)


def test_rule_at_the_border(tmp_path):
    # In the patch at 0: 75 % and 50 % of the area.
    items = [square(85., 10., difficulty=1), square(90., 50.)]
    make_part(tmp_path / 'a', items, 150, 100)
    settings = dict(size=100, overlap=50)
    split_dota([tmp_path / 'a'], tmp_path / 'drop', PatchSettings(**settings))
    left = read(tmp_path / 'drop/annfiles/P0001__1.0__0___0.txt').objects
    assert [(i.corners, i.difficulty) for i in left] == [
        (items[0].corners, 1)]
    report = split_dota([tmp_path / 'a'], tmp_path / 'cut',
                        PatchSettings(cut='difficult', **settings))
    left = read(tmp_path / 'cut/annfiles/P0001__1.0__0___0.txt').objects
    assert left[0].corners == items[0].corners and left[1].difficulty == 2
    xs, ys = left[1].corners[0::2], left[1].corners[1::2]
    assert (min(xs), max(xs), min(ys), max(ys)) == (90, 100, 50, 70)
    assert report.counts['objects in patches, visible part'] == 1
    make_part(tmp_path / 'b', [square(10., 10., 120.)], 150, 150)
    report = split_dota([tmp_path / 'b'], tmp_path / 'big',
                        PatchSettings(**settings))
    assert report.dropped['objects that no patch shows as a whole'] == 1


@pytest.mark.parametrize('rate', [0.5, 2.0])
def test_resized_images(tmp_path, rate):
    items = objects(20, 300, 220, largest=30)
    pixels = make_part(tmp_path / 'a', items)
    pixels[:] = np.linspace(0, 255, 300)[None, :, None]  # a smooth ramp
    Image.fromarray(pixels).save(tmp_path / 'a/images/P0001.png')
    report = split_dota([tmp_path / 'a'], tmp_path / 'out',
                        PatchSettings(128, 64, rates=(rate, )))
    found = set()
    for number, x, y, picture, labels in patches(tmp_path / 'out'):
        assert number == rate and labels.gsd == 0.5 / rate
        columns = (np.arange(x, x + 128) + 0.5) / rate - 0.5
        inside = min(round(220 * rate) - y, 128), min(
            round(300 * rate) - x, 128)
        expected = np.interp(columns, np.arange(300), np.linspace(0, 255,
                                                                  300))
        part = picture[:inside[0], :inside[1], 0]
        assert np.abs(part - expected[:inside[1]]).max() < 3
        for item in labels.objects:
            found.add(tuple(np.round((np.array(item.corners) + (x, y) * 4) /
                                     rate, 0)))
    assert len(found) >= report.counts['objects'] == 20


def test_small_images_are_padded_and_empty_ones_kept(tmp_path):
    pixels = make_part(tmp_path / 'a', [], 60, 50)
    split_dota([tmp_path / 'a'], tmp_path / 'out', PatchSettings(100, 10))
    (_, _, _, picture, labels), = patches(tmp_path / 'out')
    assert picture.shape == (100, 100, 3) and not labels.objects
    assert (picture[:50, :60] == pixels).all()
    assert (picture[50:] == (124, 116, 104)).all()
    report = split_dota([tmp_path / 'a'], tmp_path / 'none',
                        PatchSettings(100, 10, empty='drop'))
    assert report.dropped['patches without objects'] == 1
    assert not list((tmp_path / 'none/images').iterdir())


def test_workers_and_repetition_change_nothing(tmp_path):
    for i in range(3):
        make_part(tmp_path / 'a', objects(9, 300, 220, 40, i),
                  name=f'P{i:04d}')
    settings = PatchSettings(128, 32, rates=(0.5, 1.0), cut='difficult')
    reports = [split_dota([tmp_path / 'a'], tmp_path / name, settings,
                          workers=workers)
               for name, workers in (('x', 1), ('y', 2))]
    assert reports[0] == reports[1]
    files = [sorted(p for p in (tmp_path / name).rglob('*') if p.is_file())
             for name in 'xy']
    assert len(files[0]) == 2 * reports[0].counts['patches'] > 20
    for a, b in zip(*files, strict=True):
        assert a.name == b.name and a.read_bytes() == b.read_bytes()


def test_geotiff_keeps_bands_and_place(tmp_path):
    bands = np.random.default_rng(0).integers(0, 9999, (5, 90, 130),
                                              np.uint16)
    (tmp_path / 'a/images').mkdir(parents=True)
    place = rasterio.Affine(10, 0, 5000, 0, -10, 9000)
    with rasterio.open(tmp_path / 'a/images/S.tif', 'w', driver='GTiff',
                       count=5, height=90, width=130, dtype='uint16',
                       crs='EPSG:32633', transform=place) as target:
        target.write(bands)
    with pytest.raises(DataError, match=r'5 bands of uint16.*tif'):
        split_dota([tmp_path / 'a'], tmp_path / 'png', PatchSettings(64, 8))
    split_dota([tmp_path / 'a'], tmp_path / 'tif',
               PatchSettings(64, 8, suffix='tif'))
    with rasterio.open(tmp_path / 'tif/images/S__1.0__56___26.tif') as src:
        assert (src.read() == bands[:, 26:90, 56:120]).all()
        assert src.crs.to_epsg() == 32633
        assert tuple(src.transform)[:6] == (10, 0, 5560, 0, -10, 8740)
    assert not (tmp_path / 'tif/annfiles').exists()


def test_errors(tmp_path):
    with pytest.raises(MissingDataError, match='no image in'):
        split_dota([tmp_path], tmp_path / 'out')
    make_part(tmp_path / 'a', [])
    make_part(tmp_path / 'b', None, name='P2')
    with pytest.raises(ConfigError, match='have labels'):
        split_dota([tmp_path / 'a', tmp_path / 'b'], tmp_path / 'out')
    with pytest.raises(ConfigError, match='share image names'):
        split_dota([tmp_path / 'a', tmp_path / 'a'], tmp_path / 'out')
    split_dota([tmp_path / 'a'], tmp_path / 'out')
    with pytest.raises(ConfigError, match='holds files'):
        split_dota([tmp_path / 'a'], tmp_path / 'out')
    split_dota([tmp_path / 'a'], tmp_path / 'out', overwrite=True)
    make_part(tmp_path / 'a', None, name='P3')
    with pytest.raises(MissingDataError, match=r'P3\.txt'):
        split_dota([tmp_path / 'a'], tmp_path / 'new')
    for values in (dict(overlap=1024), dict(rates=()), dict(rates=(1, 1.0)),
                   dict(cut='x'), dict(iof_thr=0)):
        with pytest.raises(ConfigError):
            PatchSettings(**values)
    assert patch_name('P1', 1, 824, 0) == 'P1__1.0__824___0'


def run_tool(repo_root, monkeypatch, name, *args):
    monkeypatch.setattr(sys, 'argv', [name, *map(str, args)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(repo_root / 'tools/dataset_converters' / name),
                       run_name='__main__')
    return stop.value.code


def test_tool_on_real_images(repo_root, real_sample, tmp_path, monkeypatch,
                             capsys):
    parts = {part: real_sample(f'oriented/{folder}') for part, folder in (
        ('train', 'dota_yolo_demo'), ('val', 'dota_devkit'))}
    root = tmp_path / 'DOTA'
    root.mkdir()
    for part, folder in parts.items():
        (root / part).symlink_to(folder)
    code = run_tool(repo_root, monkeypatch, 'split_dota.py', root, '--out',
                    tmp_path / 'out', '--size', '768', '--splits',
                    'trainval=train,val')
    assert code == 0
    printed = capsys.readouterr().out
    data = DOTADataset(data_root=str(tmp_path / 'out/trainval'),
                       ann_file='annfiles')
    boxes = sum(len(d['instances']) for d in data)
    assert f'{boxes:,} objects in patches, kept whole' in printed
    assert '1,123 objects\n' in printed
    assert f'{len(data):>9,} patches' in printed
    names = {Path(d['img_path']).stem.split('__')[0] for d in data}
    assert {'P0003', 'P0004', 'P0005', 'P0706'} <= names


def test_boxes_around_objects(tmp_path):
    items = [square(10., 20.), DotaObject((50, 10, 60, 20, 50, 30, 40, 20),
                                          'plane')]
    make_part(tmp_path / 'a', items)
    report = dota_to_coco(tmp_path / 'a', tmp_path / 'a.json',
                          DOTADataset.METAINFO['classes'])
    from mmeo.datasets.coco_api import read_coco
    document = read_coco(tmp_path / 'a.json')
    assert [a['bbox'] for a in document['annotations']] == [
        [10, 20, 20, 20], [40, 10, 20, 20]]
    assert [a['area'] for a in document['annotations']] == [400, 200]
    assert [a['category_id'] for a in document['annotations']] == [7, 1]
    assert report.counts['images'] == 1
    with pytest.raises(DataError, match=r'P0001\.txt:\d+: unknown class'):
        dota_to_coco(tmp_path / 'a', tmp_path / 'b.json', ['ship'])
