# Copyright (c) mmeo contributors. All rights reserved.
"""Change detection from answers, against ChangeMetric and mmseg."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample
from PIL import Image

from mmeo.codecs import encode_mask, from_grid, to_grid
from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.registry import METRICS

GRID = 8


def _metric(root: Path, **kwargs: Any) -> Any:
    return METRICS.build(dict(type='ChangeTextMetric', label_root=str(root),
                              grid=GRID, **kwargs))


def _record(image: str, cells: np.ndarray, name: str = 'building',
            value: int = 255, classes: Optional[list[str]] = None,
            **annotation: Any) -> AnswerRecord:
    truth = dict(id=image, mask=image, image_id=image, class_name=name,
                 class_index=value, classes=classes or ['unchanged', name],
                 change=True)
    return AnswerRecord(
        source=f'{image}:{name}', question='q', task='SEG',
        answer=encode_mask(cells.astype(int), ['others', name]),
        annotation={**truth, **annotation})


def _write(root: Path, name: str, label: np.ndarray) -> None:
    Image.fromarray(label).save(root / name)


def _blob(seed: int, share: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((GRID, GRID)) < share


def test_equals_change_metric(tmp_path: Path) -> None:
    """WHU-CD: masks of 0 and 255, one class."""
    records, samples = [], []
    for i, share in enumerate((0.3, 0.1, 0.0)):
        truth = from_grid(_blob(i, share), (30, 44))
        cells = _blob(i + 10, 0.3)
        _write(tmp_path, f'{i}.png', truth.astype(np.uint8) * 255)
        records.append(_record(f'{i}.png', cells))
        pred = from_grid(cells.astype(int), truth.shape)
        samples.append(SegDataSample(
            pred_sem_seg=PixelData(data=torch.tensor(pred)[None]),
            gt_sem_seg=PixelData(data=torch.tensor(truth.astype(int))[None])
        ).to_dict())
    scores = _metric(tmp_path).score(records)
    other = METRICS.build(dict(type='ChangeMetric'))
    other.process(None, samples)
    expected = other.compute_metrics(other.results)
    assert {name: scores[name] for name in expected} == expected
    assert 0 < scores['F1'] < 100 and scores['images'] == 3


def test_three_classes_of_levir_mci(tmp_path: Path) -> None:
    """mIoU with the unchanged class is mmseg's; labels are 0, 128, 255."""
    values = np.array([0, 128, 255], np.uint8)
    records, preds, truths = [], [], []
    names = ['unchanged', 'road', 'building']
    for i in range(3):
        rng = np.random.default_rng(i)
        ids = rng.choice(3, (GRID, GRID), p=(0.6, 0.2, 0.2))
        truth = from_grid(ids, (32, 32))
        said = np.where(rng.random(ids.shape) < 0.7, ids, 0)
        rgb = values[truth][..., None].repeat(3, 2)  # saved as three bands
        _write(tmp_path, f'{i}.png', rgb)
        for index, name in enumerate(names[1:], 1):
            records.append(_record(f'{i}.png', said == index, name,
                                   int(values[index]), names))
        preds.append(from_grid(said, truth.shape).ravel())
        truths.append(truth.ravel())
    scores = _metric(tmp_path).score(records)
    areas = IoUMetric.intersect_and_union(
        torch.tensor(np.concatenate(preds)),
        torch.tensor(np.concatenate(truths)), 3, 255)
    expected = 100 * np.asarray(
        IoUMetric.total_area_to_metrics(*areas)['IoU'])
    found = [scores[f'IoU.{name}'] for name in names]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert scores['mIoU'] == pytest.approx(expected.mean(), rel=1e-5)
    assert scores['oracle_mIoU'] == scores['oracle_F1'] == 100
    # A road taken for a building is change all the same.
    swapped = [_record(f'{i}.png', np.zeros((GRID, GRID)), name, value, names)
               for i in range(3) for name, value in (('road', 128),
                                                     ('building', 255))]
    assert _metric(tmp_path).score(swapped)['recall'] == 0


def test_the_legend_needs_no_unchanged_class(tmp_path: Path) -> None:
    cells = _blob(0, 0.4)
    _write(tmp_path, 'a.png', cells.astype(np.uint8))
    record = _record('a.png', cells, value=1, classes=['building'])
    scores = _metric(tmp_path).score([record])
    assert scores['F1'] == 100 and scores['IoU.unchanged'] == 100
    record.annotation['class_index'] = 255
    with pytest.raises(DataError, match=r'a.png holds the values \[1\]'):
        _metric(tmp_path).score([record])
    assert _metric(tmp_path, label_values=dict(building=1)).score(
        [record])['F1'] == 100


def test_mean_over_images_is_another_number(tmp_path: Path) -> None:
    full, none = np.ones((GRID, GRID), bool), np.zeros((GRID, GRID), bool)
    few = none.copy()
    few[0, 0] = True
    for name, cells in (('a.png', full), ('b.png', few), ('c.png', none)):
        _write(tmp_path, name, cells.astype(np.uint8) * 255)
    records = [_record('a.png', full), _record('b.png', none),
               _record('c.png', none)]
    scores = _metric(tmp_path, average='image').score(records)
    assert scores['F1'] == pytest.approx(100 * 128 / 129)
    assert scores['F1_per_image'] == 50 and scores['undefined_F1'] == 1
    assert 'F1_per_image' not in _metric(tmp_path).score(records)
    with pytest.raises(ConfigError, match='average'):
        _metric(tmp_path, average='macro')


def test_oracle_is_what_the_grid_allows(tmp_path: Path) -> None:
    truth = np.zeros((64, 64), np.uint8)
    truth[8:30, 10:27] = 255
    _write(tmp_path, 'a.png', truth)
    scores = _metric(tmp_path).score(
        [_record('a.png', to_grid(truth, GRID) == 255)])
    assert scores['IoU'] == scores['oracle_IoU'] < 100


def test_silence_is_no_change_and_is_counted(tmp_path: Path) -> None:
    _write(tmp_path, 'a.png', np.zeros((16, 16), np.uint8))
    record = _record('a.png', np.zeros((GRID, GRID)),
                     first_turn=dict(no_change=True))
    prose = _record('a.png', np.zeros((GRID, GRID)))
    prose.answer = 'there is no difference'
    scores = _metric(tmp_path).score([record, prose])
    assert scores['no_change_said'] == 1 and scores['invalid'] == 1
    assert scores['OA'] == 100 and np.isnan(scores['F1'])


def test_real_levir_pair(real_sample: Callable) -> None:
    """A perfect 24 x 24 answer about real houses stays below 100."""
    folder = real_sample('change/levir_cd')
    labels = sorted((folder / 'label').glob('*.png'))
    records = [
        _record(str(path), to_grid(np.asarray(Image.open(path)), 24) > 0)
        for path in labels]
    scores = METRICS.build(dict(type='ChangeTextMetric', label_root='')
                           ).score(records)
    assert scores['F1'] == scores['oracle_F1']
    assert 60 < scores['oracle_F1'] < 97
