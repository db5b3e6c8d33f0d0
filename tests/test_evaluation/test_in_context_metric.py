# Copyright (c) mmeo contributors. All rights reserved.
"""IoU by mode: parity with mmseg, and where it differs on purpose."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.metrics import InContextMetric
from mmeo.evaluation.metrics.in_context_metric import areas
from mmeo.structures import EpisodeSample

CLASSES = ('background', 'water', 'road', 'tree')
RNG = np.random.default_rng(0)


def sample(label, episode=(0, 1, 2, 3), **predictions):
    item = EpisodeSample(metainfo=dict(episode=episode, img_path='a.png'))
    item.gt_sem_seg = PixelData(data=torch.as_tensor(label)[None].long())
    for mode, numbers in predictions.items():
        item.set_field(PixelData(data=torch.as_tensor(numbers)[None].long()),
                       f'pred_{mode}')
    return item.to_dict()


def evaluate(samples, classes=CLASSES, **kwargs):
    metric = InContextMetric(**kwargs)
    metric.dataset_meta = dict(classes=classes)
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def random_maps(number=3, ids=range(4), shape=(12, 17)):
    draw = [RNG.choice([*ids, 255], shape) for _ in range(number)]
    return draw, [RNG.choice(list(ids), shape) for _ in range(number)]


def test_equals_mmseg():
    labels, preds = random_maps()
    scores = evaluate([sample(x, visual=p, textual=x.clip(max=3), fused=p)
                       for x, p in zip(labels, preds)], per_class=True)
    reference = IoUMetric(iou_metrics=['mIoU'])
    reference.dataset_meta = dict(classes=CLASSES)
    reference.process({}, [dict(
        pred_sem_seg=dict(data=torch.as_tensor(p)[None]),
        gt_sem_seg=dict(data=torch.as_tensor(x)[None]))
        for x, p in zip(labels, preds)])
    expected = reference.evaluate(3)
    for mode in ('visual', 'fused'):
        assert scores[f'{mode}/mIoU'] == pytest.approx(expected['mIoU'],
                                                       abs=6e-3)
        assert scores[f'{mode}/aAcc'] == pytest.approx(expected['aAcc'],
                                                       abs=6e-3)
    assert scores['textual/mIoU'] == scores['textual/IoU.road'] == 100
    assert scores['fused/absent'] == 0


def test_numbers_of_an_episode_are_not_ids():
    """The order in which classes were asked for changes nothing."""
    labels, preds = random_maps()
    straight = evaluate([sample(x, fused=p) for x, p in zip(labels, preds)],
                        modes=('fused', ))
    order = (2, 0, 3, 1)
    number = np.argsort(order)
    turned = evaluate([sample(x, order, fused=number[p])
                       for x, p in zip(labels, preds)], modes=('fused', ))
    assert straight == turned


def test_none_is_wrong_wherever_there_is_a_label():
    label = np.array([[1, 1, 1, 255]])
    scores = evaluate([sample(label, fused=[[1, 1, 254, 254]])],
                      modes=('fused', ), per_class=True)
    assert scores['fused/IoU.water'] == pytest.approx(200 / 3)
    assert scores['fused/mIoU'] == pytest.approx(200 / 3, abs=1e-3)
    assert scores['fused/aAcc'] == pytest.approx(200 / 3, abs=1e-3)


def test_absent_classes_are_in_no_mean():
    """A class that is predicted but in no label does not count as 0."""
    label = np.array([[0, 0, 1, 1]])
    scores = evaluate([sample(label, fused=[[0, 3, 1, 1]])],
                      modes=('fused', ), groups=dict(a=['water', 'tree'],
                                                     b=['tree']))
    assert scores['fused/mIoU'] == pytest.approx((50 + 100) / 2)
    assert scores['fused/absent'] == 2
    assert scores['fused/mIoU_a'] == 100
    assert np.isnan(scores['fused/mIoU_b'])


def test_excluded_classes_count_as_negatives_only():
    label = np.array([[0, 0, 0, 1]])
    scores = evaluate([sample(label, fused=[[0, 0, 1, 1]])],
                      modes=('fused', ), exclude=('background', ))
    assert scores['fused/mIoU'] == 50
    assert scores['fused/mIoU_all'] == pytest.approx((200 / 3 + 50) / 2,
                                                     abs=1e-3)


def test_classes_that_were_not_asked_for():
    label, pred = np.array([[1, 2, 2, 3]]), [[0, 0, 0, 1]]
    item = sample(label, (1, 3), fused=pred)
    counted = evaluate([item], modes=('fused', ), per_class=True)
    assert counted['fused/IoU.water'] == pytest.approx(100 / 3)
    assert counted['fused/IoU.tree'] == 100
    assert np.isnan(counted['fused/IoU.road'])
    assert counted['fused/absent'] == 2
    ignored = evaluate([item], modes=('fused', ), others='ignore',
                       per_class=True)
    assert ignored['fused/IoU.water'] == 100


def test_areas_beyond_float32():
    """mmseg's float32 histogram of one call stops at 2**24."""
    number = (1 << 24) + 4096
    pred = torch.zeros(number, dtype=torch.uint8)
    hit, union, _, shown = areas(pred, pred, 2)
    assert hit[0] == union[0] == shown[0] == number


def test_says_what_is_wrong():
    label = np.zeros((2, 2), int)
    with pytest.raises(DataError, match='no `pred_textual`: the model did'):
        evaluate([sample(label, visual=label)])
    with pytest.raises(DataError, match='classes of one name'):
        item = sample(label, (0, 1), fused=label)
        evaluate([dict(item, class_names=('a', ))], modes=('fused', ))
    with pytest.raises(ConfigError, match=r"\['lake'\] in `exclude`"):
        evaluate([sample(label, fused=label)], modes=('fused', ),
                 exclude=('lake', ))
    with pytest.raises(DataError, match='leave resizing out'):
        evaluate([sample(label, fused=np.zeros((4, 4), int))],
                 modes=('fused', ))
    for bad in (dict(modes='fused'), dict(modes=('both', )),
                dict(others='drop')):
        with pytest.raises(ConfigError):
            InContextMetric(**bad)
