# Copyright (c) mmeo contributors. All rights reserved.
"""Crops show what they have to, and stay clear of other crops."""

import numpy as np
import pytest

from mmeo.datasets.transforms import (
    EpisodeCrop,
    NormalizeBands,
    PackEpisode,
)
from mmeo.datasets.transforms.episode.crop import overlap
from mmeo.errors import ConfigError, DataError


def make_results(height=50, width=70, **kwargs) -> dict:
    rows, columns = np.mgrid[:height, :width]
    return dict(img=np.stack([rows, columns], -1).astype(np.float32),
                gt_seg_map=np.zeros((height, width), np.uint8), **kwargs)


def test_a_rare_class_is_always_shown() -> None:
    crop = EpisodeCrop((20, 16))
    corners = set()
    for _ in range(100):
        results = make_results(episode_crop=dict(class_id=7, avoid=None))
        results['gt_seg_map'][33, 5] = 7
        results['nodata_mask'] = results['gt_seg_map'] == 7
        out = crop(results)
        assert out['img'].shape == (20, 16, 2) and out['img_shape'] == (20,
                                                                        16)
        assert (out['gt_seg_map'] == 7).sum() == 1
        assert (out['nodata_mask'] == (out['gt_seg_map'] == 7)).all()
        y, x = np.argwhere(out['gt_seg_map'] == 7)[0]
        assert out['img'][y, x].tolist() == [33, 5]
        corners.add(tuple(out['img'][0, 0]))
    assert len(corners) > 50
    assert {y for y, _ in corners} <= set(range(14, 31))


def test_windows_are_everywhere_without_a_wish() -> None:
    crop = EpisodeCrop(20)
    tops = {crop(make_results())['img'][0, 0, 0] for _ in range(600)}
    assert tops == set(range(31))


def test_the_window_is_known_in_shares() -> None:
    out = EpisodeCrop(25)(make_results())
    y1, x1, y2, x2 = out['crop_window']
    assert (round(y1 * 50), round(x1 * 70)) == tuple(out['img'][0, 0])
    assert (round(y2 * 50) - 1, round(x2 * 70) - 1) == tuple(
        out['img'][-1, -1])


def test_another_window_is_avoided() -> None:
    crop = EpisodeCrop(20)
    avoid = (0, 0, .5, .5)
    found = [overlap(crop(make_results(episode_crop=dict(
        class_id=None, avoid=avoid)))['crop_window'], avoid)
        for _ in range(50)]
    # One window in two would do, of which eight are drawn.
    assert np.mean(np.array(found) == 0) > 0.9


def test_pixels_without_data_are_cut_along() -> None:
    """So that bands may be normalised behind the crop, which is faster."""
    results = make_results()
    results['img'] = results['img'] + 1
    results['nodata_mask'] = np.zeros((50, 70), bool)
    results['nodata_mask'][::3] = True
    norm = NormalizeBands(mean=[0., 0.], std=[1., 1.])
    out = norm(EpisodeCrop(20)(results))
    missing = out['nodata_mask']
    assert missing.shape == (20, 20) and missing.any()
    assert (out['img'][missing] == 0).all() and out['img'][~missing].all()


def test_small_images_stay_whole() -> None:
    out = EpisodeCrop((64, 30))(make_results())
    assert out['img'].shape == (50, 30, 2)
    assert out['crop_window'][::2] == (0., 1.)


def test_overlap_is_a_share_of_the_smaller_window() -> None:
    assert overlap((0, 0, 1, 1), (.2, .2, .4, .4)) == pytest.approx(1)
    assert overlap((0, 0, .5, .5), (.25, .25, .75, .75)) == pytest.approx(
        .25)
    assert overlap((0, 0, .5, .5), (.5, 0, 1, .5)) == 0


def test_sizes_are_checked() -> None:
    for size in (0, (3, ), (4, 4, 4)):
        with pytest.raises(ConfigError, match='crop_size'):
            EpisodeCrop(size)


def test_what_was_not_normalised_is_refused() -> None:
    target = make_results()
    target['img'] = target['img'].astype(np.uint8)
    with pytest.raises(ConfigError, match='uint8.*NormalizeBands'):
        PackEpisode()(dict(target=target, prompts=[]))


def test_prompts_need_marks() -> None:
    with pytest.raises(DataError, match='gt_seg_map.*prompt_masks'):
        PackEpisode()(dict(target=make_results(), prompts=[
            dict(img=np.zeros((4, 4, 3), np.float32))]))


def test_marks_of_a_person_are_packed() -> None:
    prompt = dict(img=np.zeros((4, 5, 3), np.float32),
                  prompt_masks=np.ones((2, 4, 5), bool))
    out = PackEpisode()(dict(target=make_results(), prompts=[prompt],
                             modality='hr', episode=(0, 1)))
    assert 'prompt_labels' not in out['inputs']
    assert out['inputs']['prompt_masks'][0].shape == (2, 4, 5)
    assert out['inputs']['target'].shape == (2, 50, 70)
    assert out['data_samples'].episode == (0, 1)
    assert out['data_samples'].gt_sem_seg.data.shape == (1, 50, 70)
