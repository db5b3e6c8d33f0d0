# Copyright (c) mmeo contributors. All rights reserved.
"""A pair keeps its alignment through every transform."""

import numpy as np
import pytest
from PIL import Image

from mmeo.datasets.transforms import ExchangeTime, ForEachDate, LoadChangePair
from mmeo.errors import DataError
from mmeo.registry import TRANSFORMS

RNG = np.random.default_rng(0)


def make_pair(size=32):
    """Date B is A + 1 and the label marks the pixels where A is odd."""
    first = RNG.integers(0, 200, (size, size, 3), dtype=np.uint8)
    return dict(img=np.concatenate((first, first + 1), axis=2),
                img_shape=(size, size), gt_seg_map=first[..., 0] % 2,
                seg_fields=['gt_seg_map'])


@pytest.mark.parametrize('cfg', [
    dict(type='mmseg.RandomFlip', prob=1.0, direction='horizontal'),
    dict(type='mmseg.RandomFlip', prob=1.0, direction='diagonal'),
    dict(type='mmseg.RandomCrop', crop_size=(16, 24)),
    dict(type='mmseg.RandomRotFlip', rotate_prob=0.0, flip_prob=1.0,
         degree=20),
])
def test_geometric_transforms_move_both_dates_and_the_label(cfg):
    out = TRANSFORMS.build(cfg)(make_pair())
    first, second = out['img'][..., :3], out['img'][..., 3:]
    np.testing.assert_array_equal(second, first + 1)
    np.testing.assert_array_equal(out['gt_seg_map'], first[..., 0] % 2)


def test_rotation_by_any_angle_pads_the_label_with_ignore():
    pair = make_pair()
    pair['img'][..., 3:] = pair['img'][..., :3]
    out = TRANSFORMS.build(dict(type='mmseg.RandomRotate', prob=1.0,
                                degree=(45.0, 45.0)))(pair)
    np.testing.assert_array_equal(out['img'][..., :3], out['img'][..., 3:])
    assert out['gt_seg_map'][0, 0] == 255


def test_rotation_keeps_labels_and_ignores_corners():
    turn = TRANSFORMS.build(dict(type='RandomRotFlip', rotate_prob=1.0,
                                 flip_prob=0.0, degree=(30.0, 30.0)))
    label = np.zeros((64, 64), np.uint8)
    label[20:40, 24:50] = 1
    pair = dict(img=np.repeat(label[..., None] * 200, 6, axis=2),
                img_shape=(64, 64), gt_seg_map=label.copy(),
                seg_fields=['gt_seg_map'])
    out = turn(pair)
    # no value between the classes, and corners are ignored
    assert set(np.unique(out['gt_seg_map'])) == {0, 1, 255}
    assert (out['gt_seg_map'][[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    seen = out['gt_seg_map'] != 255
    agree = (out['img'][..., 0] > 100) == (out['gt_seg_map'] == 1)
    assert agree[seen].mean() > 0.98
    np.testing.assert_array_equal(out['img'][..., :3], out['img'][..., 3:])


def test_quarter_turn_changes_the_shape():
    flip = TRANSFORMS.build(dict(type='RandomRotFlip', rotate_prob=0.0,
                                 flip_prob=1.0))
    shapes = set()
    for seed in range(8):
        np.random.seed(seed)
        pair = make_pair()
        pair.update(img=pair['img'][:20], gt_seg_map=pair['gt_seg_map'][:20])
        out = flip(pair)
        assert out['img_shape'] == out['img'].shape[:2]
        np.testing.assert_array_equal(out['gt_seg_map'],
                                      out['img'][..., 0] % 2)
        shapes.add(out['img_shape'])
    assert shapes == {(20, 32), (32, 20)}


def test_exchange_time_swaps_dates_and_keeps_the_label():
    pair = make_pair()
    out = ExchangeTime(prob=1.0)({**pair})
    np.testing.assert_array_equal(out['img'][..., :3], pair['img'][..., 3:])
    np.testing.assert_array_equal(out['img'][..., 3:], pair['img'][..., :3])
    assert out['gt_seg_map'] is pair['gt_seg_map'] and out['exchanged']
    same = ExchangeTime(prob=0.0)({**pair})
    np.testing.assert_array_equal(same['img'], pair['img'])
    swaps = [ExchangeTime()({**pair})['exchanged'] for _ in range(200)]
    assert 60 < sum(swaps) < 140


def test_photometry_differs_between_dates():
    pair = make_pair()
    pair['img'][..., 3:] = pair['img'][..., :3]
    each = ForEachDate([dict(type='mmseg.PhotoMetricDistortion')])
    np.random.seed(0)
    outs = [each({**pair})['img'] for _ in range(8)]
    assert all(out.shape == pair['img'].shape for out in outs)
    differ = [not np.array_equal(o[..., :3], o[..., 3:]) for o in outs]
    assert sum(differ) >= 6
    with pytest.raises(DataError, match='geometric'):
        ForEachDate([dict(type='mmseg.RandomCrop', crop_size=(4, 4))])(pair)


def test_dates_of_different_size_name_both_files(tmp_path):
    for name, size in (('a.png', 8), ('b.png', 9)):
        Image.fromarray(np.zeros((8, size, 3), np.uint8)).save(
            tmp_path / name)
    with pytest.raises(DataError) as error:
        LoadChangePair()(dict(img_path=str(tmp_path / 'a.png'),
                              img_path2=str(tmp_path / 'b.png')))
    for word in ('a.png', '(8, 8, 3)', 'b.png', '(8, 9, 3)'):
        assert word in str(error.value)


def test_pack_keeps_channels_in_order(tmp_path):
    pixels = RNG.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    for name, array in zip('ab', pixels):
        Image.fromarray(array).save(tmp_path / f'{name}.png')
    results = LoadChangePair()(dict(img_path=str(tmp_path / 'a.png'),
                                    img_path2=str(tmp_path / 'b.png')))
    packed = TRANSFORMS.build(dict(type='PackChangeInputs'))(results)
    inputs = packed['inputs'].numpy()
    np.testing.assert_array_equal(inputs[:3], pixels[0].transpose(2, 0, 1)[
        ::-1])  # BGR
    np.testing.assert_array_equal(inputs[3:], pixels[1].transpose(2, 0, 1)[
        ::-1])
    assert packed['data_samples'].img_path2.endswith('b.png')
