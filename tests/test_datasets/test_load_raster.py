# Copyright (c) mmeo contributors. All rights reserved.
"""LoadRaster and NormalizeBands: values, windows, no data, bad files."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from mmeo.datasets.transforms import LoadRaster, NormalizeBands
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.geo import open_raster


@pytest.fixture()
def raster(tmp_path):
    """A 3-band int16 GeoTIFF of 6 x 8 pixels with one empty pixel."""
    data = np.arange(3 * 6 * 8, dtype=np.int16).reshape(3, 6, 8) + 1
    data[:, 2, 3] = 0
    data[0, 4, 4] = 0  # one band only: still data
    path = tmp_path / 'a.tif'
    with rasterio.open(
            path, 'w', driver='GTiff', width=8, height=6, count=3,
            dtype='int16', nodata=0, crs='EPSG:32630',
            transform=from_origin(0, 0, 10, 10)) as dst:
        dst.write(data)
        dst.descriptions = ('B2', 'B3', 'B4')
    return path, data


def load(path, **kwargs):
    return LoadRaster(**kwargs)(dict(img_path=str(path)))


def test_bands_by_number_and_name_in_the_order_asked(raster):
    path, data = raster
    results = load(path, bands=[3, 'B2'], nodata=None)
    expected = data[[2, 0]].transpose(1, 2, 0)
    np.testing.assert_array_equal(results['img'], expected)
    assert results['img'].dtype == np.float32
    assert results['img_shape'] == results['ori_shape'] == (6, 8)


def test_scale_and_offset_per_band(raster):
    path, data = raster
    img = load(path, scale=[1, 2, 3], offset=[0, 0, 1], nodata=None)['img']
    np.testing.assert_allclose(img[..., 2], data[2] * 3 + 1)
    with pytest.raises(ConfigError, match='2 values for 3'):
        load(path, scale=[1, 2])


def test_nodata_needs_all_bands_and_gets_the_fill(raster):
    path, _ = raster
    results = load(path, fill=-7)
    assert results['nodata_mask'].sum() == 1
    assert results['nodata_mask'][2, 3]
    assert (results['img'][2, 3] == -7).all()
    assert results['img'][4, 4, 0] == 0
    assert not load(path, nodata=None)['nodata_mask'].any()


def test_nan_of_any_band_is_nodata(tmp_path):
    data = np.ones((2, 4, 4), dtype=np.float32)
    data[1, 0, 0] = np.nan
    with rasterio.open(tmp_path / 'n.tif', 'w', driver='GTiff', width=4,
                       height=4, count=2, dtype='float32') as dst:
        dst.write(data)
    results = load(tmp_path / 'n.tif')
    assert results['nodata_mask'].sum() == 1
    assert np.isfinite(results['img']).all()


def test_window_is_the_slice(raster):
    path, data = raster
    results = load(path, window=(1, 2, 3, 4), nodata=None)
    np.testing.assert_array_equal(
        results['img'], data[:, 1:4, 2:6].transpose(1, 2, 0))
    assert results['file_shape'] == (6, 8)
    with pytest.raises(DataError, match=r'does not lie\s+inside .*a\.tif'):
        load(path, window=(4, 0, 3, 3))


def test_companion_of_another_sensor(raster, tmp_path):
    path, data = raster
    results = LoadRaster(path_replace={'b.tif': 'a.tif'}, nodata=None)(
        dict(img_path=str(tmp_path / 'b.tif')))
    np.testing.assert_array_equal(results['img'], data.transpose(1, 2, 0))


@pytest.mark.parametrize('kwargs, words', [
    (dict(bands=[4]), ('3 band', 'out of range', 'start at 1')),
    (dict(bands=[0]), ('out of range', )),
    (dict(bands=['B8']), ("'B8'", "'B2'")),
    (dict(num_bands=13), ('3 band', 'expected 13')),
    (dict(crs='EPSG:4326'), ('EPSG:32630', 'gdalwarp')),
])
def test_mismatch_names_file_and_fix(raster, kwargs, words):
    path, _ = raster
    with pytest.raises(DataError) as error:
        load(path, **kwargs)
    for word in ('a.tif', *words):
        assert word in str(error.value)


def test_crs_is_accepted(raster):
    path, _ = raster
    load(path, crs='EPSG:32630')
    load(path, crs='any')


def test_missing_truncated_and_foreign_files(raster, tmp_path):
    path, _ = raster
    with pytest.raises(MissingDataError, match='b.tif'):
        load(tmp_path / 'b.tif')
    big = tmp_path / 'big.tif'
    with rasterio.open(big, 'w', driver='GTiff', width=256, height=256,
                       count=1, dtype='int16') as dst:
        dst.write(np.random.default_rng(0).integers(
            0, 999, (1, 256, 256)).astype('int16'))
    content = big.read_bytes()
    for name, part in (('cut.tif', content[:len(content) // 2]),
                       ('noise.tif', b'\x00' * 100), ('empty.tif', b'')):
        (tmp_path / name).write_bytes(part)
        with pytest.raises(DataError, match=f'{name}.*corrupt'):
            load(tmp_path / name)


@pytest.mark.parametrize('path', [
    'https://example.org/a.tif', '/vsicurl/https://example.org/a.tif',
    '/vsis3/bucket/a.tif', 's3://bucket/a.tif'
])
def test_remote_paths_are_refused(path):
    with pytest.raises(DataError, match='allow_network=True'):
        load(path)


def test_local_file_that_points_to_the_network_is_refused(tmp_path):
    """A VRT may name a remote source: its driver is off."""
    (tmp_path / 'a.vrt').write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand '
        'dataType="Byte" band="1"><SimpleSource><SourceFilename>/vsicurl/'
        'http://127.0.0.1:9/a.tif</SourceFilename></SimpleSource>'
        '</VRTRasterBand></VRTDataset>')
    with pytest.raises(DataError, match='a.vrt'):
        load(tmp_path / 'a.vrt')


def test_normalize_bands():
    img = np.random.default_rng(0).normal(5, 2, (4, 4, 2)).astype('float32')
    mask = np.zeros((4, 4), bool)
    mask[0, 0] = True
    out = NormalizeBands([5, 1], [2, 4], clip=(-1, 1))(
        dict(img=img, nodata_mask=mask))['img']
    expected = np.clip((img - [5, 1]) / [2, 4], -1, 1)
    expected[0, 0] = 0
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    with pytest.raises(DataError, match='one mean and std|mean and std per'):
        NormalizeBands([0] * 3, [1] * 3)(dict(img=img, img_path='x.tif'))
    with pytest.raises(ConfigError, match='positive'):
        NormalizeBands([0], [0])
    with pytest.raises(ConfigError, match='one value'):
        NormalizeBands([0, 1], [1])


def test_raster_without_georeference_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / 'chip.png'
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with open_raster(path) as src:
            assert src.read(1).shape == (4, 4)
