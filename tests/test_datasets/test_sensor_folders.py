# Copyright (c) mmeo contributors. All rights reserved.
"""Pairs out of a folder of each sensor."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from mmeo.datasets.samplers.seeded_index import SeededIndex
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import DATASETS


def write(path: Path, values: np.ndarray, east: float = 0.) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = values.shape
    with rasterio.open(path, 'w', driver='GTiff', height=height, width=width,
                       count=bands, dtype=values.dtype, crs='EPSG:32633',
                       transform=from_origin(500000 + east, 5e6, 10, 10)
                       ) as file:
        file.write(values)


@pytest.fixture
def sen12ms(tmp_path) -> Path:
    """Two seasons in SEN12MS's folders; land cover beside the sensors."""
    rng = np.random.default_rng(0)
    for season, scene in (('ROIs1158_spring', 1), ('ROIs2017_winter', 7)):
        for patch in (30, 31):
            name = f'{season}/{{0}}_{scene}/{season}_{{0}}_{scene}_p{patch}'
            write(tmp_path / (name.format('s2') + '.tif'), rng.integers(
                200, 4000, (13, 32, 32)).astype(np.uint16))
            write(tmp_path / (name.format('s1') + '.tif'), rng.uniform(
                -25, -5, (2, 32, 32)).astype(np.float32))
            write(tmp_path / (name.format('lc') + '.tif'),
                  np.ones((4, 32, 32), np.uint16))
    return tmp_path


def option_of(repo_root: Path, root: Path, **changes) -> dict:
    from mmengine.config import Config
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/datasets/sen12ms_align.py')
    return dict(cfg.train_dataloader.dataset, data_root=str(root),
                **{**dict(ann_file=''), **changes})


def test_sen12ms_as_downloaded(sen12ms, repo_root):
    dataset = DATASETS.build(option_of(repo_root, sen12ms))
    assert len(dataset) == 4
    info = dataset.get_data_info(0)
    assert info['place'] == \
        'ROIs1158_spring/s2_1/ROIs1158_spring_s2_1_p30'
    assert info['frames']['s1'][0][0].endswith(
        'ROIs1158_spring/s1_1/ROIs1158_spring_s1_1_p30.tif')
    found = dataset[0]['inputs']
    assert found['sar'].shape == (2, 2, 256, 256)
    # Red is B4, the fourth of the 13 bands.
    with rasterio.open(info['frames']['s2'][0][0]) as file:
        red = file.read(4)
    wanted = (np.clip(red * (255 / 3000), 0, 255) - 123.675) / 58.395
    np.testing.assert_allclose(found['optical'][0], wanted, atol=1e-3)


def test_lists_and_seeds(sen12ms, repo_root):
    names = ['ROIs2017_winter/s2_7/ROIs2017_winter_s2_7_p31.tif', '',
             'ROIs1158_spring/s2_1/ROIs1158_spring_s2_1_p30']
    (sen12ms / 'train.txt').write_text('\n'.join(names))
    dataset = DATASETS.build(option_of(repo_root, sen12ms,
                                       ann_file='train.txt'))
    assert [dataset.get_data_info(i)['place'][-3:] for i in range(2)] == [
        'p31', 'p30']
    first, again, other = (
        dataset[SeededIndex(0, seed)]['inputs']['sar'] for seed in (5, 5, 6))
    assert first.equal(again) and not first.equal(other)


def test_missing_files_are_named(sen12ms, repo_root):
    gone = sen12ms / 'ROIs1158_spring/s1_1/ROIs1158_spring_s1_1_p31.tif'
    gone.unlink()
    with pytest.raises(MissingDataError, match="1 of 4 files have no image of "
                       "'s1'.*p31.tif needs .*s1_1_p31.tif"):
        DATASETS.build(option_of(repo_root, sen12ms)).full_init()
    with pytest.raises(MissingDataError, match='other.txt'):
        DATASETS.build(option_of(repo_root, sen12ms, ann_file='other.txt')
                       ).full_init()
    with pytest.raises(DataError, match='no file ending in'):
        DATASETS.build(option_of(repo_root, sen12ms, contains='_s3_')
                       ).full_init()
    with pytest.raises(MissingDataError, match='nowhere'):
        DATASETS.build(option_of(repo_root, sen12ms / 'nowhere')).full_init()


def test_pairs_must_lie_on_the_same_ground(tmp_path):
    write(tmp_path / 'a/x.tif', np.ones((3, 8, 8), np.uint8))
    write(tmp_path / 'b/x.tif', np.full((2, 8, 8), -9, np.float32), 9000.)
    option = dict(
        type='SensorFoldersDataset', data_root=str(tmp_path),
        data_prefix=dict(hr='a', s1='b'), lazy_init=False,
        pipeline=[dict(type='LoadTriplet')])
    with pytest.raises(DataError, match='no overlap'):
        DATASETS.build(option)[0]
    found = DATASETS.build(dict(option, registration='size'))[0]
    assert found['modalities']['s1']['dates'].tolist() == [-1]


@pytest.mark.parametrize('changes, message', [
    (dict(data_prefix=dict(hr='a')), 'two sensors or more'),
    (dict(registration='none'), "'geo' or 'size'"),
    (dict(replace=dict(s2={})), r"name \['s2'\]"),
])
def test_bad_options(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        DATASETS.build(dict(dict(
            type='SensorFoldersDataset', data_root=str(tmp_path),
            data_prefix=dict(hr='a', s1='b')), **changes))


def test_synthearth_pairs(tmp_path, repo_root):
    """The tiny config reads what `make_synthearth --in-context` writes."""
    from mmengine.config import Config

    from mmeo.datasets.synthetic import make_synthearth
    make_synthearth(tmp_path / 'data', num_scenes=2, size=128, seed=3,
                    progress=False, in_context=True)
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/datasets/synthearth_align.py')
    for part, views in (('train', 2), ('val', 1)):
        dataset = DATASETS.build(dict(
            cfg[f'{part}_dataloader'].dataset,
            data_root=str(tmp_path / 'data')))
        found = dataset[0]['inputs']
        assert found['sar'].shape == (views, 2, 96, 96)
        assert found['optical'].shape == (3, 128, 128)
