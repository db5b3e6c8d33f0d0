# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures: bands and stretch, colours, panels, files written."""

import numpy as np
import pytest
import rasterio
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmeo.engine.hooks import GeoVisualizationHook
from mmeo.errors import DataError
from mmeo.visualization import (
    ChangeVisualizer,
    GeoSegVisualizer,
    read_rgb,
    side_by_side,
    stretch,
)
from mmeo.visualization.rendering import change_colours, colour_map

SIZE = 160  # wide enough not to be enlarged


def sample(path, second=None, pred=1, label=0):
    out = SegDataSample(metainfo=dict(img_path=str(path)))
    if second is not None:
        out.set_metainfo(dict(img_path2=str(second)))
    for key, value in (('pred_sem_seg', pred), ('gt_sem_seg', label)):
        out.set_data({key: PixelData(
            data=torch.full((1, SIZE, SIZE), value))})
    return out


@pytest.fixture()
def raster(tmp_path):
    data = np.stack([np.linspace(0, 1000 * (i + 1), SIZE * SIZE).reshape(
        SIZE, SIZE) for i in range(4)]).astype(np.int16)
    path = tmp_path / 'tile.tif'
    with rasterio.open(path, 'w', driver='GTiff', width=SIZE, height=SIZE,
                       count=4, dtype='int16') as dst:
        dst.write(data)
    return path


def test_stretch_uses_the_whole_range_and_survives_nan():
    img = np.random.default_rng(0).normal(100, 5, (40, 40, 2))
    img[0, 0, 0] = np.nan
    out = stretch(img)
    assert out.dtype == np.uint8
    assert out[..., 1].min() == 0 and out[..., 1].max() == 255
    assert stretch(np.full((4, 4, 1), 7.0)).max() == 0


def test_read_rgb(raster, tmp_path):
    rgb = read_rgb(str(raster), bands=[4, 1, 2])
    assert rgb.shape == (SIZE, SIZE, 3) and rgb.dtype == np.uint8
    assert rgb[-1, -1].tolist() == [255] * 3 and rgb[0, 0].tolist() == [0] * 3
    pixels = np.random.default_rng(0).integers(
        0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    np.testing.assert_array_equal(read_rgb(str(tmp_path / 'a.png')), pixels)
    with pytest.raises(DataError, match='out of range'):
        read_rgb(str(raster), bands=[5, 1, 1])


def test_colours():
    label = np.array([[0, 1], [255, 1]])
    np.testing.assert_array_equal(
        colour_map(label, [[1, 2, 3], [4, 5, 6]])[0],
        [[1, 2, 3], [4, 5, 6]])
    pred = np.array([[1, 1], [1, 0]])
    colours = change_colours(pred, label)
    assert colours[0, 0].tolist() == [230, 40, 40]      # false alarm
    assert colours[0, 1].tolist() == [255, 255, 255]    # hit
    assert colours[1, 1].tolist() == [40, 110, 255]     # miss
    assert colours[1, 0].tolist() == [96, 96, 96]       # ignored


def test_panels_keep_their_pixels():
    a = np.full((SIZE, SIZE, 3), 10, np.uint8)
    out = side_by_side({'a': a, 'b': a + 1}, {'x': (1, 2, 3)})
    assert (out[22:22 + SIZE, :SIZE] == 10).all()
    assert (out[22:22 + SIZE, -SIZE:] == 11).all()
    assert out.shape[1] == 2 * SIZE + 4
    small = side_by_side({'a': np.eye(64, dtype=np.uint8)[..., None].repeat(
        3, axis=2)})
    np.testing.assert_array_equal(
        small[22:, :, 0], np.eye(64).repeat(3, 0).repeat(3, 1))


def test_seg_visualizer_writes_three_panels(tmp_path):
    vis = GeoSegVisualizer()
    vis.dataset_meta = dict(classes=('a', 'b'),
                            palette=[[255, 0, 0], [0, 255, 0]])
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    out = tmp_path / 'o.png'
    vis.add_datasample('x', image, sample('x'), out_file=str(out))
    picture = np.asarray(Image.open(out))
    assert picture.shape[1] == 3 * SIZE + 8
    middle = 22 + SIZE // 2
    assert picture[middle, SIZE // 2].tolist() == [0, 0, 0]
    assert picture[middle, SIZE + 4 + SIZE // 2].tolist() == [153, 0, 0]
    assert picture[middle, -SIZE // 2].tolist() == [0, 153, 0]


def test_change_visualizer_reads_the_second_date(tmp_path):
    paths = []
    for name, value in (('A', 50), ('B', 90)):
        paths.append(tmp_path / f'{name}.png')
        Image.fromarray(np.full((SIZE, SIZE, 3), value, np.uint8)).save(
            paths[-1])
    out = tmp_path / 'o.png'
    ChangeVisualizer().add_datasample(
        'x', read_rgb(str(paths[0])), sample(*paths), out_file=str(out))
    picture = np.asarray(Image.open(out))
    assert picture.shape[1] == 4 * SIZE + 12
    columns = [picture[30, SIZE // 2 + i * (SIZE + 4)].tolist()
               for i in range(4)]
    assert columns == [[50] * 3, [90] * 3, [0] * 3, [230, 40, 40]]


def test_hook_draws_multi_band_rasters_under_their_names(raster, tmp_path):
    GeoSegVisualizer.get_instance(
        'hook_test', save_dir=str(tmp_path / 'show'),
        vis_backends=[dict(type='LocalVisBackend')]).dataset_meta = dict(
            classes=('a', 'b'), palette=[[255, 0, 0], [0, 255, 0]])
    hook = GeoVisualizationHook(draw=True, rgb_bands=[3, 2, 1])
    hook.after_test_iter(None, 0, None, [sample(raster)])
    written = [p.name for p in (tmp_path / 'show').rglob('*.png')]
    assert len(written) == 1 and 'tile' in written[0]
    GeoVisualizationHook(draw=False).after_test_iter(
        None, 0, None, [sample(raster)])
    assert len(list((tmp_path / 'show').rglob('*.png'))) == 1
    GeoVisualizationHook(draw=True, test_out_dir=str(
        tmp_path / 'flat')).after_test_iter(None, 0, None, [sample(raster)])
    assert (tmp_path / 'flat' / 'tile.png').exists()


def test_pictures_are_named_by_place_where_files_are_not(raster, tmp_path):
    """And the image follows a label on another grid."""
    one = sample(raster)
    small = torch.zeros(1, SIZE // 2, SIZE // 2, dtype=torch.int64)
    one.gt_sem_seg = PixelData(data=small)
    one.pred_sem_seg = PixelData(data=small + 1)
    one.set_metainfo(dict(place='data/series/0007', month='2018-02'))
    GeoSegVisualizer.get_instance('hook_place').dataset_meta = dict(
        classes=('a', 'b'), palette=[[255, 0, 0], [0, 255, 0]])
    GeoVisualizationHook(draw=True, rgb_bands=[3, 2, 1], test_out_dir=str(
        tmp_path)).after_test_iter(None, 0, None, [one])
    assert (tmp_path / '0007_2018-02.png').exists()


def test_series_show_their_middle_frame(tmp_path):
    series = np.zeros((3, 4, 8, 8), np.int16)
    series[1, 2, :4] = 1000  # the third band, shown as red
    np.save(tmp_path / 'x.npy', series)
    picture = read_rgb(str(tmp_path / 'x.npy'))
    assert picture[0, 0].tolist() == [255, 0, 0]
    assert picture[7, 0].tolist() == [0, 0, 0]
