# Copyright (c) mmeo contributors. All rights reserved.
"""Samples as the JSON objects that are written."""

from collections.abc import Iterator, Sequence

from mmeo.codecs import GRANULARITIES, IMAGE_PLACEHOLDER, TASKS
from mmeo.datasets.instruct_converters.items import Sample, Unusable
from mmeo.datasets.instruct_converters.style import Style

SPLIT = 'questions of several granularities: split into dialogues'


def records_of(sample: Sample, style: Style, truth: bool,
               dataset: str) -> list[dict]:
    """The records of a sample: one, or one for each part of it.

    A style with task tokens gets a dialogue for each granularity, since one
    expert serves a whole dialogue; evaluation asks one question at a time.

    Args:
        sample (Sample): Of a source.
        style (Style): How it is to read.
        truth (bool): One question a record, with the fields for metrics.
        dataset (str): Name that metrics group by.

    Returns:
        list[dict]: ``id``, ``image``, ``conversations``, and with ``truth``
        also ``dataset`` and the fields of the sample.

    Raises:
        Unusable: If placeholders are spread over parts.
    """
    parts = _parts(sample, style, truth)
    records = []
    for suffix, turns in parts:
        record = dict(id=sample.key + suffix, image=list(sample.images),
                      conversations=list(_dialogue(sample, style, turns)))
        if len(sample.images) == 1:
            record['image'] = sample.images[0]
        elif not sample.images:
            del record['image']
        if truth:
            record.update(dataset=dataset, **sample.truths[turns[0]])
        records.append(record)
    return records


def _parts(sample: Sample, style: Style,
           truth: bool) -> list[tuple[str, list[int]]]:
    """Suffix of the id and numbers of the turns of each record."""
    every = list(range(len(sample.turns)))
    if truth:
        return [(f'_turn{i}' if len(every) > 1 else '', [i]) for i in every]
    levels: dict[int, list[int]] = {}
    if style.task_tokens:
        for i, task in enumerate(sample.tasks):
            levels.setdefault(TASKS[task][1] if task else 0, []).append(i)
    if len(levels) < 2:
        return [('', every)]
    return [(f'_{GRANULARITIES[level]}', turns)
            for level, turns in levels.items()]


def _dialogue(sample: Sample, style: Style,
              numbers: Sequence[int]) -> Iterator[dict]:
    if sample.system is not None:
        yield {'from': 'system', 'value': sample.system}
    placed = sum(sample.turns[i][0].count(IMAGE_PLACEHOLDER)
                 for i in numbers) if sample.placed else 0
    if placed not in (0, len(sample.images)):
        raise Unusable('placeholders are spread over questions that have to '
                       'be split')
    for position, i in enumerate(numbers):
        question, answer = sample.turns[i]
        if position == 0 and not placed:
            question = style.head(len(sample.images)) + question
        yield {'from': 'human',
               'value': style.mark(question, sample.tasks[i])}
        yield {'from': 'gpt', 'value': answer}
