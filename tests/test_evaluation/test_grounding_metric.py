# Copyright (c) mmeo contributors. All rights reserved.
"""Boxes in words against true boxes."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou as torchvision_iou

import mmeo
from mmeo.codecs import encode_boxes
from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.box_iou import box_iou, match_greedily


def draw_boxes(rng, num, size=100.):
    corners = rng.uniform(0, size, (num, 2, 2))
    return np.concatenate([corners.min(1), corners.max(1)], 1)


def make_record(answer, *boxes, size=(100, 100), **annotation):
    return AnswerRecord('x.jsonl:1', '[VG] the ship', answer, task='VG',
                        sizes=[size],
                        annotation=dict(boxes=[*boxes], **annotation))


def score(records, **kwargs):
    return mmeo.build('GroundingMetric', **kwargs).score(records)


def test_iou_equals_torchvision_and_coco():
    pytest.importorskip('faster_coco_eval')
    from faster_coco_eval.core import mask
    rng = np.random.default_rng(0)
    first, second = draw_boxes(rng, 40), draw_boxes(rng, 30)
    ours = box_iou(first, second)
    np.testing.assert_allclose(ours, torchvision_iou(
        torch.tensor(first), torch.tensor(second)), atol=1e-12)
    wide = [np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], 1)
            for b in (first, second)]
    np.testing.assert_allclose(
        ours, mask.iou(*wide, [0] * 30), atol=1e-12)


def test_iou_of_nothing_and_of_points():
    assert box_iou(np.empty((0, 4)), np.ones((2, 4))).shape == (0, 2)
    point = [[3, 3, 3, 3]]
    assert box_iou(point, point) == 0 and box_iou(point, point, 1) == 1


@pytest.mark.parametrize('answer, truth, plain, plus_one', [
    ('[0, 0, 4, 4]', [2, 0, 6, 4], 1 / 3, 3 / 7),
    ('[0, 0, 2, 2]', [1, 1, 3, 3], 1 / 7, 2 / 7),
])
@pytest.mark.parametrize('side', [100, 512])
def test_plus_one_inflates_small_boxes(answer, truth, plain, plus_one, side):
    """0.333 becomes 0.429, 0.143 becomes 0.286."""
    truth = [side / 100 * value for value in truth]
    record = make_record(answer, truth, size=(side, side))
    assert score([record])['mean_iou'] == pytest.approx(100 * plain)
    found = score([record], legacy='plus_one_100')
    assert found['plus_one_100/mean_iou'] == pytest.approx(100 * plus_one)
    assert not {'mean_iou', 'acc@0.5'} & set(found)


def test_plus_one_on_unit_boxes_says_yes_to_everything():
    record = make_record('[0, 0, 5, 5]', [90, 90, 99, 99])
    assert score([record])['acc@0.5'] == 0
    found = score([record], legacy='plus_one_unit')
    assert found['plus_one_unit/mean_iou'] > 0  # nine tenths apart
    near = make_record('[40, 40, 45, 45]', [50, 50, 59, 59])
    assert score([near])['mean_iou'] == 0
    assert score([near], legacy='plus_one_unit')[
        'plus_one_unit/acc@0.5'] == 100


def test_legacy_ways_equal_their_formula():
    """Against the textbook loop of those scripts."""

    def loop(a, b):
        w = min(a[2], b[2]) - max(a[0], b[0]) + 1
        h = min(a[3], b[3]) - max(a[1], b[1]) + 1
        inter = max(w, 0) * max(h, 0)
        areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
        return inter / (sum(areas) - inter)

    rng = np.random.default_rng(1)
    truths, said = draw_boxes(rng, 50, 512), rng.integers(0, 50, (50, 4))
    said[:, 2:] += 50
    records = [make_record(str(list(map(int, s))), list(t), size=(512, 512))
               for s, t in zip(said, truths)]
    for legacy, unit, cut in (('plus_one_100', 100, np.trunc),
                              ('plus_one_unit', 1, np.array),
                              ('plus_one_pixel', 512, np.array)):
        expected = np.mean([loop(s / 100 * unit, cut(t / 512 * unit))
                            for s, t in zip(said, truths)])
        found = score(records, legacy=legacy)[f'{legacy}/mean_iou']
        assert found == pytest.approx(100 * expected, rel=1e-9)


def test_threshold_belongs_to_the_hits():
    record = make_record('[0, 0, 10, 5]', [0, 0, 10, 10])  # exactly 0.5
    assert score([record])['acc@0.5'] == 100
    assert score([record], inclusive=False)['acc@0.5'] == 0
    assert score([record], thresholds=(0.25, 0.6)) == {
        'empty': 0, 'unfinished': 0,
        'acc@0.25': 100, 'acc@0.6': 0, 'mean_iou': 50, 'questions': 1,
        'no_box': 0, 'several_boxes': 0, 'repaired': 0}


def test_coordinates_are_those_of_the_original_image():
    """Height and width apart, at the resolution of the text."""
    truth = [100., 30., 700., 90.]
    text = encode_boxes([truth], (100, 1000), dialect='rsunivlm')
    assert text == '[10, 30, 70, 90]'
    found = score([make_record(text, truth, size=(100, 1000))])
    assert found['mean_iou'] == pytest.approx(100)
    found = score([make_record('[100, 300, 700, 900]', truth,
                               size=(100, 1000))], box_scale=1000)
    assert found['mean_iou'] == pytest.approx(100)


@pytest.mark.parametrize('answer', [
    '', 'There is no ship.', '[1, 2, 3]', 'ship ' * 500, '[[[', '[, , , ]',
    '[nan, nan, nan, nan]', '[1e999, 2, 3, 4]',
    '[-5, 99999999999999999999, 3, 7]'])
def test_failures_are_wrong_and_never_raise(answer):
    good = make_record('[10, 10, 20, 20]', [10, 10, 20, 20])
    found = score([good, make_record(answer, [10, 10, 20, 20])])
    assert found['acc@0.5'] == 50 and found['questions'] == 2


def test_answers_without_a_box_are_counted():
    found = score([make_record(answer, [10, 10, 20, 20]) for answer in (
        'none', '[10, 10, 20, 20]', '[20, 20, 10, 10]', '')])
    assert found['no_box'] == 2 and found['repaired'] == 1
    assert found['acc@0.7'] == 50


def test_which_of_several_boxes_counts():
    record = make_record('[50, 50, 60, 60] [10, 10, 20, 20]',
                         [10, 10, 20, 20])
    found = {select: score([record], select=select)['acc@0.5']
             for select in ('first', 'best', 'only')}
    assert found == dict(first=0, best=100, only=0)
    alone = make_record('[10, 10, 20, 20]', [10, 10, 20, 20])
    assert score([alone], select='only')['acc@0.5'] == 100


def test_unique_objects_apart():
    right, wrong = '[10, 10, 20, 20]', '[60, 60, 70, 70]'
    records = [make_record(answer, [10, 10, 20, 20], **extra)
               for answer, extra in (
                   (right, dict(unique=True)), (wrong, dict(unique=False)),
                   (right, dict(unique=False)), (wrong, {}))]
    found = score(records)
    assert found['acc@0.5'] == 50 and found['unique/acc@0.5'] == 100
    assert found['non_unique/acc@0.5'] == 50
    assert 'unique/acc@0.5' not in score(records[3:])


def test_all_objects_of_a_question():
    """Two of three found, one box too many, one answer without any."""
    truth = [[0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]]
    records = [
        make_record('[0, 0, 10, 10] [20, 20, 30, 30] [80, 80, 90, 90] '
                    '[0, 0, 10, 9]', *truth),
        make_record('nothing', [5, 5, 9, 9])]
    found = score(records, multi=True, thresholds=(0.5, ))
    assert found['precision@0.5'] == 50  # 2 of 4
    assert found['recall@0.5'] == 50  # 2 of 4
    assert found['f1@0.5'] == 50 and 'acc@0.5' not in found


def test_greedy_matching_is_one_to_one():
    ious = np.array([[0.9, 0.8], [0.7, 0.1], [0., 0.]])
    assert match_greedily(ious).tolist() == [0.9, 0.1]
    assert match_greedily(np.empty((0, 3))).size == 0
    assert ious[0, 0] == 0.9  # the argument stays as it is


def test_tasks_and_prefix_in_a_whole_evaluation():
    from mmeo.evaluation.answer_scores import score_records
    record = make_record('[10, 10, 20, 20]', [10, 10, 20, 20])
    other = AnswerRecord('x:2', '[VQA] why', 'yes', task='VQA')
    metrics = [mmeo.build('GroundingMetric', tasks=['VG']),
               mmeo.build('GroundingMetric', tasks=['VG'],
                          legacy='plus_one_100')]
    found = score_records(metrics, [record, other])
    assert found['grounding/acc@0.5'] == 100
    assert found['grounding/plus_one_100/questions'] == 1
    with pytest.raises(ConfigError, match='two metrics give a score'):
        score_records(metrics[:1] * 2, [record])


@pytest.mark.parametrize('boxes, what', [
    (None, r'convert the set with --truth'), ([], 'must be'),
    ([1, 2, 3, 4], 'must be'), ([[4, 4, 1, 1]], 'must be'),
    ([['a', 2, 3, 4]], 'must be'), ([[1, 2, 3, float('nan')]], 'must be'),
    ([[0, 0, 1, 1], [2, 2, 3, 3]], r'2 boxes.*multi=True')])
def test_bad_truth_names_its_record(boxes, what):
    record = make_record('[1, 2, 3, 4]')
    record.annotation['boxes'] = boxes
    with pytest.raises(DataError, match=rf'x\.jsonl:1.*{what}'):
        score([record])


def test_bad_options_are_refused():
    for kwargs in (dict(legacy='plus_two'), dict(select='last'),
                   dict(thresholds=()), dict(thresholds=(50, ))):
        with pytest.raises(ConfigError, match='GroundingMetric: '):
            mmeo.build('GroundingMetric', **kwargs)
