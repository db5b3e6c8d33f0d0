# Copyright (c) mmeo contributors. All rights reserved.
"""Segmentation from answers: meaning of every rule, parity with mmseg."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric
from PIL import Image

from mmeo.codecs import decode_mask, encode_mask, from_grid, to_grid
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.evaluation.answers import AnswerRecord, read_answers
from mmeo.registry import METRICS

CLASSES = ('road', 'building', 'water')
GRID = 6


def _metric(root: Path, **kwargs: Any) -> Any:
    return METRICS.build(dict(type='MaskTextMetric', label_root=str(root),
                              grid=GRID, **kwargs))


def _truth(seed: int = 0, shape: tuple[int, int] = (40, 52)) -> np.ndarray:
    """Blobs of the classes 0 to 2 and of 3, 'no class'; some 255."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 4, (5, 4)).astype(np.uint8)
    truth = np.array(Image.fromarray(coarse).resize(shape[::-1], 0))
    truth[:2, :9] = 255
    return truth


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def save(label: np.ndarray, name: str = 'a.png') -> str:
        Image.fromarray(label).save(tmp_path / name)
        return name

    return save


def _record(mask: str, answer: str, name: Optional[str] = 'road',
            classes: Sequence[str] = CLASSES, shift: int = 0,
            **annotation: Any) -> AnswerRecord:
    truth = dict(id='x', mask=mask, image_id=mask, classes=list(classes),
                 change=False)
    if name is not None:
        truth.update(class_name=name, class_index=classes.index(name) + shift)
    return AnswerRecord(source=f'{mask}:{name}:{annotation}', question='q',
                        answer=answer, task='SEG',
                        annotation={**truth, **annotation})


def _spell(cells: np.ndarray, index: int, name: str) -> str:
    return encode_mask((cells == index).astype(int), ['others', name])


def _perfect(mask: str, truth: np.ndarray, **annotation: Any
             ) -> list[AnswerRecord]:
    cells = to_grid(truth, GRID)
    return [_record(mask, _spell(cells, i, name), name, **annotation)
            for i, name in enumerate(CLASSES)]


def _scored(record: AnswerRecord, logprob: float) -> AnswerRecord:
    """One token a run, all of one log-probability."""
    pieces = []
    for line in record.answer.splitlines(keepends=True):
        pieces += [part for part in line.replace(', ', ',| ').split('|')]
    assert ''.join(pieces) == record.answer
    record.pieces, record.logprobs = pieces, [logprob] * len(pieces)
    return record


def _mmseg(pred: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    areas = IoUMetric.intersect_and_union(
        torch.tensor(pred.astype(int)), torch.tensor(truth.astype(int)),
        classes, 255)
    return np.asarray(IoUMetric.total_area_to_metrics(*areas)['IoU'])


def test_perfect_answers_reach_the_oracle_and_mmseg(
        tmp_path: Path, write: Callable) -> None:
    truths = {f'{i}.png': _truth(i) for i in range(3)}
    records, maps = [], []
    for name, truth in truths.items():
        write(truth, name)
        records += _perfect(name, truth)
        # What a reader of the text alone would draw, class after class.
        drawn = np.full((GRID, GRID), 3)
        for i, record in enumerate(records[-3:]):
            text = decode_mask(record.answer, ['others', CLASSES[i]], GRID)
            drawn[text.mask == 1] = i
        maps.append(from_grid(drawn, truth.shape))
    scores = _metric(tmp_path, label_values=dict(zip(CLASSES, range(3))),
                     ignore=(255, 3)).score(records)
    for name in ('mIoU', *(f'IoU.{c}' for c in CLASSES)):
        oracle = name.replace('mIoU', 'oracle_mIoU').replace('IoU.',
                                                             'oracle.')
        assert scores[name] == scores[oracle] < 100
    pred = np.concatenate([m.ravel() for m in maps])
    truth = np.concatenate([t.ravel() for t in truths.values()])
    truth = np.where(truth == 3, 255, truth)
    expected = 100 * _mmseg(pred, truth, 3)
    found = [scores[f'IoU.{c}'] for c in CLASSES]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert scores['mIoU'] == pytest.approx(expected.mean(), rel=1e-5)
    assert scores['questions'] == 9 and scores['images'] == 3
    assert not any(scores[k] for k in ('invalid', 'repaired', 'not_asked',
                                       'merged_by_order'))


def test_a_label_as_coarse_as_the_grid_scores_100(
        tmp_path: Path, write: Callable) -> None:
    truth = np.arange(36, dtype=np.uint8).reshape(6, 6) % 3
    write(truth.repeat(7, 0).repeat(5, 1))
    scores = _metric(tmp_path).score(_perfect('a.png', truth))
    assert scores['mIoU'] == scores['oracle_mIoU'] == scores['aAcc'] == 100


def test_background_takes_what_nobody_claims(
        tmp_path: Path, write: Callable) -> None:
    classes = ('clutter', 'road')
    truth = np.zeros((12, 12), np.uint8)
    truth[:, 6:] = 1
    write(truth)
    right = _record('a.png', _spell(to_grid(truth, GRID), 1, 'road'), 'road',
                    classes)
    for unclaimed, road, clutter, accuracy in (
            ('clutter', 100, 100, 100), ('wrong', 100, 0, 50),
            ('ignored', 100, float('nan'), 100)):
        scores = _metric(tmp_path, unclaimed=unclaimed).score([right])
        assert scores['IoU.road'] == road and scores['aAcc'] == accuracy
        np.testing.assert_equal(scores['IoU.clutter'], clutter)
        assert scores['unclaimed'] == 50
        assert scores['not_asked'] == (unclaimed != 'clutter')
    with pytest.raises(ConfigError, match='sky'):
        _metric(tmp_path, unclaimed='sky').score([right])


def test_the_likelier_answer_gets_the_cell(
        tmp_path: Path, write: Callable) -> None:
    write(np.zeros((12, 12), np.uint8))  # all road
    both = [_record('a.png', _spell(np.zeros((6, 6)), 0, name), name)
            for name in ('road', 'building')]
    by_order = _metric(tmp_path).score(both)
    assert by_order['IoU.road'] == 100 and by_order['merged_by_order'] == 1
    for sure, expected in ((-0.1, 100), (-0.9, 0)):
        _scored(both[0], sure)
        _scored(both[1], -0.5)
        scores = _metric(tmp_path, overlap='probability').score(both)
        assert scores['IoU.road'] == expected
        assert scores['merged_by_order'] == 0
        assert _metric(tmp_path).score(both)['IoU.road'] == expected
        order = _metric(tmp_path, overlap='order',
                        priority=('building', 'road', 'water'))
        assert order.score(both)['IoU.road'] == 0
    both[0].pieces = both[0].logprobs = None
    with pytest.raises(ConfigError, match='answer_scores=True'):
        _metric(tmp_path, overlap='probability').score(both)


def test_an_empty_mask_needs_no_scores(
        tmp_path: Path, write: Callable) -> None:
    write(np.zeros((12, 12), np.uint8))
    records = [_scored(_record('a.png', _spell(np.zeros((6, 6)), 0, 'road')),
                       -0.1),
               _record('a.png', _spell(np.ones((6, 6)), 0, 'water'), 'water')]
    scores = _metric(tmp_path, overlap='probability').score(records)
    assert scores['IoU.road'] == 100


def test_malformed_answers_are_counted_and_claim_what_can_be_read(
        tmp_path: Path, write: Callable) -> None:
    write(np.zeros((12, 12), np.uint8))
    texts = ['', 'I see a road.', 'road*6\nroad*x', 'lorry*6', 'road*-1',
             '\n'.join(['road*99'] * 9), '<seg>', 'road * 6\n' * 6]
    records = [_record('a.png', text, image_id=str(i))
               for i, text in enumerate(texts)]
    records[5].finished = False
    scores = _metric(tmp_path).score(records)
    assert scores['questions'] == 8 and scores['unfinished'] == 1
    assert scores['empty'] == 1
    assert scores['invalid'] >= 2
    assert scores['repaired'] >= 3
    assert scores['unknown_labels'] == 1 and scores['truncated'] >= 1
    # Two whole pictures of road, and one row (or two) of the third.
    assert 100 * 2 / 8 < scores['IoU.road'] < 100 * 3 / 8


def test_answers_about_all_classes_at_once(
        tmp_path: Path, write: Callable) -> None:
    truth = np.arange(36, dtype=np.uint8).reshape(6, 6) % 3
    write(truth.repeat(4, 0).repeat(4, 1))
    answer = encode_mask(truth + 1, ['others', *CLASSES])
    record = _record('a.png', answer, None)
    values = {name: i for i, name in enumerate(CLASSES)}
    assert _metric(tmp_path, label_values=values).score(
        [record])['mIoU'] == 100
    with pytest.raises(ConfigError, match='label_values'):
        _metric(tmp_path).score([record])  # they could count from 1
    named = ('others', *CLASSES)
    write((truth + 1).repeat(4, 0).repeat(4, 1))
    record = _record('a.png', answer, None, named)
    values = {name: i for i, name in enumerate(named)}
    assert _metric(tmp_path, label_values=values).score(
        [record])['mIoU'] == 100


def test_tiles_are_stitched_or_scored_as_they_are(
        tmp_path: Path, write: Callable) -> None:
    truth = np.zeros((12, 18), np.uint8)
    write(truth)
    full = _spell(np.zeros((6, 6)), 0, 'road')
    half = '\n'.join(['road*3, others*3'] * 6)
    records = [_record('a.png', full, tile=[0, 0, 12, 12]),
               _record('a.png', half, tile=[6, 0, 12, 12])]
    # Up to column 9 the first tile decides; the second knows road up to 12.
    stitched = _metric(tmp_path).score(records)
    assert stitched['IoU.road'] == pytest.approx(100 * 12 / 18)
    assert stitched['images'] == 1 and stitched['pictures'] == 2
    alone = _metric(tmp_path, stitch=False).score(records)
    assert alone['IoU.road'] == pytest.approx(100 * 18 / 24)
    part = _metric(tmp_path).score(records[:1])
    assert part['uncovered_pixels'] == 12 * 6 and part['IoU.road'] == 100
    with pytest.raises(DataError, match='leaves the label'):
        _metric(tmp_path).score(
            [_record('a.png', full, tile=[10, 0, 12, 12])])


def test_present_only_inflates_and_says_so(
        tmp_path: Path, write: Callable) -> None:
    write(np.zeros((12, 12), np.uint8))
    records = [_record('a.png', '\n'.join(['road*3, others*3'] * 6), 'road'),
               _record('a.png', '\n'.join(['others*3, water*3'] * 6),
                       'water')]
    honest = _metric(tmp_path).score(records)
    metric = _metric(tmp_path, present_only=True)
    inflated = metric.score(records)
    assert honest['mIoU'] == 25 and inflated['mIoU'] == 50
    assert any('inflated' in note for note in metric.notes)


def test_labels_that_count_from_one(tmp_path: Path, write: Callable) -> None:
    truth = np.arange(36, dtype=np.uint8).reshape(6, 6) % 4
    write(truth.repeat(4, 0).repeat(4, 1))
    records = [_record('a.png', _spell(truth, i + 1, name), name, shift=1)
               for i, name in enumerate(CLASSES)]
    assert _metric(tmp_path, ignore=(0, )).score(records)['mIoU'] == 100
    with pytest.raises(DataError, match=r'values \[0\].*`ignore`'):
        _metric(tmp_path).score(records)


@pytest.mark.parametrize('change, message', [
    (dict(mask='nowhere.png'), 'nowhere.png'),
    (dict(mask=''), 'no mask'),
    (dict(class_name='sky'), 'sky'),
    (dict(image_id=None), '--truth'),
    (dict(classes=['road', 'building']), 'one data set'),
])
def test_broken_truth_is_named(tmp_path: Path, write: Callable, change: dict,
                               message: str) -> None:
    write(np.zeros((12, 12), np.uint8))
    records = _perfect('a.png', np.zeros((12, 12), np.uint8))
    records[0].annotation.update(change)
    with pytest.raises((DataError, MissingDataError), match=message):
        _metric(tmp_path).score(records)


def test_labels_are_looked_for_before_the_first_answer(
        tmp_path: Path) -> None:
    _metric(tmp_path).check()
    with pytest.raises(MissingDataError, match='nowhere'):
        _metric(tmp_path / 'nowhere').check()


def test_records_of_a_file_score_the_same(
        tmp_path: Path, write: Callable) -> None:
    truth = _truth(3)
    truth[truth == 3] = 255
    write(truth)
    records = [_scored(record, -0.2)
               for record in _perfect('a.png', truth)]
    path = tmp_path / 'answers.jsonl'
    path.write_text(''.join(record.to_line() for record in records))
    again = list(read_answers(path))
    assert (_metric(tmp_path).score(again)
            == _metric(tmp_path).score(records))


def test_real_loveda_label(real_sample: Callable, tmp_path: Path) -> None:
    """On a real label the grid costs thin objects more than fields."""
    folder = real_sample('semseg/loveda')
    label = next(path for path in sorted(folder.rglob('*.png'))
                 if np.asarray(Image.open(path)).ndim == 2)
    names = ('background', 'building', 'road', 'water', 'barren', 'forest',
             'agriculture')
    truth = np.asarray(Image.open(label))
    cells = to_grid(truth, 24)
    records = [_record(str(label), _spell(cells, i + 1, name), name, names,
                       shift=1) for i, name in enumerate(names)]
    metric = METRICS.build(dict(type='MaskTextMetric', label_root='',
                                ignore=(0, )))
    scores = metric.score(records)
    assert scores['mIoU'] == scores['oracle_mIoU']
    assert 20 < scores['oracle_mIoU'] < 100
