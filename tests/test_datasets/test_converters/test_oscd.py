# Copyright (c) mmeo contributors. All rights reserved.
"""OSCD's official tree in small: bands, masks, split, config."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from mmengine.config import Config
from PIL import Image

from mmeo.datasets.converters import oscd
from mmeo.datasets.converters.rasters import write_tif
from mmeo.errors import DataError, MissingDataError
from mmeo.registry import DATASETS

RNG = np.random.default_rng(0)
ALL_BANDS = ('B01', *oscd.BANDS[:8], 'B09', 'B10', *oscd.BANDS[8:])
IMAGES = 'Onera Satellite Change Detection dataset - Images'


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp('OSCD')
    for split, cities in oscd.SPLITS.items():
        labels = IMAGES.replace('Images', f'{split.capitalize()} Labels')
        for city in cities:
            for folder in ('imgs_1_rect', 'imgs_2_rect'):
                for i, band in enumerate(ALL_BANDS):
                    pixels = RNG.integers(0, 5000, (100, 110, 1)) + i
                    write_tif(root / IMAGES / city / folder / f'{band}.tif',
                              pixels.astype(np.uint16), [band])
            mask = np.zeros((100, 110), np.uint8)
            mask[10:20, 30:50] = 255
            path = root / labels / city / 'cm' / 'cm.png'
            path.parent.mkdir(parents=True)
            # Some of the official masks are grey, some are in colour.
            Image.fromarray(mask).convert(
                'RGBA' if city == 'paris' else 'L').save(path)
    return root


@pytest.fixture(scope='module')
def converted(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp('oscd')
    return out, oscd.convert(tree, out)


def test_bands_and_split(tree, converted):
    out, report = converted
    assert report == {'train cities': 14, 'test cities': 10,
                      'train changed %': 1.818, 'test changed %': 1.818}
    assert not set(oscd.SPLITS['train']) & set(oscd.SPLITS['test'])
    with rasterio.open(out / 'B' / 'paris.tif') as stacked, rasterio.open(
            tree / IMAGES / 'paris/imgs_2_rect/B8A.tif') as band:
        assert stacked.descriptions == oscd.BANDS
        np.testing.assert_array_equal(stacked.read(8), band.read(1))


def test_config_reads_it(converted, repo_root):
    out, _ = converted
    path, = Path(repo_root, 'configs/skysense_v2/oscd').glob('*.py')
    cfg = Config.fromfile(path)
    for loader, number in (('train', 14), ('test', 10)):
        section = cfg[f'{loader}_dataloader'].dataset
        data = DATASETS.build(dict(section, data_root=str(out)))
        assert len(data) == number
        sample = data[0]
        size = (96, 96) if loader == 'train' else (100, 110)
        assert sample['inputs'].shape == (20, *size)
        label = sample['data_samples'].gt_sem_seg.data
        assert label.shape == (1, *size)
        assert set(label.unique().tolist()) <= {0, 1}
        # About standard normal where digital numbers are ordinary.
        assert -3 < float(sample['inputs'].mean()) < 3


def test_what_is_missing(tree, tmp_path):
    gone = tree / IMAGES / 'rio' / 'imgs_2_rect' / 'B11.tif'
    content = gone.read_bytes()
    gone.unlink()
    try:
        with pytest.raises(MissingDataError, match=(
                r'rio/imgs_2_rect: 1 of 10 bands are absent: B11. Found: ')):
            oscd.convert(tree, tmp_path)
        write_tif(gone, np.zeros((50, 55, 1), np.uint16), ['B11'])
        with pytest.raises(DataError, match='rio/imgs_2_rect: bands differ'):
            oscd.convert(tree, tmp_path)
    finally:
        gone.write_bytes(content)
    with pytest.raises(MissingDataError, match='14 of 14 cities of train'):
        oscd.convert(tmp_path / 'nowhere', tmp_path)
