# Copyright (c) mmeo contributors. All rights reserved.
"""ChangeMetric, DiceMetric and RotatedAPMetric against references."""

import math

import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation import ChangeMetric, DiceMetric, RotatedAPMetric
from mmeo.evaluation.metrics.rotated_ap_metric import match, rotated_ap


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


def boxes(n, rng, noise=0.0, base=None):
    if base is None:
        base = np.concatenate((rng.uniform(0, 200, (n, 2)), rng.uniform(
            15, 40, (n, 2)), rng.uniform(-1.5, 1.5, (n, 1))), axis=1)
    return (base + rng.normal(0, noise, base.shape) * [1, 1, 1, 1, 0.02])


def random_case(seed):
    rng = np.random.default_rng(seed)
    gts, ignored = boxes(12, rng), boxes(3, rng)
    dets = np.concatenate((boxes(12, rng, 3.0, gts),
                           boxes(12, rng, 6.0, gts), boxes(10, rng),
                           boxes(3, rng, 1.0, ignored)))
    scores = rng.permutation(len(dets))[:, None] / len(dets)
    return (np.concatenate((dets, scores), axis=1).astype(np.float32),
            gts.astype(np.float32), ignored.astype(np.float32))


@pytest.mark.parametrize('seed', range(4))
def test_matching_equals_loops_over_polygons(seed):
    dets, gts, ignored = random_case(seed)
    tp, fp = match(dets, gts, ignored, 0.5)
    assert 0 < tp.sum() < len(tp) and not (tp & fp).any()
    order = np.argsort(-dets[:, 5], kind='stable')
    loop_tp, loop_fp = _reference_match(dets[order, :5], gts, ignored)
    np.testing.assert_array_equal(tp[order], loop_tp)
    np.testing.assert_array_equal(fp[order], loop_fp)


def _reference_match(ranked, gts, ignored):
    """VOC matching by loops, with polygon IoU from shapely."""
    from shapely.affinity import rotate, translate
    from shapely.geometry import box

    def polygon(b):
        cx, cy, w, h, angle = map(float, b)
        shape = rotate(box(-w / 2, -h / 2, w / 2, h / 2), angle,
                       use_radians=True)
        return translate(shape, cx, cy)

    truths = [polygon(b) for b in np.concatenate((gts, ignored))]
    tp, fp, taken = [], [], set()
    for det in map(polygon, ranked):
        ious = [det.intersection(t).area / det.union(t).area for t in truths]
        best = int(np.argmax(ious))
        hit = ious[best] >= 0.5
        is_ignored = best >= len(gts)
        tp.append(hit and not is_ignored and best not in taken)
        fp.append(not hit or (not is_ignored and best in taken))
        if tp[-1]:
            taken.add(best)
    return np.array(tp), np.array(fp)


def test_ap_of_known_rankings():
    gts = np.array([[50, 50, 20, 10, 0.3], [90, 90, 20, 10, 0.0]])
    hit = np.column_stack((gts, [0.9, 0.8]))
    miss = np.array([[10, 10, 5, 5, 0, 0.85]])
    none = np.zeros((0, 5))
    assert rotated_ap([hit], [gts], [none])['ap'] == pytest.approx(1)
    # hit, miss, hit: precision 1 up to recall .5, 2/3 up to 1
    mixed = rotated_ap([np.concatenate((hit, miss))], [gts], [none])
    assert mixed['ap'] == pytest.approx((6 + 5 * 2 / 3) / 11)
    area = rotated_ap([np.concatenate((hit, miss))], [gts], [none],
                      mode='area')
    assert area['ap'] == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert rotated_ap([np.zeros((0, 6))], [gts], [none])['ap'] == 0
    turned = hit.copy()
    turned[:, 4] += np.pi / 2
    assert rotated_ap([turned], [gts], [none])['ap'] == 0


def test_metric_over_samples_with_empty_images():
    dets, gts, ignored = random_case(0)

    def sample(name, n):
        return dict(
            img_id=name,
            gt_instances=dict(bboxes=torch.tensor(gts[:n]),
                              labels=torch.zeros(n, dtype=torch.long)),
            ignored_instances=dict(
                bboxes=torch.zeros(0, 5),
                labels=torch.zeros(0, dtype=torch.long)),
            pred_instances=dict(
                bboxes=torch.tensor(gts[:n]), scores=torch.ones(n),
                labels=torch.zeros(n, dtype=torch.long)))

    scores = evaluate(RotatedAPMetric(iou_thrs=[0.5, 0.75]),
                      [sample('a', 5), sample('b', 0)], ('ship', 'plane'))
    assert scores == {'dota/mAP': 1, 'dota/AP50': 1, 'dota/AP75': 1}
    with pytest.raises(ConfigError, match='mmrotate.DOTAMetric'):
        RotatedAPMetric(predict_box_type='qbox')


def test_no_process_is_started(monkeypatch):
    import multiprocessing
    monkeypatch.setattr(multiprocessing, 'get_context', None)
    test_metric_over_samples_with_empty_images()
