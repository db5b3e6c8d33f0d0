# Copyright (c) mmeo contributors. All rights reserved.
"""AP of oriented and upright boxes against mmrotate, mmdet and polygons."""

import math

import numpy as np
import pytest
import torch
from mmdet.evaluation.functional import average_precision as mmdet_ap
from mmdet.evaluation.functional import mean_ap as mmdet_mean_ap

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation import RotatedAPMetric
from mmeo.evaluation.average_precision import average_precision
from mmeo.evaluation.box_types import to_box_type
from mmeo.evaluation.rotated_map import eval_rotated_map


class InProcess:
    """Stands for the pool that the siblings start: works in this process."""

    def Pool(self, nproc):  # noqa: N802
        return self

    def starmap(self, function, arguments):
        return [function(*args) for args in arguments]

    def close(self):
        pass


@pytest.fixture
def mmrotate_map(monkeypatch):
    from mmrotate.evaluation.functional import mean_ap
    monkeypatch.setattr(mean_ap, 'get_context', lambda _: InProcess())

    def evaluate(dets, anns, **kwargs):
        return mean_ap.eval_rbbox_map(dets, anns, logger='silent', **kwargs)
    return evaluate


def draw(n, rng, span=200):
    return np.concatenate((
        rng.uniform(0, span, (n, 2)), rng.uniform(12, 50, (n, 2)),
        rng.uniform(-1.5, 1.5, (n, 1))), axis=1).astype(np.float32)


def random_set(seed, images=6, classes=4, ties=False):
    """Detections and annotations as mmrotate takes them.

    Class 3 has no truth, image 1 no box at all, image 2 no detection, and in
    image 3 all boxes of class 0 are ignored.
    """
    rng = np.random.default_rng(seed)
    dets, anns = [], []
    for image in range(images):
        gts = draw(0 if image == 1 else 20, rng)
        labels = rng.integers(0, classes - 1, len(gts))
        ignored = rng.random(len(gts)) < 0.2
        if image == 3:
            ignored |= labels == 0
        picked = rng.integers(0, max(len(gts), 1), 60)
        boxes = draw(60, rng)
        near = (rng.random(60) < 0.7) & (len(gts) > 0)
        noise = rng.normal(0, 2, (60, 5)) * [1, 1, 1, 1, 0.02]
        boxes[near] = gts[picked[near]] + noise[near]
        boxes[::9] = boxes[1::9][:len(boxes[::9])]  # duplicates
        classes_of = np.where(near, labels[picked] if len(gts) else 0,
                              rng.integers(0, classes, 60))
        scores = rng.random((60, 1))
        if ties:
            scores = np.round(scores * 5) / 5
        rows = np.concatenate((boxes, scores), axis=1).astype(np.float32)
        if image == 2:
            rows, classes_of = rows[:0], classes_of[:0]
        dets.append([rows[classes_of == c] for c in range(classes)])
        anns.append(dict(
            bboxes=gts[~ignored], labels=labels[~ignored],
            bboxes_ignore=gts[ignored], labels_ignore=labels[ignored]))
    return dets, anns


def assert_equal_results(ours, theirs):
    assert ours[0] == pytest.approx(theirs[0], abs=1e-6)
    for a, b in zip(ours[1], theirs[1]):
        assert (a['num_gts'], a['num_dets']) == (b['num_gts'], b['num_dets'])
        for key in ('recall', 'precision', 'ap'):
            np.testing.assert_allclose(a[key], b[key], atol=1e-6)


@pytest.mark.parametrize('use_07_metric', [True, False])
@pytest.mark.parametrize('ties', [True, False])
@pytest.mark.parametrize('iou_thr', [0.1, 0.5, 0.75])
def test_equals_mmrotate(mmrotate_map, use_07_metric, ties, iou_thr):
    for seed in range(4):
        case = random_set(seed, ties=ties)
        options = dict(use_07_metric=use_07_metric, iou_thr=iou_thr)
        theirs = mmrotate_map(*case, **options)
        assert 0.05 < theirs[0] < 0.95
        assert_equal_results(eval_rotated_map(*case, **options), theirs)


def test_equals_mmrotate_on_quadrilaterals(mmrotate_map):
    dets, anns = random_set(0)
    dets = [[np.concatenate((to_box_type(d[:, :5], 'qbox'), d[:, 5:]), axis=1)
             for d in image] for image in dets]
    for ann in anns:
        for key in ('bboxes', 'bboxes_ignore'):
            ann[key] = to_box_type(ann[key], 'qbox')
    theirs = mmrotate_map(dets, anns, box_type='qbox')
    assert 0.05 < theirs[0] < 0.95
    assert_equal_results(eval_rotated_map(dets, anns, box_type='qbox'),
                         theirs)


def test_upright_boxes_equal_mmdet(monkeypatch):
    monkeypatch.setattr(mmdet_mean_ap, 'Pool', InProcess().Pool)
    dets, anns = random_set(1)
    dets = [[np.concatenate((to_box_type(d[:, :5], 'hbox'), d[:, 5:]), axis=1)
             for d in image] for image in dets]
    for ann in anns:
        for key in ('bboxes', 'bboxes_ignore'):
            ann[key] = to_box_type(ann[key], 'hbox')
    theirs = mmdet_mean_ap.eval_map(dets, anns, logger='silent')
    assert 0.05 < theirs[0] < 0.95
    ours = eval_rotated_map(dets, anns, use_07_metric=False, box_type='hbox',
                            keep_lone_ignored=True)
    assert_equal_results(ours, theirs)


def edge_case(name):
    """Few boxes, of which something is absent."""
    gt = np.array([[50, 50, 20, 10, 0.3]], np.float32)
    det = np.array([[50, 50, 20, 10, 0.3, 0.9]], np.float32)
    none, no_det = gt[:0], det[:0]
    gts, ignored, rows = dict(
        nothing=(none, none, no_det), no_truth=(none, none, det),
        no_detection=(gt, none, no_det), only_ignored=(none, gt, det),
        both=(gt, gt, det), twice=(gt, none, np.repeat(det, 3, 0)))[name]
    other = dict(bboxes=gt, labels=np.array([1]), bboxes_ignore=none,
                 labels_ignore=np.zeros(0, int))
    ann = dict(bboxes=gts, labels=np.zeros(len(gts), int),
               bboxes_ignore=ignored, labels_ignore=np.zeros(len(ignored),
                                                             int))
    return [[rows, no_det], [det, det]], [ann, other]


@pytest.mark.parametrize('name', ['nothing', 'no_truth', 'no_detection',
                                  'only_ignored', 'both', 'twice'])
def test_equals_mmrotate_at_edges(mmrotate_map, name):
    case = edge_case(name)
    assert_equal_results(eval_rotated_map(*case), mmrotate_map(*case))
    first = [case[0][:1], case[1][:1]]
    assert_equal_results(eval_rotated_map(*first), mmrotate_map(*first))


def test_ignored_boxes_of_an_image_without_others():
    dets, anns = edge_case('only_ignored')
    _, (ship, _) = eval_rotated_map(dets, anns)
    assert ship['precision'].tolist() == [0, 0]  # both false, as in mmrotate
    _, (ship, _) = eval_rotated_map(dets, anns, keep_lone_ignored=True)
    # one of them counts neither way: 0 of 0, then 0 of 1
    assert ship['num_dets'] == 2 and ship['ap'] == 0
    anns[1]['labels'] = np.array([0])
    _, (ship, _) = eval_rotated_map(dets, anns, keep_lone_ignored=True)
    assert ship['ap'] == pytest.approx(1)
    _, (ship, _) = eval_rotated_map(dets, anns)
    assert ship['ap'] < 1


def polygon(box):
    from shapely.affinity import rotate, translate
    from shapely.geometry import box as upright
    cx, cy, w, h, angle = map(float, box)
    shape = rotate(upright(-w / 2, -h / 2, w / 2, h / 2), angle,
                   use_radians=True)
    return translate(shape, cx, cy)


@pytest.mark.parametrize('seed', range(3))
def test_equals_loops_over_polygons(seed):
    """The whole definition again, one class, with shapely and loops."""
    dets, anns = random_set(seed, images=2, classes=2)
    truths = [polygon(b) for b in np.concatenate((
        anns[0]['bboxes'], anns[0]['bboxes_ignore']))]
    counted = len(anns[0]['bboxes'])
    rows = dets[0][0]
    hits, taken = [], set()
    for row in rows[np.argsort(-rows[:, 5])]:
        shape = polygon(row[:5])
        ious = [shape.intersection(t).area / shape.union(t).area
                for t in truths]
        best = int(np.argmax(ious))
        if ious[best] < 0.5:
            hits.append(False)
        elif best < counted:
            hits.append(best not in taken)
            taken.add(best)
    tp = np.cumsum(hits)
    recall, precision = tp / counted, tp / np.arange(1, len(hits) + 1)
    expected = np.mean([max(precision[recall >= t], default=0)
                        for t in np.arange(0, 1.001, 0.1)])
    ap = eval_rotated_map([[rows]], [anns[0]])[1][0]['ap']
    assert ap == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('seed', range(5))
def test_average_precision_equals_mmdet_and_coco(seed):
    rng = np.random.default_rng(seed)
    tp = np.cumsum(rng.random(50) < 0.6)
    recalls, precisions = tp / 60, tp / np.arange(1, 51)
    for mode in ('area', '11points'):
        assert average_precision(recalls, precisions, mode) == pytest.approx(
            mmdet_ap(recalls, precisions, mode), abs=1e-6)
    # 101 points by their definition
    points = [max(precisions[recalls >= t], default=0)
              for t in np.linspace(0, 1, 101)]
    assert average_precision(recalls, precisions, '101points') == (
        pytest.approx(np.mean(points), abs=1e-6))
    assert average_precision(recalls[:0], precisions[:0]) == 0
    with pytest.raises(ConfigError, match='eval_mode'):
        average_precision(recalls, precisions, 'median')


def samples_of(dets, anns, box_type='rbox'):
    """Data samples as a runner hands them to a metric."""
    def instances(boxes, labels):
        return dict(bboxes=torch.tensor(to_box_type(boxes, box_type)),
                    labels=torch.tensor(labels, dtype=torch.long))
    samples = []
    for number, (image, ann) in enumerate(zip(dets, anns)):
        rows = np.concatenate(image)
        labels = np.repeat(np.arange(len(image)), [len(c) for c in image])
        pred = instances(rows[:, :5], labels)
        pred['scores'] = torch.tensor(rows[:, 5])
        samples.append(dict(
            img_id=f'P{number}', pred_instances=pred,
            gt_instances=instances(ann['bboxes'], ann['labels']),
            ignored_instances=instances(ann['bboxes_ignore'],
                                        ann['labels_ignore'])))
    return samples


def evaluate(metric, samples, classes='abcd'):
    metric.dataset_meta = dict(classes=tuple(classes))
    for sample in samples:
        metric.process(None, [sample])
    return metric.evaluate(len(samples))


@pytest.mark.parametrize('mode', ['11points', 'area'])
def test_metric_equals_mmrotate(mmrotate_map, mode):
    dets, anns = random_set(2)
    metric = RotatedAPMetric(iou_thrs=[0.5, 0.75], eval_mode=mode)
    scores = evaluate(metric, samples_of(dets, anns))
    expected = [mmrotate_map(dets, anns, iou_thr=thr,
                             use_07_metric=mode == '11points')[0]
                for thr in (0.5, 0.75)]
    assert scores['dota/AP50'] == pytest.approx(expected[0], abs=1e-6)
    assert scores['dota/AP75'] == pytest.approx(expected[1], abs=1e-6)
    assert scores['dota/mAP'] == pytest.approx(np.mean(expected), abs=1e-6)


def test_coco_style_thresholds():
    case = random_set(2)
    scores = evaluate(RotatedAPMetric('coco', '101points'),
                      samples_of(*case))
    names = [f'dota/AP{thr}' for thr in range(50, 100, 5)]
    assert set(scores) == {'dota/mAP', *names}
    values = [scores[name] for name in names]
    assert values == sorted(values, reverse=True) and values[0] > values[-1]
    assert scores['dota/mAP'] == pytest.approx(np.mean(values))


@pytest.mark.parametrize('given', ['rbox', 'qbox'])
def test_boxes_are_converted_to_the_form_asked_for(given):
    dets, anns = random_set(3)
    for asked in ('rbox', 'qbox', 'hbox'):
        scores = evaluate(RotatedAPMetric(predict_box_type=asked),
                          samples_of(dets, anns, given))
        direct = [[np.concatenate((to_box_type(d[:, :5], asked), d[:, 5:]),
                                  axis=1) for d in image] for image in dets]
        truth = [dict(ann, bboxes=to_box_type(ann['bboxes'], asked),
                      bboxes_ignore=to_box_type(ann['bboxes_ignore'], asked))
                 for ann in anns]
        expected = eval_rotated_map(direct, truth, box_type=asked)[0]
        assert scores['dota/AP50'] == pytest.approx(expected, abs=2e-3)


def test_known_rankings():
    gts = np.array([[50, 50, 20, 10, 0.3], [90, 90, 20, 10, 0.0]])
    hit = np.column_stack((gts, [0.9, 0.8]))
    miss = np.array([[10, 10, 5, 5, 0, 0.85]])
    ann = [dict(bboxes=gts, labels=np.zeros(2, int))]

    def ap(*rows, **kwargs):
        return eval_rotated_map([[np.concatenate(rows)]], ann, **kwargs)[0]
    assert ap(hit) == pytest.approx(1)
    # hit, miss, hit: precision 1 up to recall .5, 2/3 up to 1
    assert ap(hit, miss) == pytest.approx((6 + 5 * 2 / 3) / 11)
    assert ap(hit, miss, use_07_metric=False) == pytest.approx(
        0.5 + 0.5 * 2 / 3)
    assert ap(hit[:0]) == 0
    turned = hit.copy()
    turned[:, 4] += math.pi / 2
    assert ap(turned) == 0


def test_boxes_without_area_or_number():
    dets, anns = random_set(4)
    expected = eval_rotated_map(dets, anns)[0]
    bad = np.array([[50, 50, 0, 10, 0, 0.01], [50, 50, 0, 0, 0, 0.01],
                    [math.nan, 50, 9, 9, 0, 0.01]], np.float32)
    samples = samples_of(
        [[np.concatenate((c, bad)) for c in image] for image in dets], anns)
    # last in the ranking and false: the curve before them is the same
    scores = evaluate(RotatedAPMetric(), samples)
    assert scores['dota/AP50'] == pytest.approx(expected, abs=1e-6)
    samples[0]['gt_instances']['bboxes'][0, 2] = math.nan
    with pytest.raises(DataError, match='P0'):
        evaluate(RotatedAPMetric(), samples)


def test_diverged_predictions_are_reported(monkeypatch):
    from mmengine.logging import MMLogger
    messages = []
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, 'warning', messages.append)
    samples = samples_of(*random_set(0))
    samples[0]['pred_instances']['bboxes'][:2] = math.nan
    samples[3]['pred_instances']['scores'][0] = math.nan
    evaluate(RotatedAPMetric(), samples)
    assert len(messages) == 1
    assert '3 predictions in 2 images' in messages[0] and 'P0' in messages[0]


def test_set_without_truths_says_so(monkeypatch):
    from mmengine.logging import MMLogger
    messages = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning',
                        messages.append)
    dets, anns = edge_case('no_truth')
    sample = samples_of(dets[:1], anns[:1])[0]
    del sample['gt_instances'], sample['ignored_instances']
    assert evaluate(RotatedAPMetric(), [sample], 'ab')['dota/mAP'] == 0
    assert 'format_only' in messages[0]


@pytest.mark.parametrize('options, named', [
    (dict(iou_thrs=[0]), 'iou_thrs'), (dict(iou_thrs='voc'), 'iou_thrs'),
    (dict(eval_mode='12points'), 'eval_mode'),
    (dict(predict_box_type='polygon'), 'rbox'),
    (dict(scale_ranges=[(0, 32)]), 'scale_ranges'),
    (dict(format_only=True), 'outfile_prefix'),
    (dict(ann_file='labelTxt'), 'merge_patches')])
def test_impossible_options(options, named):
    with pytest.raises(ConfigError, match=named):
        RotatedAPMetric(**options)


def test_no_process_is_started(monkeypatch):
    import multiprocessing
    monkeypatch.setattr(multiprocessing, 'get_context', None)
    monkeypatch.setattr(multiprocessing, 'Pool', None)
    assert evaluate(RotatedAPMetric(), samples_of(*random_set(0)))
