# Copyright (c) mmeo contributors. All rights reserved.
import numpy as np
import pytest
from mmcv.transforms import BaseTransform

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
        results['seg_fields'] = [*results['seg_fields'], 'label']
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
