# Copyright (c) mmeo contributors. All rights reserved.
"""SynthEarth's files: layout, formats, and agreement between modalities."""

import json
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from rasterio.warp import transform_geom

from mmeo.datasets.synthetic.classes import (
    DOTA_CLASSES,
    LEAF_IDS,
    LEAVES,
    LOVEDA_CLASSES,
    class_tree,
    leaves_of,
)
from mmeo.datasets.synthetic.text import WORDS, is_urban


def read(path):
    with rasterio.open(path) as source:
        return source.read()


def scenes(root):
    """(split folder, stem) of all scenes."""
    return [(image.parents[2], image.stem)
            for image in sorted(root.glob('*/dota/images/*.png'))]


def coco(split):
    data = json.loads((split / 'coco/annotations.json').read_text())
    names = {c['id']: c['name'] for c in data['categories']}
    by_stem = {image['file_name'][:-4]: [] for image in data['images']}
    stems = {image['id']: image['file_name'][:-4]
             for image in data['images']}
    for record in data['annotations']:
        by_stem[stems[record['image_id']]].append(
            (names[record['category_id']], record))
    return by_stem


def dota(split, stem):
    lines = (split / f'dota/labelTxt/{stem}.txt').read_text().splitlines()
    assert lines[0].startswith('imagesource:')
    assert lines[1] == 'gsd:0.3125'
    for line in lines[2:]:
        words = line.split()
        assert len(words) == 10
        yield (words[8], np.array(words[:8], float).reshape(4, 2),
               int(words[9]))


def test_tree():
    tree = class_tree()
    groups, kinds, leaves = tree['levels']
    assert len(leaves) >= 30
    assert len(groups) < len(kinds) < len(leaves)
    for upper, lower in ((groups, kinds), (kinds, leaves)):
        ids = {item['id'] for item in upper}
        assert {item['parent'] for item in lower} == ids
    for level in tree['levels']:
        assert [i['id'] for i in level] == list(range(1, len(level) + 1))
        assert len({i['name'] for i in level}) == len(level)
    mapping = tree['loveda']['leaf_to_loveda']
    assert set(mapping) == {str(i['id']) for i in leaves}
    assert set(mapping.values()) == set(range(1, 8))


def test_split_and_manifest(synthearth):
    manifest = json.loads((synthearth / 'manifest.json').read_text())
    assert manifest['size'] == 256 and manifest['seed'] == 7
    assert [stem for split, stem in scenes(synthearth)
            if split.name == 'train'] == ['0000', '0001', '0002', '0003']
    assert [stem for split, stem in scenes(synthearth)
            if split.name == 'val'] == ['0004']
    written = json.loads((synthearth / 'semantics.json').read_text())
    assert written == class_tree()


def test_images_are_one_file(synthearth):
    for split, stem in scenes(synthearth):
        names = [split / f'{folder}/{stem}.png' for folder in
                 ('dota/images', 'semseg/img_dir', 'change/A')]
        assert len({path.read_bytes() for path in names}) == 1
        image = cv2.imread(str(names[0]))[..., ::-1]
        later = cv2.imread(str(split / f'change/B/{stem}.png'))
        assert image.shape == later.shape == (256, 256, 3)
        hr = read(split / f'series/{stem}/hr.tif')
        assert np.array_equal(hr.transpose(1, 2, 0), image)


def test_labels_agree(synthearth):
    lut = np.array([0] + [leaf.loveda for leaf in LEAVES])
    for split, stem in scenes(synthearth):
        leaves = read(split / f'series/{stem}/semantics.tif')[0]
        assert leaves.min() >= 1 and leaves.max() <= len(LEAVES)
        legend = cv2.imread(str(split / f'semseg/ann_dir/{stem}.png'),
                            cv2.IMREAD_UNCHANGED)
        assert legend.dtype == np.uint8 and legend.ndim == 2
        assert np.array_equal(legend, lut[leaves])
        change = cv2.imread(str(split / f'change/label/{stem}.png'),
                            cv2.IMREAD_UNCHANGED)
        assert set(np.unique(change)) <= {0, 255}


def test_series_share_their_ground(synthearth):
    for split, stem in scenes(synthearth):
        folder = split / f'series/{stem}'
        with rasterio.open(folder / 'hr.tif') as hr:
            bounds, crs = hr.bounds, hr.crs
            assert crs.is_projected and hr.res == (.3125, .3125)
            assert bounds.left % 10 == 0 and bounds.top % 10 == 0
        optical = sorted(folder.glob('s2_*.tif'))
        radar = sorted(folder.glob('s1_*.tif'))
        assert len(optical) >= 4 and len(radar) >= 3
        for path in optical + radar:
            assert len(path.stem.split('_')[1]) == 8
            with rasterio.open(path) as source:
                assert source.crs == crs and source.bounds == bounds
                assert source.shape == (8, 8)
                wanted = (10, 'uint16') if path in optical \
                    else (2, 'float32')
                assert (source.count, source.dtypes[0]) == wanted


def test_spectra_follow_the_land(synthearth):
    """Vegetation is bright in near infrared, water dark in both sensors."""
    seen = 0
    for split, stem in scenes(synthearth):
        folder = split / f'series/{stem}'
        leaves = read(folder / 'semantics.tif')[0]
        cells = leaves.reshape(8, 32, 8, 32).swapaxes(1, 2).reshape(
            8, 8, -1)
        water = np.isin(cells, leaves_of('water')).all(-1)
        green = np.isin(cells, leaves_of('vegetation')).all(-1)
        radar = np.mean([read(p) for p in folder.glob('s1_*.tif')], 0)
        assert (radar[1] < radar[0]).mean() > .95
        optical = np.median([read(p) for p in folder.glob('s2_*.tif')], 0)
        ndvi = (optical[6] - optical[2]) / (optical[6] + optical[2])
        if water.any() and not water.all():
            seen += 1
            assert radar[0][water].mean() < radar[0][~water].mean() - 4
            assert ndvi[water].mean() < .15
        if green.any():
            assert ndvi[green].mean() > .35
    assert seen, 'the fixture should hold water'


def test_regional_water(synthearth):
    for split, stem in scenes(synthearth):
        with rasterio.open(split / f'water/S1/Synth_{stem}_S1Hand.tif') as f:
            s1, bounds = f.read(), f.bounds
            assert np.isnan(f.nodata) and f.dtypes[0] == 'float32'
        with rasterio.open(split / f'water/S2/Synth_{stem}_S2Hand.tif') as f:
            s2 = f.read()
            assert f.nodata == 0 and f.dtypes[0] == 'int16'
            assert f.bounds == bounds
        path = split / f'water/Labels/Synth_{stem}_LabelHand.tif'
        with rasterio.open(path) as f:
            label = f.read(1)
            assert f.dtypes[0] == 'int16' and f.bounds == bounds
        assert s1.shape == (2, 64, 64) and s2.shape == (13, 64, 64)
        assert set(np.unique(label)) <= {-1, 0, 1}
        assert np.isnan(s1[0]).sum() == (s2[0] == 0).sum()
        assert (label[np.isnan(s1[0])] == -1).all()
        # MNDWI from green and SWIR separates what the label calls water.
        green, swir = s2[2].astype(float), s2[11].astype(float)
        index = (green - swir) / np.maximum(green + swir, 1)
        if (label == 1).any():
            assert index[label == 1].mean() > index[label == 0].mean() + .3
            assert s1[0][label == 1].mean() < s1[0][label == 0].mean() - 3


def test_oriented_boxes_agree_with_coco_and_ground(synthearth):
    leaf_of = {'ship': 'ship', 'plane': 'aircraft',
               'small-vehicle': 'small vehicle',
               'large-vehicle': 'large vehicle',
               'storage-tank': 'storage tank', 'bridge': 'bridge'}
    total, hits, names = 0, 0, set()
    for split, stem in scenes(synthearth):
        leaves = read(split / f'series/{stem}/semantics.tif')[0]
        records = [r for r in coco(split)[stem] if r[0] != 'building']
        quads = list(dota(split, stem))
        assert [r[0] for r in records] == [q[0] for q in quads]
        for (name, record), (_, quad, difficult) in zip(records, quads):
            names.add(name)
            assert name in DOTA_CLASSES and difficult in (0, 1)
            assert quad.min() >= -.05 * 256 and quad.max() <= 1.05 * 256
            x, y, w, h = record['bbox']
            assert 0 <= x and 0 <= y and x + w <= 256.11 \
                and y + h <= 256.11
            ring = np.float32(record['segmentation'][0]).reshape(-1, 2)
            assert np.allclose([*ring.min(0), *np.ptp(ring, 0)],
                               [x, y, w, h], atol=.11)
            assert cv2.contourArea(ring) == pytest.approx(record['area'],
                                                          abs=1)
            # The outline lies in its oriented box, up to rounding.
            if difficult == 0 and 0 < x and 0 < y and x + w < 256 and \
                    y + h < 256:
                for point in ring:
                    assert cv2.pointPolygonTest(
                        np.float32(quad), point.tolist(), True) > -.2
                if name in leaf_of:
                    total += 1
                    cx, cy = ring.mean(0).astype(int)
                    hits += leaves[cy, cx] == LEAF_IDS[leaf_of[name]]
    assert len(names) >= 5
    assert total > 20 and hits == total


def test_voc_agrees_with_coco(synthearth):
    for split, stem in scenes(synthearth):
        root = ET.parse(split / f'voc/Annotations/{stem}.xml').getroot()
        assert root.find('filename').text == f'{stem}.png'
        assert [int(root.find(f'size/{k}').text)
                for k in ('width', 'height', 'depth')] == [256, 256, 3]
        objects = root.findall('object')
        records = coco(split)[stem]
        assert [o.find('name').text for o in objects] == \
            [name for name, _ in records]
        for item, (_, record) in zip(objects, records):
            x1, y1, x2, y2 = (int(item.find(f'bndbox/{k}').text)
                              for k in ('xmin', 'ymin', 'xmax', 'ymax'))
            assert 1 <= x1 <= x2 <= 256 and 1 <= y1 <= y2 <= 256
            x, y, w, h = record['bbox']
            assert abs(x1 - 1 - x) <= 1 and abs(y2 - y - h) <= 1


def test_coco_opens_in_pycocotools(synthearth):
    COCO = pytest.importorskip('pycocotools.coco').COCO
    for split in ('train', 'val'):
        data = COCO(str(synthearth / split / 'coco/annotations.json'))
        ids = data.getAnnIds()
        assert len(set(ids)) == len(ids) > 0
        record = data.loadAnns(ids[:1])[0]
        mask = data.annToMask(record)
        assert mask.sum() == pytest.approx(record['area'], rel=.2, abs=20)


def test_change_label_is_where_polygons_say(synthearth):
    """Burn the changed buildings of the GeoJSON and meet the label."""
    changed = 0
    for split, stem in scenes(synthearth):
        data = json.loads((split / f'polygons/{stem}.geojson').read_text())
        assert data['crs']['properties']['name'].endswith('CRS84')
        with rasterio.open(split / f'series/{stem}/hr.tif') as source:
            grid, crs = source.transform, source.crs
        masks = {}
        for change in ('none', 'added', 'removed'):
            shapes = [transform_geom('EPSG:4326', crs, f['geometry'])
                      for f in data['features']
                      if f['properties']['class'] == 'building'
                      and f['properties']['change'] == change]
            masks[change] = rasterize(
                shapes, (256, 256), transform=grid) > 0 if shapes \
                else np.zeros((256, 256), bool)
        label = cv2.imread(str(split / f'change/label/{stem}.png'), 0) > 0
        wanted = masks['added'] | masks['removed']
        changed += wanted.any()
        # Two rasterisers differ along outlines, nowhere else.
        edge = cv2.dilate(wanted.astype(np.uint8), np.ones((3, 3))) \
            - cv2.erode(wanted.astype(np.uint8), np.ones((3, 3)))
        assert not ((label != wanted) & (edge == 0)).any()
    assert changed


def test_answers_can_be_counted_again(synthearth):
    singular = {words[0]: name for name, words in WORDS.items()}
    plural = {words[1]: name for name, words in WORDS.items()}
    kinds = set()
    for split, stem in scenes(synthearth):
        counts = {name: 0 for name in WORDS}
        for name, _ in coco(split)[stem]:
            counts[name] += 1
        leaves = read(split / f'series/{stem}/semantics.tif')[0]
        lines = (split / 'instruct/instruct.jsonl').read_text().splitlines()
        records = [json.loads(line) for line in lines]
        records = [r for r in records if r['id'].startswith(stem)]
        assert 9 <= len(records) <= 14
        for record in records:
            talk = record['conversations']
            images = record['image'] if isinstance(record['image'], list) \
                else [record['image']]
            assert talk[0]['value'].count('<image>') == len(images)
            assert all((split / image).is_file() for image in images)
            assert record['width'] == record['height'] == 256
            for ask, answer in zip(talk[::2], talk[1::2]):
                assert (ask['from'], answer['from']) == ('human', 'gpt')
                question = ask['value'].removeprefix('<image>\n')
                said = answer['value']
                words = question.split(' in the image?')[0]
                if question.startswith(('How many', 'What is the number')):
                    words = words.removeprefix('How many ').removeprefix(
                        'What is the number of ').removesuffix(' are there')
                    assert int(said) == counts[plural[words]]
                    kinds.add('count')
                elif question.startswith('Is there a '):
                    name = singular[words.removeprefix('Is there a ')]
                    assert said == ('yes' if counts[name] else 'no')
                    kinds.add('presence')
                elif question.startswith('Are there more '):
                    first, second = question.split('?')[0].removeprefix(
                        'Are there more ').split(' than ')
                    more = counts[plural[first]] > counts[plural[second]]
                    assert said == ('yes' if more else 'no')
                    kinds.add('comparison')
                elif 'cell of a grid' in question:
                    legend = cv2.imread(
                        str(split / f'semseg/ann_dir/{stem}.png'), 0)
                    for i, word in enumerate(said.split(' ')):
                        y, x = i // 8 * 32, i % 8 * 32
                        cell = np.bincount(
                            legend[y:y + 32, x:x + 32].ravel(), minlength=8)
                        assert cell[1:].max() == cell[
                            1 + LOVEDA_CLASSES.index(word)]
                    assert i == 63
                    kinds.add('grid')
                elif 'rural' in question:
                    assert said == ('urban' if is_urban(leaves)
                                    else 'rural')
                    kinds.add('area')
                elif '<ref>' in said:
                    assert said.count('<box>') == said.count('</box>') == 1
                    boxes = json.loads(said.split('<box>')[1]
                                       .removesuffix('</box>'))
                    truth = {tuple(round(v / 256 * 1000) for v in
                                   (x, y, x + w, y + h)) for x, y, w, h in
                             (r['bbox'] for _, r in coco(split)[stem])}
                    for box in boxes:
                        assert min(np.abs(np.array(box) - t).max()
                                   for t in truth) <= 1
                    kinds.add('grounding')
                elif len(images) == 2:
                    label = cv2.imread(
                        str(split / f'change/label/{stem}.png'), 0)
                    if said.startswith('No building'):
                        # A sliver at the border is no annotated building.
                        assert (label > 0).sum() < 256
                    else:
                        assert label.any()
                    kinds.add('change')
    assert kinds >= {'grid', 'count', 'presence', 'comparison', 'area',
                     'grounding', 'change'}


def test_meta_leads_to_the_lines(synthearth):
    for split in ('train', 'val'):
        folder = synthearth / split / 'instruct'
        (entry,) = json.loads((folder / 'meta.json').read_text()).values()
        lines = (folder / entry['annotation']).read_text().splitlines()
        assert len(lines) == entry['length']
        first = json.loads(lines[0])
        assert (folder / entry['root'] / first['image']).is_file()
        assert entry['repeat_time'] == 1
