# Copyright (c) mmeo contributors. All rights reserved.
"""STAC trees and SSL4EO-S12 to places that the reader takes."""

import json
import runpy
import sys

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform

from mmeo.datasets import MultiModalSeriesDataset
from mmeo.datasets.band_stats import S2_BANDS
from mmeo.datasets.converters.stac_items import read_item
from mmeo.datasets.converters.stac_triplets import convert
from mmeo.errors import DataError, MissingDataError

WEST, NORTH = 500000., 4600000.
COMMON = dict(B2='blue', B3='green', B4='red', B5='rededge1', B8='nir',
              B11='swir16')


def write(path, image, step, crs='EPSG:32631', west=WEST, north=NORTH,
          nodata=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
            path, 'w', driver='GTiff', count=len(image), dtype=image.dtype,
            height=image.shape[1], width=image.shape[2], crs=crs,
            nodata=nodata,
            transform=Affine(step, 0, west, 0, -step, north)) as dst:
        dst.write(image)


def ground(step, size):
    """A plane over the ground: value = 1000 + 0.5 x east + 0.2 x south."""
    y, x = (np.mgrid[:size, :size] + .5) * step
    return 1000 + .5 * x + .2 * y


def s2_item(folder, name='S2A_T31', date='2021-07-05T10:00:00Z', add=0,
            size=160, **properties):
    """Bands of 10, 20 and 60 m in files of their own; some by key only."""
    assets = {}
    for band in (*S2_BANDS, 'B1', 'B9'):
        step = 10 if band in ('B2', 'B3', 'B4', 'B8') else (
            60 if band in ('B1', 'B9') else 20)
        image = ground(step, size * 10 // step) + add
        write(folder / f'{name}_{band}.tif',
              image[None].round().astype(np.uint16), step)
        key = f'B{int(band[1:]):02d}' if band != 'B8A' else band
        assets[COMMON.get(band, key)] = dict(
            href=f'./{name}_{band}.tif', type='image/tiff',
            **({'eo:bands': [dict(name=key, common_name=COMMON[band])]}
               if band in COMMON else {}))
    assets['visual'] = dict(href='none.tif', type='image/tiff')
    assets['info'] = dict(href='x.xml', type='application/xml')
    (folder / f'{name}.json').write_text(json.dumps(dict(
        type='Feature', id=name, collection='sentinel-2-l2a', assets=assets,
        properties=dict(datetime=date, **properties))))


def s1_item(folder, linear, size=160, unit=None, name='S1A_IW'):
    db = np.stack([np.full((size, size), -11.), np.full((size, size), -18.)])
    values = 10**(db / 10) if linear else db
    assets = {}
    for key, image in zip(('vv', 'vh'), values):
        write(folder / f'{key}.tif', image[None].astype(np.float32), 10)
        assets[key] = dict(href=f'{key}.tif', **{
            'raster:bands': [dict(unit=unit)] if unit else []})
    (folder / 'item.json').write_text(json.dumps(dict(
        type='Feature', id=name, collection='sentinel-1-grd', assets=assets,
        properties=dict(datetime=None, start_datetime='2021-07-01T00:00:00Z',
                        end_datetime='2021-07-03T00:00:00Z'))))


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / 'stac'
    (root / 'catalog.json').parent.mkdir()
    (root / 'catalog.json').write_text('{}')
    (root / 'a').mkdir()
    s2_item(root / 'a')
    (root / 'b').mkdir()
    s1_item(root / 'b', linear=True)
    return root


def test_round_trip_with_hr(tree, tmp_path):
    """Every pixel of a place has the value of its ground."""
    side = 2100  # a little more than one cell of 614.4 m along 640 m
    hr = np.clip((ground(.3, side) - 1000) / 2, 0, 255)
    write(tmp_path / 'town.tif', np.stack([hr] * 3).round().astype(np.uint8),
          .3, west=WEST + 100.2, north=NORTH - 50.1)
    report = convert(tree, tmp_path / 'out', hr=[tmp_path / 'town.tif'])
    assert report.counts['places'] == 1
    assert report.dropped['HR cells cut by the border of their image'] == 3
    data = MultiModalSeriesDataset(
        data_root=str(tmp_path / 'out'), required=('hr', 's2', 's1'),
        pipeline=[dict(type='LoadTriplet'), dict(type='MultiModalMultiCrop'),
                  dict(type='NormalizeBands'),
                  dict(type='PackMultiModalCrops')])
    assert len(data) == 1 and len(data[0]['inputs']) == 6
    loaded = MultiModalSeriesDataset(
        data_root=str(tmp_path / 'out'),
        pipeline=[dict(type='LoadTriplet')])[0]['modalities']
    assert loaded['hr']['images'].shape == (1, 2048, 2048, 3)
    assert loaded['s2']['dates'].tolist() == [185]
    assert loaded['s1']['dates'].tolist() == [182]
    y, x = (np.mgrid[:64, :64] + .5) * 9.6
    want = 1000 + .5 * (x + 100.2) + .2 * (y + 50.1)
    s2 = loaded['s2']['images'][0]
    assert np.abs(s2[2:-2, 2:-2] - want[2:-2, 2:-2, None]).max() < 1.01
    np.testing.assert_allclose(loaded['s1']['images'][0, 5, 5], [-11, -18],
                               atol=1e-4)
    assert abs(loaded['hr']['images'][0, 100, 200, 0]
               - np.clip((.5 * 60.15 + .2 * 30.15) / 2, 0, 255)) < 1.5


def test_without_hr_cells_of_a_fixed_grid(tree, tmp_path):
    report = convert(tree, tmp_path / 'out', pixels=32)
    # 1600 m from 500000 E: whole cells of 320 m begin at 500160.
    names = sorted(p.name for p in (tmp_path / 'out').iterdir())
    assert report.counts['places'] == len(names) == 20
    assert names[0] == '32631_01563_14370'
    with rasterio.open(next((tmp_path / 'out' / names[0]).glob(
            's2_*'))) as src:
        assert src.res == (10, 10) and src.shape == (32, 32)
        assert src.descriptions == S2_BANDS and src.nodata == 0
        left = src.bounds.left - WEST
        top = NORTH - src.bounds.top
        # 10 m bands lie on the grid already: not a value changes.
        whole = ground(10, 160).round()
        row, col = int(top // 10), int(left // 10)
        np.testing.assert_array_equal(
            src.read(1), whole[row:row + 32, col:col + 32])
        assert src.tags()['source'] == 'S2A_T31'


def test_offset_of_new_baselines_is_taken_off(tree, tmp_path):
    s2_item(tree / 'a', name='S2B_new', date='2023-02-01T00:00:00Z',
            add=1000, **{'s2:processing_baseline': '05.09'})
    report = convert(tree, tmp_path / 'out', pixels=32)
    assert report.counts['s2 frames with the offset of baseline 04.00 taken '
                         'off'] == 20
    place = next((tmp_path / 'out').iterdir())
    old, new = (rasterio.open(path).read()
                for path in sorted(place.glob('s2_*')))
    assert np.abs(old.astype(int) - new).max() <= 1
    convert(tree, tmp_path / 'kept', pixels=32, harmonize=False)
    place = next((tmp_path / 'kept').iterdir())
    old, new = (rasterio.open(path).read()
                for path in sorted(place.glob('s2_*')))
    assert np.abs(new.astype(int) - old - 1000).max() <= 1


@pytest.mark.parametrize('extra, offset', [
    ({'s2:processing_baseline': '02.14'}, 0),
    ({'s2:processing_baseline': '04.00'}, -1000),
    ({'s2:processing_baseline': '05.00',
      'earthsearch:boa_offset_applied': True}, 0)])
def test_offset_is_read_from_the_item(tmp_path, extra, offset):
    s2_item(tmp_path, size=6, **extra)
    scene = read_item(tmp_path / 'S2A_T31.json')
    assert scene.offset == offset and list(scene.bands) == list(S2_BANDS)


def test_decibels_stay_and_partial_frames_are_counted(tree, tmp_path):
    s1_item(tree / 'b', linear=False, unit='dB', size=60)
    report = convert(tree, tmp_path / 'out', pixels=32)
    covered = report.counts['s1 frames']
    assert 0 < covered < 20
    assert report.dropped['s1 frames that cover less than 90% of their '
                          'place'] > 0
    for path in (tmp_path / 'out').glob('*/s1_*.tif'):
        values = rasterio.open(path).read()
        assert np.nanmin(values) == np.float32(-18)
    data = MultiModalSeriesDataset(
        data_root=str(tmp_path / 'out'),
        pipeline=[dict(type='LoadTriplet'), dict(type='NormalizeBands'),
                  dict(type='PackMultiModalInputs')])
    assert sum('s1' in data[i]['inputs'] for i in range(20)) == covered


def test_two_scenes_of_a_day_and_unusable_ones_are_counted(tree, tmp_path):
    s2_item(tree / 'a', name='S2A_again')
    (tree / 'c').mkdir()
    (tree / 'c/item.json').write_text(json.dumps(dict(
        id='S1B_', collection='sentinel-1-grd', properties=dict(
            datetime='2021-01-01T00:00:00Z'),
        assets=dict(vv=dict(href='https://x.org/vv.tif'),
                    vh=dict(href='https://x.org/vh.tif')))))
    report = convert(tree, tmp_path / 'out', pixels=32)
    assert report.dropped['s2 frames of a day that the place has '
                          'already'] == 20
    assert any('not a local file' in reason for reason in report.dropped)
    assert 'left out' in str(report)


def test_errors_say_what_is_wrong(tree, tmp_path):
    with pytest.raises(MissingDataError, match='nowhere'):
        convert(tmp_path / 'nowhere', tmp_path / 'x')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DataError, match='no STAC item'):
        convert(tmp_path / 'empty', tmp_path / 'x')
    with pytest.raises(DataError, match='no scene holds a whole place'):
        convert(tree, tmp_path / 'x', pixels=512)
    with pytest.raises(DataError, match='not empty'):
        convert(tree, tree)
    write(tmp_path / 'deep.tif', np.full((3, 40, 40), 900, np.uint16), 10)
    with pytest.raises(DataError, match='8 bits'):
        convert(tree, tmp_path / 'y', hr=[tmp_path / 'deep.tif'], pixels=8)


def test_real_ssl4eo(real_sample, tmp_path):
    """Degrees to UTM, bands of three resolutions, S1 off by some pixels."""
    root = real_sample('ms_sar/ssl4eo_s12')
    report = convert(root, tmp_path / 'out')
    assert report.counts['places'] == 9
    assert report.dropped['Sentinel-2 L1C (top of atmosphere)'] == 2
    data = MultiModalSeriesDataset(
        data_root=str(tmp_path / 'out'),
        pipeline=[dict(type='LoadTriplet')])
    sample = data[4]['modalities']
    assert sample['s2']['images'].shape == (2, 64, 64, 10)
    assert sample['s2']['dates'].tolist() == [155, 225]
    assert sample['s1']['dates'].tolist() == [158, 246]
    # The value under a point of the ground is that of the source file.
    place = tmp_path / 'out' / data[4]['place'].rsplit('/', 1)[-1]
    with rasterio.open(place / 's2_20200813.tif') as src:
        band = src.read(7)  # B8, 10 m
        points = [(r, c) for r in range(5, 60, 6) for c in range(5, 60, 6)]
        x, y = rasterio.transform.xy(src.transform, *zip(*points))
        lon, lat = transform(src.crs, 'EPSG:4326', x, y)
    source = next(root.glob('s2a/*/20200813*/B8.tif'))
    with rasterio.open(source) as src:
        found = np.array([v[0] for v in src.sample(zip(lon, lat))], float)
    mine = np.array([band[p] for p in points], float)
    assert np.corrcoef(found, mine)[0, 1] > .9
    assert abs((found - mine).mean()) < 15


def test_tool(tree, tmp_path, monkeypatch, repo_root, capsys):
    tool = repo_root / 'tools/dataset_converters/stac_to_triplets.py'
    monkeypatch.setattr(sys, 'argv', [
        str(tool), str(tree), str(tmp_path / 'out'), '--pixels', '32',
        '--s1-unit', 'linear', '--resampling', 'nearest'])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(tool), run_name='__main__')
    assert not ended.value.code
    assert '20 s1 frames' in capsys.readouterr().out
