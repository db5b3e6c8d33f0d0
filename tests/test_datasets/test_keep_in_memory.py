# Copyright (c) mmeo contributors. All rights reserved.
import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from mmeo.datasets.transforms import KeepInMemory
from mmeo.errors import ConfigError
from mmeo.registry import TRANSFORMS


class Load(BaseTransform):
    """Counts how often it is asked, and changes what is there."""

    def __init__(self):
        self.calls = 0

    def transform(self, results):
        self.calls += 1
        results['img'] = np.full((2, 2), int(results['img_path']))
        results['seg_fields'].append('label')  # as LoadAnnotations does
        return results


def ask(transform, name, **more):
    return transform(dict(img_path=name, seg_fields=[], **more))


def test_each_image_is_loaded_once():
    load = Load()
    keep = KeepInMemory([load])
    first = ask(keep, '3', wish=1)
    first['img'] += 10  # what follows may change its copy
    first['seg_fields'].append('more')
    again = ask(keep, '3', wish=2)
    assert (again['img'] == 3).all() and again['seg_fields'] == ['label']
    assert again['wish'] == 2  # of this call, not of the first
    assert (ask(keep, '4')['img'] == 4).all()
    assert load.calls == 2


def test_no_more_than_asked_for():
    load = Load()
    keep = KeepInMemory([load], max_images=1)
    for name in ('1', '2', '1', '2'):
        assert (ask(keep, name)['img'] == int(name)).all()
    assert load.calls == 3 and len(keep.kept) == 1


def test_images_need_a_name():
    with pytest.raises(ConfigError, match='tells images apart'):
        KeepInMemory([Load()])(dict(seg_fields=[]))


def test_flips_image_and_label_alike_the_second_time():
    """LoadGeoAnnotations adds to a list that was there: `seg_fields`."""

    def load(results: dict) -> dict:
        results['img'] = np.arange(12).reshape(3, 4)
        results['gt_seg_map'] = results['img'].copy()
        results['seg_fields'].append('gt_seg_map')
        return results

    keep = KeepInMemory([load])
    flip = TRANSFORMS.build(dict(type='mmseg.RandomFlip', prob=1.))
    for _ in range(3):
        out = flip(keep(dict(img_path='a.png', seg_fields=[])))
        assert (out['img'] == out['gt_seg_map']).all()
        assert out['img'][0, 0] == 3


def test_it_changes_nothing_but_the_time(synthearth):
    """The pipeline of a label map, flips included, with and without it."""
    load = [dict(type='LoadRaster', num_bands=3, dtype='uint8', nodata=None),
            dict(type='NormalizeBands', preset='hr'),
            dict(type='LoadGeoAnnotations')]
    after = [dict(type='EpisodeCrop', crop_size=(64, 64)),
             dict(type='mmseg.RandomFlip', prob=.5, direction='vertical')]
    keep = KeepInMemory(load)
    folder = synthearth / 'train/series/0000'
    for seed in range(4):
        found = []
        for start in (load, [keep]):
            np.random.seed(seed)
            found.append(Compose([*start, *after])(dict(
                img_path=str(folder / 'hr.tif'),
                seg_map_path=str(folder / 'semantics.tif'), seg_fields=[],
                reduce_zero_label=True, label_map=None)))
        plain, kept = found
        assert plain.keys() == kept.keys()
        for key in ('img', 'gt_seg_map'):
            assert np.array_equal(plain[key], kept[key])
        assert plain['flip'] == kept['flip']
        assert plain['seg_fields'] == kept['seg_fields'] == ['gt_seg_map']
