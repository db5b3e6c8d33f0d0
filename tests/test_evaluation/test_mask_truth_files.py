# Copyright (c) mmeo contributors. All rights reserved.
"""From a published tree through the converters to scores."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmeo.datasets.instruct_converters import convert_instruct
from mmeo.evaluation.answers import AnswerRecord
from mmeo.registry import METRICS


def _ids(seed: int, count: int, shape: tuple[int, int],
         cells: int = 24) -> np.ndarray:
    """Ids that a grid of ``cells`` spells without loss, blocks of 4 alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, count, (cells // 4, cells // 4)).repeat(
        4, 0).repeat(4, 1)
    rows = np.arange(shape[0]) * cells // shape[0]
    columns = np.arange(shape[1]) * cells // shape[1]
    return coarse[rows[:, None], columns].astype(np.uint8)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _photo(path: Path, shape: tuple[int, int]) -> None:
    _save(path, np.full((*shape, 3), 90, np.uint8))


def _convert(source: str, root: Path, **options: Any) -> list[AnswerRecord]:
    """Records whose answers are the annotated ones."""
    out = root / 'truth.jsonl'
    convert_instruct(source, root, out, image_root=root, style='rsunivlm',
                     truth=True, **options)
    records = []
    for number, line in enumerate(out.read_text().splitlines(), 1):
        fields = json.loads(line)
        human, answer = (turn['value'] for turn in
                         fields.pop('conversations'))
        for image in [*fields.pop('image')] if isinstance(
                fields['image'], list) else [fields.pop('image')]:
            assert (root / image).is_file()
        records.append(AnswerRecord(
            source=f'{out}:{number}', question=human, answer=answer,
            reference=answer, task='SEG', annotation=fields))
    return records


def _score(kind: str, root: Path, records: list[AnswerRecord],
           **options: Any) -> dict:
    return METRICS.build(dict(type=kind, label_root=str(root), **options)
                         ).score(records)


@pytest.mark.parametrize('layout, split, count, unclaimed', [
    ('udd5', 'val', 5, 'other'), ('vdd', 'test', 7, 'other')])
def test_drone_photographs(layout: str, split: str, count: int,
                           unclaimed: str, tmp_path: Path) -> None:
    for i in range(2):
        ids = _ids(i, count, (48, 72))
        _photo(tmp_path / split / 'src' / f'DJI_{i}.JPG', ids.shape)
        _save(tmp_path / split / 'gt' / f'DJI_{i}.png', ids)
    records = _convert('masks', tmp_path, layout=layout, split=split)
    assert len(records) == 2 * (count - 1)  # all classes but the background
    scores = _score('MaskTextMetric', tmp_path, records, unclaimed=unclaimed)
    assert scores['mIoU'] == scores['oracle_mIoU'] == scores['aAcc'] == 100
    assert scores['not_asked'] == 0 and scores['images'] == 2
    wrong = _score('MaskTextMetric', tmp_path, records)
    assert wrong['IoU.other'] == 0 and wrong['mIoU'] < 100


@pytest.mark.parametrize('multi_class', ['no', 'yes'])
def test_tiles_of_vaihingen(multi_class: str, tmp_path: Path) -> None:
    ids = np.zeros((100, 170), np.uint8)  # 0 is no data
    for row in (0, 48, 52):
        for column in (0, 48, 96, 122):
            ids[row:row + 48, column:column + 48] = 1 + _ids(
                row + column, 6, (48, 48))
    _photo(tmp_path / 'img_dir/test/area2.png', ids.shape)
    _save(tmp_path / 'ann_dir/test/area2.png', ids)
    records = _convert('masks', tmp_path, split='test', legend='isprs',
                       tile=48, multi_class=multi_class)
    tiles = 3 * 4
    assert len(records) == tiles * (1 if multi_class == 'yes' else 5)
    rules = dict(unclaimed='clutter', ignore=(0, 255))
    if multi_class == 'yes':  # such records tell no values
        names = records[0].annotation['classes']
        rules['label_values'] = dict(zip(names, range(1, 7)))
    alone = _score('MaskTextMetric', tmp_path, records, stitch=False, **rules)
    whole = _score('MaskTextMetric', tmp_path, records, **rules)
    for scores in (alone, whole):
        assert scores['mIoU'] == scores['oracle_mIoU'] > 95
        assert scores['pictures'] == tiles and scores['images'] == 1
        assert scores['uncovered_pixels'] == scores['not_asked'] == 0


def test_labels_in_colours_become_id_maps(tmp_path: Path) -> None:
    palette = np.array([[107, 142, 35], [102, 102, 156], [128, 64, 128],
                        [0, 0, 142], [0, 0, 0]], np.uint8)
    ids = _ids(3, 5, (48, 48))
    _photo(tmp_path / 'val/src/a.JPG', ids.shape)
    _save(tmp_path / 'val/gt/a.png', palette[ids])
    records = _convert('masks', tmp_path, layout='udd5', split='val',
                       legend='udd5_rgb')
    scores = _score('MaskTextMetric', tmp_path, records, unclaimed='other')
    assert scores['mIoU'] == 100


def test_change_of_one_class(tmp_path: Path) -> None:
    for i in range(3):
        mask = (_ids(i, 2, (48, 48)) * (i > 0)).astype(np.uint8) * 255
        for folder in 'AB':
            _photo(tmp_path / folder / f'{i}.png', mask.shape)
        _save(tmp_path / 'label' / f'{i}.png', mask)
    (tmp_path / 'test.txt').write_text('0.png\n2.png\n')
    records = _convert('change_masks', tmp_path,
                       only=str(tmp_path / 'test.txt'))
    scores = _score('ChangeTextMetric', tmp_path, records)
    assert scores['F1'] == scores['IoU'] == scores['OA'] == 100
    assert scores['images'] == len(records) == 2
    assert all(record.question.count('<image>') == 2
               and '[SEG]' in record.question for record in records)


def test_change_of_roads_and_buildings(tmp_path: Path) -> None:
    values = np.array([0, 128, 255], np.uint8)
    for i in range(2):
        label = values[_ids(i, 3, (48, 48))]
        name = f'test_{i:06d}.png'
        for folder in 'AB':
            _photo(tmp_path / 'images/test' / folder / name, label.shape)
        _save(tmp_path / 'images/test/label' / name,
              label[..., None].repeat(3, 2))
    records = _convert('levir_mci', tmp_path, split='test', kinds='masks')
    assert [r.annotation['class_name'] for r in records] == [
        'road', 'building'] * 2
    scores = _score('ChangeTextMetric', tmp_path, records)
    assert scores['mIoU'] == scores['F1'] == 100
    assert {'IoU.unchanged', 'IoU.road', 'IoU.building'} <= set(scores)
    records[0].answer = 'others*24\n' * 24  # a road that is not seen
    scores = _score('ChangeTextMetric', tmp_path, records)
    assert scores['IoU.road'] < 100 == scores['IoU.building']
    assert scores['precision'] == 100 > scores['recall']
