# Copyright (c) mmeo contributors. All rights reserved.
"""LoadImage and LoadGeoAnnotations: parity, mapping, bad files."""

import numpy as np
import pytest
import rasterio
from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmeo.datasets.transforms import LoadGeoAnnotations, LoadImage, LoadRaster
from mmeo.errors import DataError, MissingDataError

RNG = np.random.default_rng(0)


def save(path, array, mode=None):
    Image.fromarray(array, mode).save(path)
    return str(path)


def label_of(path, array, size=None, num_classes=7, loader=None, **fields):
    """Load a label written from ``array`` with the image of ``size``."""
    if str(path).endswith('.tif'):
        with rasterio.open(path, 'w', driver='GTiff', width=array.shape[1],
                           height=array.shape[0], count=1,
                           dtype=array.dtype.name) as dst:
            dst.write(array, 1)
    else:
        save(path, array)
    results = dict(img_path='img.png', seg_map_path=str(path),
                   ori_shape=size or array.shape, num_classes=num_classes,
                   **fields)
    return (loader or LoadGeoAnnotations())(results)['gt_seg_map']


def test_image_equals_mmcv(tmp_path):
    path = save(tmp_path / 'a.png',
                RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    ours, theirs = (t(dict(img_path=path))
                    for t in (LoadImage(), LoadImageFromFile()))
    np.testing.assert_array_equal(ours['img'], theirs['img'])
    assert ours['ori_shape'] == theirs['ori_shape']


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
def test_truncated_image_is_an_error(tmp_path, suffix):
    path = tmp_path / f'a.{suffix}'
    save(path, RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=f'a.{suffix}.*(corrupt|truncated)'):
        LoadImage()(dict(img_path=str(path)))


def test_corrupt_missing_and_16_bit_images(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'no picture')
    with pytest.raises(DataError, match='a.png cannot be decoded'):
        LoadImage()(dict(img_path=str(tmp_path / 'a.png')))
    with pytest.raises(MissingDataError, match='b.png does not exist'):
        LoadImage()(dict(img_path=str(tmp_path / 'b.png')))
    save(tmp_path / 'c.png', RNG.integers(0, 9999, (4, 4)).astype('uint16'))
    with pytest.raises(DataError, match='LoadRaster'):
        LoadImage()(dict(img_path=str(tmp_path / 'c.png')))


def test_reduce_zero_label_equals_mmseg(tmp_path):
    array = RNG.integers(0, 8, (16, 16), dtype=np.uint8)
    ours = label_of(tmp_path / 'a.png', array, reduce_zero_label=True)
    theirs = LoadAnnotations()(dict(
        seg_map_path=str(tmp_path / 'a.png'), reduce_zero_label=True,
        seg_fields=[]))['gt_seg_map']
    np.testing.assert_array_equal(ours, theirs)
    assert set(np.unique(ours)) == {0, 1, 2, 3, 4, 5, 6, 255}


def test_label_map_equals_mmseg(tmp_path):
    array = RNG.integers(0, 4, (16, 16), dtype=np.uint8)
    mapping = {0: 1, 1: 0, 2: 255, 3: 2}
    ours = label_of(tmp_path / 'a.png', array, num_classes=4,
                    label_map=mapping)
    theirs = LoadAnnotations()(dict(
        seg_map_path=str(tmp_path / 'a.png'), reduce_zero_label=False,
        label_map=mapping, seg_fields=[]))['gt_seg_map']
    np.testing.assert_array_equal(ours, theirs)


def test_negative_nodata_is_mapped_not_wrapped(tmp_path):
    array = np.array([[-1, 0], [1, -1]], dtype=np.int16)
    loader = LoadGeoAnnotations(value_map={-1: 255})
    label = label_of(tmp_path / 'a.tif', array, num_classes=2, loader=loader)
    np.testing.assert_array_equal(label, [[255, 0], [1, 255]])
    with pytest.raises(DataError, match=r'\[-1\].*row 0, column 0.*value_map'):
        label_of(tmp_path / 'a.tif', array, num_classes=2)


@pytest.mark.parametrize('reduce_zero, value', [(False, 7), (True, 8)])
def test_class_id_out_of_range(tmp_path, reduce_zero, value):
    array = np.ones((8, 8), dtype=np.uint8)
    array[3, 5] = value
    with pytest.raises(DataError) as error:
        label_of(tmp_path / 'bad.png', array, reduce_zero_label=reduce_zero)
    for word in ('bad.png', f'[{value}]', 'row 3, column 5', 'metainfo'):
        assert word in str(error.value)
    array[3, 5] = 255
    label_of(tmp_path / 'good.png', array, reduce_zero_label=reduce_zero)


def test_other_size_names_both_files(tmp_path):
    with pytest.raises(DataError) as error:
        label_of(tmp_path / 'l.png', np.zeros((8, 9), np.uint8), (8, 10))
    for word in ('l.png', '8 x 9', 'img.png', '8 x 10'):
        assert word in str(error.value)


def test_threshold(tmp_path):
    loader = LoadGeoAnnotations(threshold=128)
    array = np.array([[0, 127], [128, 255]], dtype=np.uint8)
    label = label_of(tmp_path / 'm.png', array, num_classes=2, loader=loader)
    np.testing.assert_array_equal(label, [[0, 0], [1, 1]])
    with pytest.raises(DataError, match='0 and 1'):
        label_of(tmp_path / 'm.png', (array > 0).astype(np.uint8),
                 num_classes=2, loader=loader)
    label_of(tmp_path / 'm.png', array * 0, num_classes=2, loader=loader)


def test_colour_coded_and_fractional_labels(tmp_path):
    save(tmp_path / 'c.png', np.zeros((4, 4, 3), np.uint8))
    results = dict(img_path='i', seg_map_path=str(tmp_path / 'c.png'),
                   ori_shape=(4, 4))
    with pytest.raises(DataError, match='3 bands'):
        LoadGeoAnnotations()(results)
    with pytest.raises(DataError, match='fractional'):
        label_of(tmp_path / 'f.tif', np.full((4, 4), 0.5, np.float32))


def test_window_and_nodata_follow_the_image(tmp_path):
    img = np.full((1, 6, 6), 5, np.int16)
    img[0, 1, 2] = 0
    with rasterio.open(tmp_path / 'i.tif', 'w', driver='GTiff', width=6,
                       height=6, count=1, dtype='int16', nodata=0) as dst:
        dst.write(img)
    label = np.arange(36, dtype=np.uint8).reshape(6, 6) % 5
    save(tmp_path / 'l.png', label)
    results = LoadRaster(window=(1, 1, 3, 4))(
        dict(img_path=str(tmp_path / 'i.tif'),
             seg_map_path=str(tmp_path / 'l.png'), num_classes=5))
    out = LoadGeoAnnotations(ignore_nodata=True)(results)['gt_seg_map']
    expected = label[1:4, 1:5].copy()
    expected[0, 1] = 255
    np.testing.assert_array_equal(out, expected)


def test_grey_masks_stored_as_rgb(tmp_path):
    """Only where a threshold makes classes of grey values."""
    grey = np.repeat(RNG.integers(0, 256, (6, 7, 1), dtype=np.uint8), 3, 2)
    path = save(tmp_path / 'a.bmp', grey)
    results = dict(img_path='i', seg_map_path=path, ori_shape=(6, 7),
                   num_classes=2)
    label = LoadGeoAnnotations(threshold=128)({**results})['gt_seg_map']
    np.testing.assert_array_equal(label, grey[..., 0] >= 128)
    with pytest.raises(DataError, match='3 bands'):
        LoadGeoAnnotations()({**results})
    grey[2, 3] = (250, 0, 0)
    save(tmp_path / 'a.bmp', grey)
    with pytest.raises(DataError, match=r'coloured.*\[250, 0, 0\].*row 2'):
        LoadGeoAnnotations(threshold=128)({**results})


def test_real_mask_of_three_equal_bands(real_sample):
    path = real_sample('change/sar_bern/label/bern_gt.bmp')
    label = LoadGeoAnnotations(threshold=128)(dict(
        img_path='i', seg_map_path=str(path), ori_shape=(301, 301),
        num_classes=2))['gt_seg_map']
    assert 500 < label.sum() < 5000  # the flood: a small part of the image
