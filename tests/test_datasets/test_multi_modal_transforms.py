# Copyright (c) mmeo contributors. All rights reserved.
"""Crops, flips and augmentation of several sensors at once."""

import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample
from mmseg.structures import SegDataSample

import mmeo
from mmeo.datasets.transforms.multi_modal.regions import (
    mirror_and_turn,
    resize_frames,
    resize_label,
)
from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS

CELLS = 6


def build(name, **kwargs):
    return TRANSFORMS.build(dict(type=name, **kwargs))


def blocks(hr: np.ndarray) -> np.ndarray:
    """Means of 32 x 32 pixels of ``(T, H, W, C)``."""
    t, h, w, c = hr.shape
    return hr.reshape(t, h // 32, 32, w // 32, 32, c).mean((2, 4))


def ground(cells: int = CELLS, frames: int = 4) -> dict:
    """A sample whose every image holds its place on the ground.

    S2 and S1 are the block means of HR, so any crop must keep them so.
    """
    side = cells * 32
    y, x = np.mgrid[:side, :side].astype(np.float32)
    noise = np.random.default_rng(0).normal(size=(side, side))
    hr = np.stack((x, y, noise), -1)[None].astype(np.float32)
    coarse = blocks(hr)
    return dict(
        place='ground',
        modalities=dict(
            hr=dict(images=hr, dates=np.array([-1]), gsd=.3125),
            s2=dict(images=np.repeat(coarse, frames, 0),
                    dates=np.arange(frames) * 30, gsd=10.),
            s1=dict(images=coarse[..., :2].copy(),
                    dates=np.array([7]), gsd=10.)),
        gt_seg_map=(np.arange(side)[:, None] // 32 * cells
                    + np.arange(side)[None] // 32).astype(np.uint8),
        seg_fields=['gt_seg_map'])


def identity_crop(cells: int, **kwargs):
    """Crops that are cut, not resized."""
    size = dict(hr=cells * 32, s2=cells, s1=cells)
    share = (cells / CELLS)**2
    return build('MultiModalMultiCrop', global_size=size, local_size=size,
                 global_scale=(share, share), local_scale=(share, share),
                 aspect=(1, 1), **kwargs)


@pytest.mark.parametrize('cells', [2, 3, 6])
def test_every_crop_shows_one_ground(cells):
    """An S2 pixel stays the mean of the 32 x 32 HR pixels on it."""
    np.random.seed(cells)
    crops = identity_crop(cells, num_local=6)(ground())['crops']
    assert [crop['kind'] for crop in crops] == ['global'] * 2 + ['local'] * 6
    turned = set()
    for crop in crops:
        series = crop['modalities']
        hr, s2, s1 = (series[name]['images'] for name in ('hr', 's2', 's1'))
        assert hr.shape[1:3] == (cells * 32, ) * 2
        assert s2.shape[1:3] == s1.shape[1:3] == (cells, ) * 2
        np.testing.assert_allclose(
            np.repeat(blocks(hr), len(s2), 0), s2, atol=2e-4)
        np.testing.assert_allclose(blocks(hr)[..., :2], s1, atol=2e-4)
        label = crop['label'].reshape(cells, 4, cells, 4)
        assert (label == label[:, :1, :, :1]).all()
        np.testing.assert_array_equal(
            label[:, 0, :, 0],
            np.round((s2[0, ..., 1] - 15.5) / 32) * CELLS
            + np.round((s2[0, ..., 0] - 15.5) / 32))
        turned.add((crop['flip'], crop['turn']))
    assert len(turned) > 2


def test_box_flip_and_turn_tell_where_a_pixel_was():
    """Undo the turn and the mirror: the pixel lies where the box says."""
    np.random.seed(3)
    sample = ground()
    crops = build(
        'MultiModalMultiCrop', num_global=6, num_local=6,
        global_size=dict(hr=128, s2=4, s1=4),
        local_size=dict(hr=64, s2=2, s1=2))(sample)['crops']
    for crop in crops:
        for name, side in (('hr', CELLS * 32), ('s2', CELLS)):
            images = crop['modalities'][name]['images']
            back = np.rot90(images, -crop['turn'], axes=(1, 2))
            if crop['flip']:
                back = back[:, :, ::-1]
            x1, y1, x2, y2 = crop['box'] * CELLS * 32
            n = back.shape[1]
            want = x1 + (np.arange(n) + .5) / n * (x2 - x1) - .5
            # Bilinear enlargement is flat at the border.
            inner = slice(n // 4, n - n // 4)
            np.testing.assert_allclose(
                back[0, n // 2, inner, 0], want[inner], atol=1e-3 * side + 9)
            assert abs(back[0, ..., 0].mean() - (x1 + x2 - 1) / 2) < .6
            assert abs(back[0, ..., 1].mean() - (y1 + y2 - 1) / 2) < .6


def test_boxes_are_whole_cells_within_their_share():
    np.random.seed(0)
    transform = build(
        'MultiModalMultiCrop', num_global=100, num_local=100,
        global_size=dict(hr=64, s2=2), local_size=dict(hr=32, s2=1),
        label_stride=8)
    sample = ground(16)
    del sample['modalities']['s1']
    for crop in transform(sample)['crops']:
        cells = crop['box'] * 16
        np.testing.assert_allclose(cells, np.round(cells), atol=1e-5)
        width, height = cells[2] - cells[0], cells[3] - cells[1]
        low, high = (.32, 1) if crop['kind'] == 'global' else (.05, .32)
        # Rounding moves each side by up to half a cell.
        assert (width + .5) * (height + .5) >= low * 256
        assert (width - .5) * (height - .5) <= high * 256
        assert .55 < width / height < 1.8
        assert 's1' not in crop['modalities']


def test_crop_of_other_ratio_is_refused():
    sample = ground()
    sample['modalities']['s2']['images'] = \
        sample['modalities']['s2']['images'][:, :5]
    with pytest.raises(DataError, match='do not stand in the ratio'):
        build('MultiModalMultiCrop')(sample)
    with pytest.raises(DataError, match='no size is given'):
        build('MultiModalMultiCrop', global_size=dict(hr=64, s2=2),
              local_size=dict(hr=32, s2=1))(ground())
    with pytest.raises(ConfigError, match='different ratios'):
        build('MultiModalMultiCrop', local_size=dict(hr=224, s2=8, s1=8))
    with pytest.raises(ConfigError, match='no multiples'):
        build('MultiModalMultiCrop', local_size=dict(hr=225, s2=8, s1=8))


def test_random_crop_and_flip_keep_the_ground_and_its_label():
    for seed in range(8):
        np.random.seed(seed)
        out = build('MultiModalRandomFlip', turn=.5)(build(
            'MultiModalRandomCrop', size=dict(hr=96, s2=3, s1=3))(ground()))
        series = out['modalities']
        assert series['hr']['images'].shape == (1, 96, 96, 3)
        np.testing.assert_allclose(
            blocks(series['hr']['images'])[..., :2], series['s1']['images'],
            atol=2e-4)
        label = out['gt_seg_map'][16::32, 16::32]
        s2 = series['s2']['images'][0]
        np.testing.assert_array_equal(
            label, np.round((s2[..., 1] - 15.5) / 32) * CELLS
            + np.round((s2[..., 0] - 15.5) / 32))


def test_crop_without_a_sensor_has_the_same_size():
    sample = ground()
    del sample['modalities']['s2'], sample['modalities']['s1']
    out = build('MultiModalRandomCrop', size=dict(hr=64, s2=2, s1=2))(sample)
    assert out['modalities']['hr']['images'].shape == (1, 64, 64, 3)
    with pytest.raises(DataError, match='fewer'):
        build('MultiModalRandomCrop', size=dict(hr=320, s2=10))(sample)


def test_cat_max_ratio_avoids_plain_crops():
    np.random.seed(0)
    sample = ground(16)
    label = np.zeros((512, 512), np.uint8)
    label[:, 240:] = 1
    crop = build('MultiModalRandomCrop', size=dict(hr=64, s2=2, s1=2),
                 cat_max_ratio=.9)
    mixed = [np.ptp(crop(dict(ground(16), gt_seg_map=label))['gt_seg_map'])
             for _ in range(40)]
    assert np.mean(mixed) > .5  # of plain draws about 1 in 15 is mixed
    assert sample['gt_seg_map'].shape == label.shape


def test_resize_sets_sizes_and_gsd():
    out = build('MultiModalResize', size=dict(hr=96, s2=(12, 12)),
                label=(24, 24))(ground())
    assert out['modalities']['hr']['images'].shape == (1, 96, 96, 3)
    assert out['modalities']['hr']['gsd'] == pytest.approx(.625)
    assert out['modalities']['s2']['images'].shape == (4, 12, 12, 3)
    assert out['modalities']['s2']['gsd'] == pytest.approx(5)
    assert out['gt_seg_map'].shape == (24, 24)
    np.testing.assert_array_equal(out['gt_seg_map'][::4, ::4],
                                  np.arange(36).reshape(6, 6))


def test_pixels_without_data_do_not_bleed():
    """A hole of any value leaves its surroundings as they are."""
    images = np.full((2, 8, 8, 10), 7., np.float32)
    missing = np.zeros((2, 8, 8), bool)
    missing[0, :4, :6] = True
    images[missing] = -9999
    out, gone = resize_frames(images, (4, 4), missing)
    assert gone[0, :2, :3].all() and gone.sum() == 6
    np.testing.assert_allclose(out[~gone], 7, rtol=1e-5)
    larger, gone = resize_frames(images, (16, 16), missing)
    np.testing.assert_allclose(larger[~gone], 7, rtol=1e-4)


def test_resize_label_takes_the_middle():
    label = np.arange(64).reshape(8, 8).astype(np.uint8)
    np.testing.assert_array_equal(
        resize_label(label, (2, 2)), [[18, 22], [50, 54]])


def test_mirror_comes_before_the_turn():
    a = np.array([[1, 2], [3, 4]])
    np.testing.assert_array_equal(
        mirror_and_turn(a, True, 1, (0, 1)), np.rot90(a[:, ::-1]))


def test_sample_frames_keeps_order_and_pairs():
    np.random.seed(1)
    transform = build('SampleFrames', s2=2, s1=5)
    seen = set()
    for _ in range(20):
        sample = ground()
        images = sample['modalities']['s2']['images']
        images += np.arange(4)[:, None, None, None] * 1000
        series = transform(sample)['modalities']['s2']
        assert len(series['images']) == len(series['dates']) == 2
        assert (np.diff(series['dates']) > 0).all()
        np.testing.assert_array_equal(
            series['images'][:, 0, 0, 1] // 1000, series['dates'] // 30)
        seen.add(tuple(series['dates']))
    assert len(seen) > 3
    files = dict(frames=dict(s2=[(f'{i}.tif', i) for i in range(9)],
                             s1=[('a.tif', 3)]))
    files = build('SampleFrames', s2=3, s1=2, mode='even')(files)
    assert [day for _, day in files['frames']['s2']] == [1, 4, 7]
    assert len(files['frames']['s1']) == 1


def test_date_jitter_wraps_and_leaves_unknown_dates():
    np.random.seed(0)
    series = dict(images=np.zeros((300, 1, 1, 10)),
                  dates=np.array([-1, 0, 364] * 100))
    out = build('DateJitter', days=3)(dict(modalities=dict(s2=series)))
    dates = out['modalities']['s2']['dates'].reshape(100, 3)
    assert (dates[:, 0] == -1).all()
    assert set(dates[:, 1]) == {363, 364, 365, 0, 1, 2, 3}
    assert dates.max() == 365
    still = dict(images=np.zeros((3, 1, 1, 10)), dates=np.array([365, 0, -1]))
    build('DateJitter', days=0)(dict(modalities=dict(s2=still)))
    assert still['dates'].tolist() == [365, 0, -1]


def test_band_jitter_and_drop_need_normalised_data():
    np.random.seed(0)
    raw = dict(images=np.ones((2, 4, 4, 10), np.float32),
               dates=np.zeros(2, int))
    for name in ('BandJitter', 'RandomBandDrop'):
        with pytest.raises(ConfigError, match='after `NormalizeBands`'):
            build(name)(dict(modalities=dict(s2=dict(raw))))
    norm = dict(raw, normalized=True)
    with pytest.raises(ConfigError, match='before `NormalizeBands`'):
        build('Speckle')(dict(modalities=dict(s1=dict(norm))))
    dropped = []
    for _ in range(60):
        out = build('RandomBandDrop')(dict(modalities=dict(s2=dict(norm))))
        empty = (out['modalities']['s2']['images'] == 0).all((0, 1, 2))
        dropped.append(empty.sum())
    assert set(dropped) == {0, 1, 2}
    assert (norm['images'] == 1).all()  # the source is untouched
    two = dict(norm, images=np.ones((1, 2, 2, 2), np.float32))
    for _ in range(30):
        out = build('RandomBandDrop', modalities='s1', max_bands=2)(
            dict(modalities=dict(s1=dict(two))))
        assert out['modalities']['s1']['images'].any()
    values = [build('BandJitter', gain=.1, bias=.2)(dict(modalities=dict(
        s2=dict(norm))))['modalities']['s2']['images'] for _ in range(50)]
    values = np.stack(values)
    assert (values == values[:, :1, :1, :1]).all()  # one draw per band
    assert .7 <= values.min() < .85 and 1.15 < values.max() <= 1.3


def test_speckle_keeps_the_mean_power():
    np.random.seed(0)
    series = dict(images=np.full((1, 400, 400, 2), -12., np.float32),
                  dates=np.array([0]))
    out = build('Speckle', looks=10, prob=1)(dict(modalities=dict(s1=series)))
    power = 10**(out['modalities']['s1']['images'] / 10)
    assert power.mean() == pytest.approx(10**-1.2, rel=.01)
    # The variance of a gamma law of 10 looks is a tenth of its mean squared.
    assert power.var() / power.mean()**2 == pytest.approx(.1, rel=.05)
    linear = dict(series, images=np.full((1, 9, 9, 2), .06, np.float32))
    with pytest.raises(DataError, match="Speckle.*'s1'.*unit 'db'"):
        build('Speckle', prob=1)(dict(modalities=dict(s1=linear)))


@pytest.mark.parametrize('name', ['HRColorJitter', 'HRGrayscale', 'HRBlur',
                                  'HRSolarize'])
def test_colours_change_within_their_range(name):
    torch.manual_seed(0)
    images = np.random.default_rng(0).integers(
        0, 256, (1, 32, 32, 3)).astype(np.uint8)
    sample = dict(modalities=dict(
        hr=dict(images=images, dates=np.array([-1])),
        s2=dict(images=np.zeros((1, 1, 1, 10)), dates=np.array([3]))))
    out = build(name, prob=1)(sample)['modalities']
    changed = out['hr']['images']
    assert changed.shape == images.shape and changed.dtype == np.float32
    assert -.01 <= changed.min() and changed.max() <= 255.01
    assert np.abs(changed - images).mean() > 1
    assert not out['s2']['images'].any()


def test_each_crop_draws_for_itself():
    np.random.seed(0)
    torch.manual_seed(0)
    sample = identity_crop(6, num_local=0, flip_prob=0, turn=False)(ground())
    crops = build('HRColorJitter', prob=1)(
        build('SampleFrames', s2=2)(sample))['crops']
    first, second = (crop['modalities'] for crop in crops)
    assert not np.allclose(first['hr']['images'], second['hr']['images'])


def test_pack_crops_and_inputs():
    np.random.seed(0)
    norm = build('NormalizeBands', modalities={
        name: dict(mean=[0] * n, std=[2] * n)
        for name, n in (('hr', 3), ('s2', 3), ('s1', 2))})
    with pytest.raises(ConfigError, match='NormalizeBands'):
        build('PackMultiModalInputs')(ground())
    crops = build('MultiModalMultiCrop', global_size=dict(hr=64, s2=2, s1=2),
                  local_size=dict(hr=32, s2=1, s1=1))
    data = build('PackMultiModalCrops')(norm(crops(ground())))
    assert len(data['inputs']) == 6
    first = data['inputs'][0]
    assert first['kind'] == 'global' and first['label'].dtype == torch.int64
    assert first['label'].shape == (8, 8)
    assert first['box'].shape == (4, ) and first['box'].dtype == torch.float32
    assert first['modalities']['s2']['images'].shape == (4, 3, 2, 2)
    assert first['modalities']['s2']['dates'].tolist() == [0, 30, 60, 90]
    assert data['data_samples'].place == 'ground'

    packed = build('PackMultiModalInputs')(norm(ground()))
    sample = packed['data_samples']
    assert isinstance(sample, SegDataSample)
    assert sample.gt_sem_seg.data.shape == (1, 192, 192)
    assert sample.ori_shape == sample.img_shape == (192, 192)
    assert packed['inputs']['hr']['images'].shape == (1, 3, 192, 192)
    scene = ground()
    del scene['gt_seg_map']
    scene['gt_score'] = np.array([1, 0, 1], np.float32)
    sample = build('PackMultiModalInputs')(norm(scene))['data_samples']
    assert isinstance(sample, DataSample)
    assert sample.gt_score.tolist() == [1, 0, 1]
    assert sample.img_shape == (192, 192)


def test_components_build_from_their_names():
    assert mmeo.build('MultiModalMultiCrop').steps == dict(hr=32, s2=1, s1=1)
