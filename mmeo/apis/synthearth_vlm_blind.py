# Copyright (c) mmeo contributors. All rights reserved.
"""Answers without a look at the image, and answers that spell the truth.

What a model must beat, and the most that the text of boxes and masks allows.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmeo.apis.config import load_config
from mmeo.apis.synthearth_vlm_runs import moved, write_record
from mmeo.codecs import (
    decode_boxes,
    decode_mask,
    encode_boxes,
    encode_mask,
    task_of,
)
from mmeo.datasets.instruct_records import read_records
from mmeo.evaluation.answers import AnswerRecord
from mmeo.registry import DATASETS, METRICS

#: Task and question (numbers aside) -> training answers.
Answers = Mapping[tuple[str, str], Sequence[str]]


def find_bounds(config: str, data_root: str, work_dir: str
                ) -> dict[str, dict[str, float]]:
    """:func:`score_blind` of a config, kept in ``<work_dir>/bounds.json``.

    Args:
        config (str): Config of a test.
        data_root (str): SynthEarth with ``rsunivlm``.
        work_dir (str): Where the result is kept.
    """
    file = Path(work_dir, 'bounds.json')
    if not file.is_file():
        cfg = moved(load_config(config), data_root)
        init_default_scope(cfg.default_scope)
        write_record(file, score_blind(cfg))
    return json.loads(file.read_text())


def score_blind(cfg: Config) -> dict[str, dict[str, float]]:
    """Scores of blind answers and of the annotated ones.

    Args:
        cfg (Config): ``train_dataloader``, ``test_dataloader`` and
            ``test_evaluator`` of SynthEarth's dialogues, ``mask_grid``.

    Returns:
        dict[str, dict[str, float]]: 'blind' and 'oracle' -> the metrics.
    """
    known = training_answers(Path(cfg.train_dataloader.dataset.data_root,
                                  cfg.train_dataloader.dataset.ann_file))
    records = truth_records(cfg.test_dataloader.dataset)
    metric = METRICS.build(cfg.test_evaluator)
    oracle = metric.score(records)
    blind = BlindAnswers(known, cfg.mask_grid)
    for record in records:
        record.answer = blind(record)
    return dict(blind=metric.score(records), oracle=oracle)


def training_answers(path: Path) -> Answers:
    """Answers to each question of an instruction file.

    Args:
        path (Path): A ``.jsonl`` of single questions.
    """
    found = defaultdict(list)
    for _, record in read_records(path):
        question, answer = (turn['value'] for turn in record['conversations'])
        found[key_of(question)].append(answer)
        found[task_of(question), ''].append(answer)
    return found


def key_of(question: str) -> tuple[str, str]:
    """Task, and the question without the numbers of its boxes."""
    return task_of(question), re.sub(r'\d+', '#', question)


def truth_records(dataset: Mapping[str, Any]) -> list[AnswerRecord]:
    """The records of a test set, answered as they are annotated.

    Args:
        dataset (Mapping): Config of an ``InstructDataset``.
    """
    dataset = DATASETS.build(dict(dataset, pipeline=[]))
    records = []
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        question, answer = (turn['value'] for turn in info['conversations'])
        with Image.open(info['img_paths'][0]) as image:
            size = image.height, image.width
        records.append(AnswerRecord(
            info['source'], question, answer, answer, task_of(question),
            info['img_paths'], [size] * len(info['img_paths']),
            info['annotation']))
    return records


class BlindAnswers:
    """What is best said without an image, from the training answers.

    The most frequent answer to the same question; of boxes the median of
    each edge, of masks the majority of each cell. A question that never
    occurred in training gets the most frequent answer (box, mask) of its
    task.

    Args:
        known (Answers): See :func:`training_answers`.
        grid (int): Cells of a mask along each side.
    """

    def __init__(self, known: Answers, grid: int) -> None:
        self.known = known
        self.grid = grid
        self._said: dict[tuple[str, str], str] = {}

    def __call__(self, record: AnswerRecord) -> str:
        """Answer a question; its true answer is not looked at."""
        key = key_of(record.question)
        if key not in self.known:
            key = record.task, ''
        if key not in self._said:
            answers = self.known.get(key, [''])
            self._said[key] = self._best(record, answers)
        return self._said[key]

    def _best(self, record: AnswerRecord, answers: Sequence[str]) -> str:
        if record.task == 'VG':
            return median_box(answers)
        if record.task == 'SEG':
            return majority_mask(answers, record.annotation['class_name'],
                                 self.grid)
        return Counter(answers).most_common(1)[0][0]


def median_box(answers: Iterable[str]) -> str:
    """Median of each edge of the boxes in answers."""
    boxes = np.concatenate([
        decode_boxes(answer, dialect='rsunivlm').boxes for answer in answers])
    return encode_boxes([np.median(boxes, 0)], (100, 100), dialect='rsunivlm')


def majority_mask(answers: Iterable[str], name: str, grid: int) -> str:
    """The class where more than half of the masks have it."""
    names = ('others', name)
    masks = [decode_mask(answer, names, grid).mask for answer in answers]
    return encode_mask((np.mean(masks, 0) > .5).astype(np.uint8), names)


__all__ = ['BlindAnswers', 'find_bounds', 'key_of', 'majority_mask',
           'median_box', 'score_blind', 'training_answers', 'truth_records']
