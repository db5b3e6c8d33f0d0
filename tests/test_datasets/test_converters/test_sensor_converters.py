# Copyright (c) mmeo contributors. All rights reserved.
"""Official trees of Potsdam, FBP, SPARCS and AIR-PolSAR-Seg in small."""

import numpy as np
import pytest
import rasterio
from PIL import Image

from mmeo.datasets import (
    AIRPolSARSegDataset,
    FiveBillionPixelsDataset,
    PotsdamDataset,
    SPARCSDataset,
)
from mmeo.datasets.converters import air_polsar_seg, fbp, potsdam, sparcs
from mmeo.datasets.converters.colours import ids_to_colours, write_png
from mmeo.datasets.converters.rasters import BandStatistics, write_tif
from mmeo.errors import DataError, MissingDataError

RNG = np.random.default_rng(0)


def numbers(height, width, bands, high=256, dtype=np.uint8):
    return RNG.integers(0, high, (height, width, bands)).astype(dtype)


def ids(classes, height, width):
    """A label map that holds each class."""
    flat = np.arange(height * width) % classes
    return flat.reshape(height, width).astype(np.uint8)


def bands_of(dataset, transforms):
    dataset.pipeline = type(dataset.pipeline)(transforms)
    return list(dataset)


def test_statistics_are_those_of_numpy():
    parts = [RNG.normal(3, 2, (5, 7, 4)), RNG.normal(-1, 9, (11, 4))]
    parts[0][2, 3, 1] = np.nan
    statistics = BandStatistics()
    for part in parts:
        statistics.add(part)
    every = np.concatenate([p.reshape(-1, 4) for p in parts])
    every = every[np.isfinite(every).all(1)]
    np.testing.assert_allclose(statistics.mean, every.mean(0))
    np.testing.assert_allclose(statistics.std, every.std(0))
    assert statistics.count == len(every) == 45
    line = eval(statistics.config())  # a line to paste into a config
    assert line['type'] == 'NormalizeBands' and len(line['mean']) == 4


# -- Potsdam ------------------------------------------------------------


@pytest.fixture(scope='module')
def potsdam_tree(tmp_path_factory):
    root = tmp_path_factory.mktemp('Potsdam')
    for split in potsdam.SPLITS.values():
        for scene in split:
            write_png(root / '2_Ortho_RGB' / f'top_potsdam_{scene}_RGB.tif',
                      numbers(24, 24, 3))
            write_png(root / '5_Labels_all' /
                      f'top_potsdam_{scene}_label.tif',
                      ids_to_colours(ids(6, 24, 24), potsdam.PALETTE[1:]))
    return root


def test_potsdam_tiles(potsdam_tree, tmp_path):
    counts = potsdam.convert(potsdam_tree, tmp_path, size=12, overlap=6,
                             test_size=24)
    assert counts == {'train scenes': 24, 'train tiles': 24 * 9,
                      'test scenes': 14, 'test tiles': 14,
                      'rounded pixels': 0}
    read = [dict(type='LoadImage'), dict(type='LoadGeoAnnotations')]
    six = PotsdamDataset(data_root=str(tmp_path), splits='test',
                         pipeline=read)
    np.testing.assert_array_equal(six[0]['gt_seg_map'], ids(6, 24, 24))
    five = PotsdamDataset(
        data_root=str(tmp_path), splits='test', pipeline=read,
        metainfo=dict(classes=six.metainfo['classes'][:5]))
    expected = np.where(ids(6, 24, 24) == 5, 255, ids(6, 24, 24))
    np.testing.assert_array_equal(five[0]['gt_seg_map'], expected)
    assert five.metainfo['palette'] == six.metainfo['palette'][:5]


def test_potsdam_rounds_and_counts(potsdam_tree, tmp_path):
    path = potsdam_tree / '5_Labels_all' / 'top_potsdam_2_13_label.tif'
    before = path.read_bytes()
    colours = ids_to_colours(ids(6, 24, 24), potsdam.PALETTE[1:])
    colours[0, 0] = (252, 255, 255)
    write_png(path, colours)
    try:
        assert potsdam.convert(potsdam_tree, tmp_path, test_size=24)[
            'rounded pixels'] == 1
        colours[3, 4] = (120, 255, 255)
        write_png(path, colours)
        with pytest.raises(DataError, match=r'2_13_label.*row 3, column 4'):
            potsdam.convert(potsdam_tree, tmp_path, test_size=24)
    finally:
        path.write_bytes(before)


def test_potsdam_says_what_is_missing(potsdam_tree, tmp_path):
    with pytest.raises(MissingDataError, match=(
            r'38 of 38 labels .*_noBoundary.tif are absent: 2_10.*Found: '
            'nothing')):
        potsdam.convert(potsdam_tree, tmp_path, labels='no-boundary')


def test_potsdam_real_tile(real_sample):
    """mmseg's converter and ours write what one reader takes."""
    data = PotsdamDataset(
        data_root=str(real_sample('semseg/potsdam')),
        pipeline=[dict(type='LoadImage'), dict(type='LoadGeoAnnotations')])
    sample = data[0]
    assert sample['img'].shape == (512, 512, 3)
    present = set(np.unique(sample['gt_seg_map'])) - {255}
    assert present and present <= set(range(6))


# -- Five-Billion-Pixels ------------------------------------------------


@pytest.fixture(scope='module')
def fbp_tree(tmp_path_factory):
    root = tmp_path_factory.mktemp('FBP')
    names = [*fbp.TEST, *(f'GF2_PMS1__L1A{i:010d}-MSS1' for i in range(120))]
    for name in names:
        write_tif(root / 'Image__8bit_NirRGB' / f'{name}.tif',
                  numbers(10, 14, 4), ('NIR', 'R', 'G', 'B'))
        write_png(root / 'Annotation__index' / f'{name}_24label.png',
                  ids(25, 10, 14))
    return root


def test_fbp_tiles(fbp_tree, tmp_path):
    report = fbp.convert(fbp_tree, tmp_path, size=8)
    assert report.pop('statistics').startswith("dict(type='NormalizeBands'")
    assert report == {'train scenes': 120, 'train tiles': 480,
                      'test scenes': 30, 'test tiles': 120}
    name = fbp.TEST[0]
    with rasterio.open(fbp_tree / 'Image__8bit_NirRGB' / f'{name}.tif') as src:
        nir, red, green, blue = src.read()
    data = FiveBillionPixelsDataset(
        data_root=str(tmp_path), splits='test', pipeline=[
            dict(type='LoadRaster', bands=['R', 'G', 'B', 'NIR']),
            dict(type='LoadGeoAnnotations')])
    sample = next(s for s in data if f'{name}_0_8_0_8' in s['img_path'])
    np.testing.assert_array_equal(
        sample['img'], np.stack((red, green, blue, nir), -1)[:8, :8])
    raw = ids(25, 10, 14)[:8, :8]
    np.testing.assert_array_equal(
        sample['gt_seg_map'], np.where(raw == 0, 255, raw - 1))


def test_fbp_needs_all_scenes(fbp_tree, tmp_path):
    with pytest.raises(MissingDataError, match=(
            r'Image_16bit_BGRNir: 30 of 30 test scenes are absent')):
        fbp.convert(fbp_tree, tmp_path, form='16bit')
    gone = fbp_tree / 'Image__8bit_NirRGB' / 'GF2_PMS1__L1A0000000007-MSS1.tif'
    content = gone.read_bytes()
    gone.unlink()
    try:
        with pytest.raises(MissingDataError, match='149 scenes; there are 15'):
            fbp.convert(fbp_tree, tmp_path)
    finally:
        gone.write_bytes(content)


# -- SPARCS -------------------------------------------------------------


@pytest.fixture(scope='module')
def sparcs_tree(tmp_path_factory):
    root = tmp_path_factory.mktemp('SPARCS')
    for i in range(80):
        stem = root / 'sending' / f'LC8{i:03d}0322013LGN00_{i}'
        write_tif(f'{stem}_data.tif', numbers(8, 9, 10, 20000, np.uint16),
                  [f'B{b}' for b in range(10)])
        picture = Image.fromarray(ids(7, 8, 9), 'P')
        picture.putpalette(RNG.integers(0, 256, 21).tolist())
        picture.save(f'{stem}_mask.png')
    return root


def test_sparcs_split_is_seeded_and_whole(sparcs_tree):
    report = sparcs.prepare(sparcs_tree, seed=3)
    lists = {split: (sparcs_tree / 'list' / f'{split}.txt').read_text().split()
             for split in ('train', 'val')}
    assert report['train scenes'] == 64 and report['val scenes'] == 16
    assert len(set(lists['train']) | set(lists['val'])) == 80
    assert sum(v for k, v in report.items()
               if k.endswith(' %')) == pytest.approx(100, abs=0.1)
    sparcs.prepare(sparcs_tree, seed=3)
    assert lists['val'] == (sparcs_tree / 'list/val.txt').read_text().split()
    sparcs.prepare(sparcs_tree, seed=4)
    assert lists['val'] != (sparcs_tree / 'list/val.txt').read_text().split()
    data = SPARCSDataset(
        data_root=str(sparcs_tree), ann_file='list/val.txt', pipeline=[
            dict(type='LoadRaster', num_bands=10, scale=2e-5, offset=-0.1),
            dict(type='LoadGeoAnnotations')])
    assert len(data) == 16
    np.testing.assert_array_equal(data[0]['gt_seg_map'], ids(7, 8, 9))
    assert data[0]['img'].min() >= -0.1 - 1e-6


def test_sparcs_counts_scenes(sparcs_tree, tmp_path):
    (tmp_path / 'sending').mkdir()
    with pytest.raises(MissingDataError, match='holds 0 scenes.*there are 80'):
        sparcs.prepare(tmp_path)
    mask = next((sparcs_tree / 'sending').glob('*_mask.png'))
    content = mask.read_bytes()
    mask.unlink()
    try:
        with pytest.raises(MissingDataError, match='1 of 80 masks'):
            sparcs.prepare(sparcs_tree)
    finally:
        mask.write_bytes(content)


# -- AIR-PolSAR-Seg -----------------------------------------------------


@pytest.fixture
def polsar_tree(tmp_path):
    root, amplitudes = tmp_path / 'AIR-PolSAR-Seg', {}
    for split in ('train_set', 'test_set'):
        pixels = numbers(6, 8, 4, 4000, np.uint16)
        pixels[0, 0] = 0  # no data
        pixels[1, 1, 0] = 0  # a dark pixel
        amplitudes[split] = pixels
        for i, name in enumerate(air_polsar_seg.POLARISATIONS):
            write_tif(root / split / f'12_{name}.tiff', pixels[..., i:i + 1],
                      [name])
        write_png(root / split / '12_gt.png', ids_to_colours(
            ids(7, 6, 8), air_polsar_seg.PALETTE))
    return root, amplitudes


def test_polsar_in_decibel(polsar_tree, tmp_path):
    root, amplitudes = polsar_tree
    report = air_polsar_seg.convert(root, tmp_path / 'out')
    assert report['train images'] == report['test images'] == 1
    assert report['values below 1, taken as 0 dB'] == sum(
        (a[a.any(-1)] < 1).sum() for a in amplitudes.values()) > 0
    data = AIRPolSARSegDataset(
        data_root=str(tmp_path / 'out'), splits='train', pipeline=[
            dict(type='LoadRaster', num_bands=4, bands=['HH', 'HV', 'VH',
                                                        'VV']),
            dict(type='LoadGeoAnnotations')])
    sample = data[0]
    expected = 20 * np.log10(amplitudes['train_set'].clip(min=1))
    assert sample['nodata_mask'].sum() == 1 and sample['nodata_mask'][0, 0]
    np.testing.assert_allclose(sample['img'], expected, rtol=1e-5)
    raw = ids(7, 6, 8)
    np.testing.assert_array_equal(sample['gt_seg_map'],
                                  np.where(raw == 6, 255, raw))


def test_polsar_refuses_decibel(polsar_tree, tmp_path):
    root, _ = polsar_tree
    for name in air_polsar_seg.POLARISATIONS:
        write_tif(root / 'train_set' / f'12_{name}.tiff',
                  np.full((6, 8, 1), -12, np.float32), [name])
    with pytest.raises(DataError, match='192 of 192 values.*below 1'):
        air_polsar_seg.convert(root, tmp_path / 'out')


def test_polsar_names_what_is_missing(polsar_tree, tmp_path):
    root, _ = polsar_tree
    (root / 'test_set' / '12_VH.tiff').unlink()
    with pytest.raises(MissingDataError, match='1 of 1 VH images.*: 12'):
        air_polsar_seg.convert(root, tmp_path / 'out')
    write_tif(root / 'test_set' / '12_VH.tiff', numbers(6, 7, 1), ['VH'])
    with pytest.raises(DataError, match='12_VH.*differ in size'):
        air_polsar_seg.convert(root, tmp_path / 'out')
    with pytest.raises(MissingDataError, match='no label.*elsewhere'):
        air_polsar_seg.convert(tmp_path / 'elsewhere', tmp_path / 'out')
