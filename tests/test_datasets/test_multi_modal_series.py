# Copyright (c) mmeo contributors. All rights reserved.
"""Folders of triplets: what is found, where it lies, and when it was."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from rasterio.transform import Affine
from torch.utils.data import DataLoader

from mmeo.datasets import MultiModalSeriesDataset, ResumableInfiniteSampler
from mmeo.datasets.frame_dates import NamePattern, day_of_year, parse_date
from mmeo.datasets.legend import read_legend
from mmeo.datasets.synthetic.classes import KINDS, LEAVES, class_tree
from mmeo.errors import ConfigError, DataError, MissingDataError

LOAD = [dict(type='LoadTriplet')]
WEST, NORTH = 500000., 4600000.


def write(path: Path, image: np.ndarray, step: float, west: float = WEST,
          north: float = NORTH, crs: str = 'EPSG:32631', tags=None,
          names=None, nodata=None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
            path, 'w', driver='GTiff', count=len(image), dtype=image.dtype,
            height=image.shape[1], width=image.shape[2], crs=crs,
            nodata=nodata,
            transform=Affine(step, 0, west, 0, -step, north)) as dst:
        dst.write(image)
        dst.update_tags(**(tags or {}))
        if names:
            dst.descriptions = names


def triplet(folder: Path, cells: int = 4, **coarse) -> Path:
    """A place whose S2 and S1 are block means of places in HR."""
    side = 32 * cells
    y, x = np.mgrid[:side, :side]
    hr = np.stack((x % 256, y % 256, x * 0)).astype(np.uint8)
    write(folder / 'hr.tif', hr, .3125)
    row, col = np.mgrid[:cells, :cells]
    s2 = np.stack([100 + col, 100 + row, *[col * 0 + 500] * 8])
    write(folder / 's2_20210131.tif', s2.astype(np.uint16), 10, **coarse)
    write(folder / 's2_20201231.tif', s2.astype(np.uint16), 10)
    write(folder / 's1_20210301.tif',
          np.stack([-10. - col, -20. - row]).astype(np.float32), 10)
    return folder


def load(folder: Path, **kwargs) -> dict:
    return MultiModalSeriesDataset(
        data_root=str(folder.parent), pipeline=LOAD, **kwargs)[0]


def test_synthearth_is_read_as_written(synthearth):
    data = MultiModalSeriesDataset(
        data_root=str(synthearth), data_prefix=dict(series='train/series'),
        legend='semantics.json', legend_level=1, pipeline=LOAD)
    assert len(data) == 4 and data.counts['labels'] == 4
    tree = class_tree()
    assert data.metainfo['classes'] == tuple(KINDS)
    sample = data[2]
    folder = synthearth / 'train/series/0002'
    assert sample['place'] == str(folder)
    for name, step in (('hr', .3125), ('s2', 10), ('s1', 10)):
        series = sample['modalities'][name]
        paths = sorted(folder.glob(f'{name}*.tif'))
        images = [rasterio.open(path).read() for path in paths]
        np.testing.assert_array_equal(
            series['images'].transpose(0, 3, 1, 2), images)
        assert series['gsd'] == step and 'nodata' not in series
        days = [-1 if name == 'hr' else datetime.strptime(
            path.stem[3:], '%Y%m%d').timetuple().tm_yday - 1
            for path in paths]
        assert series['dates'].tolist() == days
        assert series['dates'].dtype == np.int64
    leaves = rasterio.open(folder / 'semantics.tif').read(1)
    kinds = list(KINDS)
    lookup = np.array([255] + [kinds.index(leaf.kind) for leaf in LEAVES])
    np.testing.assert_array_equal(sample['gt_seg_map'], lookup[leaves])
    assert tree['levels'][1][3]['name'] == data.metainfo['classes'][3]


def test_missing_sensors_are_absent_and_series_ragged(tmp_path):
    full, bare = triplet(tmp_path / 'a'), triplet(tmp_path / 'b')
    for path in bare.glob('s1*'):
        path.unlink()
    write(full / 's2_20210615.tif', np.ones((10, 4, 4), np.uint16), 10)
    (full / 'readme.txt').write_text('x')
    data = MultiModalSeriesDataset(data_root=str(tmp_path), pipeline=LOAD)
    assert [sorted(data[i]['modalities']) for i in (0, 1)] == [
        ['hr', 's1', 's2'], ['hr', 's2']]
    assert [len(data[i]['modalities']['s2']['dates']) for i in (0, 1)] == [
        3, 2]
    # Ordered by date, not by day of the year.
    assert data[0]['modalities']['s2']['dates'].tolist() == [365, 30, 165]
    assert data.counts['other files'] == 1 and data.counts['without s1'] == 1
    only = MultiModalSeriesDataset(
        data_root=str(tmp_path), required=('s1', ), pipeline=LOAD)
    assert len(only) == 1 and only.counts['places left out'] == 1
    hr = MultiModalSeriesDataset(
        data_root=str(tmp_path), modalities=('hr', ), pipeline=LOAD)
    assert list(hr[1]['modalities']) == ['hr']


def test_lists_legends_and_what_is_missing(tmp_path):
    triplet(tmp_path / 'series/a'), triplet(tmp_path / 'series/b')
    osm = np.zeros((128, 128), np.uint8)
    osm[:5] = 1
    osm[5:9] = 7
    write(tmp_path / 'series/a/osm.tif', osm[None], .3125)
    (tmp_path / 'list.txt').write_text('a\n')
    (tmp_path / 'osm_classes.json').write_text('{"7": "road", "1": "roof"}')
    kwargs = dict(data_root=str(tmp_path), data_prefix=dict(series='series'),
                  pipeline=LOAD)
    data = MultiModalSeriesDataset(
        ann_file='list.txt', legend='osm_classes.json', **kwargs)
    assert len(data) == 1 and data.metainfo['classes'] == ('roof', 'road')
    label = data[0]['gt_seg_map']
    assert (label[:5] == 0).all() and (label[5:9] == 1).all()
    assert (label[9:] == 255).all()
    with pytest.raises(ConfigError, match='other|classes'):
        MultiModalSeriesDataset(
            legend='osm_classes.json', metainfo=dict(classes=('road', )),
            **kwargs)
    (tmp_path / 'list.txt').write_text('a\nc\n')
    with pytest.raises(MissingDataError, match='series/c'):
        MultiModalSeriesDataset(ann_file='list.txt', **kwargs)
    with pytest.raises(MissingDataError, match='nowhere'):
        MultiModalSeriesDataset(data_root=str(tmp_path / 'nowhere'))
    with pytest.raises(DataError, match='no place with an image'):
        MultiModalSeriesDataset(data_root=str(tmp_path / 'series/a'))


def test_label_pictures_named_after_the_place(tmp_path):
    triplet(tmp_path / 'series/a')
    (tmp_path / 'osm').mkdir()
    (tmp_path / 'osm_classes.json').write_text('["grass", "road"]')
    with rasterio.open(tmp_path / 'osm/a.png', 'w', driver='PNG', count=1,
                       height=128, width=128, dtype='uint8') as dst:
        dst.write(np.eye(128, dtype=np.uint8)[None] * 2)
    label = MultiModalSeriesDataset(
        data_root=str(tmp_path), legend='osm_classes.json', pipeline=LOAD,
        data_prefix=dict(series='series', osm='osm'))[0]['gt_seg_map']
    assert (label == np.where(np.eye(128), 1, 255)).all()


def test_legend_file_forms(tmp_path):
    path = tmp_path / 'x.json'
    path.write_text(json.dumps(class_tree()))
    leaves = read_legend(path)
    assert leaves.classes == tuple(leaf.name for leaf in LEAVES)
    assert leaves.lookup[1] == 0 and leaves.lookup[0] == 255
    groups = read_legend(path, 0)
    assert len(groups.classes) == 6 and len(groups.palette) == 6
    path.write_text('{"300": "x"}')
    with pytest.raises(DataError, match='no legend.*300'):
        read_legend(path)


def test_partial_overlap_is_cropped_to_common_ground(tmp_path):
    place = triplet(tmp_path / 'a', west=WEST + 10, north=NORTH + 20)
    sample = load(place)
    shapes = {name: series['images'].shape[1:3]
              for name, series in sample['modalities'].items()}
    assert shapes == dict(hr=(64, 96), s2=(2, 3), s1=(2, 3))
    # The moved frame comes second in time; its pixels follow the ground.
    moved = sample['modalities']['s2']['images'][1]
    kept = sample['modalities']['s2']['images'][0]
    np.testing.assert_array_equal(kept[..., 0], [[101, 102, 103]] * 2)
    np.testing.assert_array_equal(moved[..., 0], [[100, 101, 102]] * 2)
    np.testing.assert_array_equal(moved[..., 1], [[102] * 3, [103] * 3])
    assert sample['modalities']['hr']['images'][0, 0, 0].tolist() == [32, 0,
                                                                      0]


def test_an_image_off_the_grid_moves_by_less_than_half_its_pixel(tmp_path):
    place = triplet(tmp_path / 'a', west=WEST + 3, north=NORTH - 4.9)
    shapes = [series['images'].shape[1:3]
              for series in load(place)['modalities'].values()]
    assert shapes == [(128, 128), (4, 4), (4, 4)]
    place = triplet(tmp_path / 'b', west=WEST + 6)
    data = MultiModalSeriesDataset(data_root=str(tmp_path), pipeline=LOAD)
    assert data[1]['modalities']['s2']['images'].shape[1:3] == (4, 3)


@pytest.mark.parametrize('coarse, match', [
    (dict(crs='EPSG:32632'), 'two CRS in one place.*32631.*32632.*gdalwarp'),
    (dict(west=WEST + 400), 'no overlap.*s2_20210131.tif.*500400'),
    (dict(west=WEST + 36), 'less than one whole pixel'),
    (dict(crs=None), 'no georeference'),
])
def test_images_of_different_ground_are_refused(tmp_path, coarse, match):
    with pytest.raises(DataError, match=match) as error:
        load(triplet(tmp_path / 'a', **coarse))
    if coarse.get('crs', 1):
        assert str(error.value).count('.tif') == 2  # both files


def test_wrong_pixel_ratio_names_both(tmp_path):
    place = triplet(tmp_path / 'a')
    with pytest.raises(DataError, match='ratio.*32 x 32.*expected 16'):
        load(place, hr_ratio=16)
    write(place / 'hr.tif', np.zeros((3, 128, 128), np.uint8), .3)
    with pytest.raises(DataError, match=r'ratio.*33\.333 x 33\.333'):
        load(place)


def test_size_is_enough_without_georeference(tmp_path):
    place = triplet(tmp_path / 'a', crs=None, west=0, north=0)
    sample = load(place, registration='size')
    assert sample['modalities']['s2']['images'].shape == (2, 4, 4, 10)
    write(place / 'hr.tif', np.zeros((3, 96, 128), np.uint8), 1)
    with pytest.raises(DataError, match='96 x 128 px, expected 128 x 128'):
        load(place, registration='size')


def test_bands_are_found_by_their_names(tmp_path):
    place = triplet(tmp_path / 'a')
    names = [f'B{i:02d}' for i in range(1, 13)]
    names.insert(8, 'B8A')
    image = np.arange(13, dtype=np.uint16)[:, None, None] + np.zeros(
        (1, 4, 4), np.uint16) + 1
    write(place / 's2_20210131.tif', image, 10, names=names)
    write(place / 's1_20210301.tif', np.float32([-20, -10])[:, None, None]
          + np.zeros((1, 4, 4), np.float32), 10, names=['VH', 'VV'])
    sample = load(place)
    wanted = [names.index(name) + 1 for name in (
        'B02', 'B03', 'B04', 'B05', 'B06', 'B07', 'B08', 'B8A', 'B11',
        'B12')]
    assert sample['modalities']['s2']['images'][1, 0, 0].tolist() == wanted
    assert sample['modalities']['s1']['images'][0, 0, 0].tolist() == [-10,
                                                                      -20]
    write(place / 's2_20210131.tif', image, 10)
    with pytest.raises(DataError, match=r'13 band\(s\).*bands=dict\(s2='):
        load(place)


def test_no_data_is_masked_and_empty_frames_left_out(tmp_path):
    place = triplet(tmp_path / 'a')
    s1 = np.full((2, 4, 4), -9, np.float32)
    s1[:, 0] = 0
    s1[0, 1, 1] = np.nan
    write(place / 's1_20210301.tif', s1, 10)
    write(place / 's2_20210131.tif', np.zeros((10, 4, 4), np.uint16), 10)
    sample = load(place)
    mask = sample['modalities']['s1']['nodata'][0]
    assert mask[0].all() and mask[1, 1] and mask.sum() == 5
    assert np.isfinite(sample['modalities']['s1']['images']).all()
    assert sample['modalities']['s2']['dates'].tolist() == [365]
    assert sample['empty_frames'] == 1


def test_dates_from_name_tags_and_stac_items(tmp_path):
    place = triplet(tmp_path / 'a')
    for path in place.glob('s2_*'):
        path.unlink()
    s2 = np.ones((10, 4, 4), np.uint16)
    write(place / 'S2A_x_20200229T101010_y.tif', s2, 10)
    data = load(place, patterns=dict(
        s2='S2?_*_{date:%Y%m%dT%H%M%S}_*.tif'))
    assert data['modalities']['s2']['dates'].tolist() == [59]
    shutil.rmtree(place)
    write(place / 'sen1.tif', s2[:2] * -5., 10, tags=dict(
        TIFFTAG_DATETIME='2021:12:31 04:05:06'))
    write(place / 'sen2.tif', s2[:2] * -5., 10)
    write(place / 'sen3.tif', s2[:2] * -5., 10)
    (place / 'sen2.json').write_text(json.dumps(dict(
        type='Feature', properties=dict(datetime='2022-01-02T03:04:05Z'))))
    data = load(place, patterns=dict(s1='sen?.tif'))
    assert data['modalities']['s1']['dates'].tolist() == [364, 1, -1]
    write(place / 's2_20210231.tif', s2, 10)
    with pytest.raises(DataError, match='20210231.*no date'):
        load(place)


def test_patterns():
    pattern = NamePattern('s2_{date:%Y-%j}_v?.tif')
    match = pattern.match('s2_2020-366_v3.tif')
    assert day_of_year(pattern.date(match, 'x')) == 365
    assert pattern.match('s2_2020-366_v33.tif') is None
    assert parse_date('nonsense') is None
    for bad in ('s2_{date:%Q}.tif', '{date:%Y}{date:%m}'):
        with pytest.raises(ConfigError, match='codes'):
            NamePattern(bad)
    assert NamePattern('a+b.tif').match('aab.tif') is None


def flat(batch: dict) -> np.ndarray:
    parts = []
    for crop in batch['inputs']:
        parts.append(np.concatenate([b.numpy() for b in crop['box']]))
        for series in crop['modalities'].values():
            parts += [x.numpy().ravel() for x in series['images']]
            parts += [x.numpy() for x in series['dates']]
    return np.concatenate(parts)


def loader(data, workers: int, skip: int) -> list[np.ndarray]:
    sampler = ResumableInfiniteSampler(data, seed=5, batch_size=2)
    sampler.skip(skip * 2)
    batches = iter(DataLoader(data, 2, sampler=sampler, num_workers=workers,
                              collate_fn=pseudo_collate))
    return [flat(next(batches)) for _ in range(4 - skip)]


def test_a_resumed_run_sees_the_same_crops(synthearth):
    root = Path(__file__).resolve().parents[2]
    cfg = Config.fromfile(
        root / 'configs/_base_/datasets/synthearth_triplets.py')
    section = dict(cfg.train_dataloader.dataset, data_root=str(synthearth))
    data = MultiModalSeriesDataset(**{
        k: v for k, v in section.items() if k != 'type'})
    whole = loader(data, 0, 0)
    assert not any(np.array_equal(whole[0], other) for other in whole[1:])
    np.random.seed(99)
    for workers in (0, 2):
        resumed = loader(data, workers, 2)
        for first, again in zip(whole[2:], resumed):
            np.testing.assert_array_equal(first, again)


def test_regions_of_places(tmp_path):
    triplet(tmp_path / 'series' / 'a')
    triplet(tmp_path / 'series' / 'b')
    args = dict(data_root=str(tmp_path), data_prefix=dict(series='series'),
                regions='regions.json', serialize_data=False)
    with pytest.raises(MissingDataError, match='regions'):
        MultiModalSeriesDataset(**args)
    (tmp_path / 'regions.json').write_text(json.dumps(dict(a='north')))
    with pytest.raises(DataError, match='whole numbers from 0'):
        MultiModalSeriesDataset(**args)
    (tmp_path / 'regions.json').write_text(json.dumps(dict(b=17)))
    data = MultiModalSeriesDataset(**args, pipeline=[
        *LOAD, dict(type='MultiModalMultiCrop', label_stride=1, num_local=1,
                    global_size=dict(hr=64, s2=2, s1=2),
                    local_size=dict(hr=32, s2=1, s1=1)),
        dict(type='NormalizeBands'), dict(type='PackMultiModalCrops')])
    assert data.counts['regions'] == 1
    assert 'region' not in data[0]['data_samples'].metainfo
    assert data[1]['data_samples'].metainfo['region'] == 17
