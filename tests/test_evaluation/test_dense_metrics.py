# Copyright (c) mmeo contributors. All rights reserved.
"""ChangeMetric and DiceMetric against references."""

import math

import pytest
import torch
from mmseg.evaluation import IoUMetric

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation import ChangeMetric, DiceMetric


def seg_samples(seed, classes=2, n=3, ignore=True):
    gen = torch.Generator().manual_seed(seed)
    out = []
    for _ in range(n):
        label = torch.randint(0, classes, (1, 9, 11), generator=gen)
        pred = torch.randint(0, classes, (1, 9, 11), generator=gen)
        if ignore:
            label[:, :2] = 255
        out.append(dict(pred_sem_seg=dict(data=pred),
                        gt_sem_seg=dict(data=label)))
    return out


def evaluate(metric, samples, classes=('unchanged', 'changed')):
    metric.dataset_meta = dict(classes=classes)
    for sample in samples:
        metric.process(None, [sample])
    return metric.evaluate(len(samples))


def test_change_equals_loops_and_mmseg():
    samples = seg_samples(0)
    ours = evaluate(ChangeMetric(), samples)
    tp = fp = fn = tn = 0
    for sample in samples:
        for p, t in zip(sample['pred_sem_seg']['data'].flatten().tolist(),
                        sample['gt_sem_seg']['data'].flatten().tolist()):
            if t != 255:
                tp += p and t
                fp += p and not t
                fn += t and not p
                tn += not p and not t
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    n = tp + fp + fn + tn
    chance = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / n**2
    expected = dict(
        precision=precision, recall=recall, IoU=tp / (tp + fp + fn),
        F1=2 * precision * recall / (precision + recall), OA=(tp + tn) / n,
        kappa=((tp + tn) / n - chance) / (1 - chance))
    for key, value in expected.items():
        assert ours[f'change/{key}'] == pytest.approx(100 * value)

    reference = IoUMetric(iou_metrics=['mFscore', 'mIoU'])
    reference.dataset_meta = dict(classes=('unchanged', 'changed'))
    areas = [reference.intersect_and_union(
        s['pred_sem_seg']['data'], s['gt_sem_seg']['data'], 2, 255)
        for s in samples]
    theirs = reference.total_area_to_metrics(
        *(sum(a) for a in zip(*areas)), ['mFscore', 'mIoU'])
    assert ours['change/F1'] == pytest.approx(100 * theirs['Fscore'][1],
                                              abs=1e-4)
    assert ours['change/IoU'] == pytest.approx(100 * theirs['IoU'][1],
                                               abs=1e-4)


def test_change_edges():
    empty = dict(pred_sem_seg=dict(data=torch.zeros(1, 4, 4)),
                 gt_sem_seg=dict(data=torch.zeros(1, 4, 4)))
    scores = evaluate(ChangeMetric(), [empty])
    assert math.isnan(scores['change/F1']) and scores['change/OA'] == 100
    missed = dict(pred_sem_seg=dict(data=torch.zeros(1, 4, 4)),
                  gt_sem_seg=dict(data=torch.ones(1, 4, 4)))
    scores = evaluate(ChangeMetric(), [missed])
    assert scores['change/F1'] == 0 and scores['change/recall'] == 0
    with pytest.raises(DataError, match='range from 0 to 2'):
        evaluate(ChangeMetric(), [dict(
            pred_sem_seg=dict(data=torch.zeros(1, 1, 2)),
            gt_sem_seg=dict(data=torch.tensor([[[0, 2]]])))])
    with pytest.raises(DataError, match='LoadGeoAnnotations'):
        evaluate(ChangeMetric(), [dict(pred_sem_seg=dict(data=0))])


def test_dice_equals_mmseg_over_the_dataset():
    samples = seg_samples(1, classes=4)
    names = ('a', 'b', 'c', 'd')
    ours = evaluate(DiceMetric(), samples, names)
    reference = IoUMetric(iou_metrics=['mDice'])
    areas = [reference.intersect_and_union(
        s['pred_sem_seg']['data'], s['gt_sem_seg']['data'], 4, 255)
        for s in samples]
    theirs = 100 * reference.total_area_to_metrics(
        *(sum(a) for a in zip(*areas)), ['mDice'])['Dice']
    for name, value in zip(names, theirs):
        assert ours[f'Dice.{name}'] == pytest.approx(value, abs=1e-4)
    assert ours['mDice'] == pytest.approx(theirs.mean(), abs=1e-4)


def test_dice_per_image_skips_images_without_the_class():
    def sample(pred, label):
        return dict(pred_sem_seg=dict(data=torch.tensor([[pred]])),
                    gt_sem_seg=dict(data=torch.tensor([[label]])))
    samples = [sample([1, 1, 0, 0], [1, 0, 0, 0]),   # Dice of 1: 2/3
               sample([0, 0, 0, 0], [0, 0, 0, 0]),   # class 1 absent
               sample([0, 0, 0, 1], [0, 0, 1, 1])]   # 2/3
    scores = evaluate(DiceMetric('image', ignore_classes=[0]), samples,
                      ('background', 'organ'))
    assert scores == dict(mDice=pytest.approx(200 / 3), **{
        'Dice.organ': pytest.approx(200 / 3)})
    with pytest.raises(ConfigError, match='average'):
        DiceMetric('pixel')
