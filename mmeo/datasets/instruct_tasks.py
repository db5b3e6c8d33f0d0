# Copyright (c) mmeo contributors. All rights reserved.
"""Flaws of records with task tokens: boxes, masks, truths, granularities."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmeo.codecs import (
    decode_mask,
    inspect_boxes,
    route_dialogue,
    task_of,
)
from mmeo.codecs.dialogue import ROLES
from mmeo.codecs.mask_rows import read_rows
from mmeo.datasets.instruct_converters.truth import missing_truth
from mmeo.errors import DataError

_OTHERS = 'others'
Flaw = tuple[str, str]


def task_flaws(record: Mapping[str, Any], grid: int = 24,
               truth: bool = False,
               one_granularity: bool = False) -> Iterator[Flaw]:
    """What is wrong with the tasks of a record, and what goes with them.

    Boxes in brackets are looked at in questions of ``[REF]`` and answers of
    ``[VG]``, masks in answers of ``[SEG]``; other texts may hold brackets
    that mean something else.

    Args:
        record (Mapping): A record whose ``conversations`` is a list.
        grid (int): Cells of a side of masks. Defaults to 24.
        truth (bool): The file is for evaluation: one question a record, with
            the fields that metrics read. Defaults to False.
        one_granularity (bool): The questions of a dialogue must have one, as
            training with experts needs. Defaults to False.

    Yields:
        tuple[str, str]: Kind and message.
    """
    turns = [(ROLES.get(_role(turn)), _text(turn), number)
             for number, turn in enumerate(record['conversations'])]
    tasks = []
    for role, text, number in turns:
        if role != 'user':
            continue
        try:
            tasks.append(task_of(text))
        except DataError as error:
            yield 'task-token', f'turn {number}: {error}'
            return
        answer = next((other for who, other, place in turns
                       if place == number + 1 and who == 'assistant'), '')
        yield from _turn_flaws(tasks[-1], text, answer, number, grid)
    if one_granularity and tasks:
        try:
            route_dialogue(record['conversations'], same=True)
        except DataError as error:
            yield 'granularity', str(error)
    if truth:
        yield from _truth_flaws(record, tasks)


def _turn_flaws(task: str, question: str, answer: str, number: int,
                grid: int) -> Iterator[Flaw]:
    if task == 'REF':
        yield from _box_flaws(question, number)
    elif task == 'VG':
        yield from _box_flaws(answer, number + 1)
    elif task == 'SEG' and answer.strip():
        yield from _mask_flaws(question, answer, number + 1, grid)


def _box_flaws(text: str, number: int) -> Iterator[Flaw]:
    if '<box>' in text:
        yield 'box-form', (f'turn {number}: boxes in tags, where task tokens '
                           'go with brackets from 0 to 100')
        return
    for kind, box in inspect_boxes(text, dialect='rsunivlm'):
        yield f'box-{kind}', f'turn {number}: {box[:80]}'


def _mask_flaws(question: str, answer: str, number: int,
                grid: int) -> Iterator[Flaw]:
    """The labels must be those that the question names."""
    asked = _plain(question)
    labels = dict.fromkeys(
        _plain(run.label) for row in read_rows(answer).rows
        for run in row.runs)
    labels.pop(_OTHERS, None)
    known = [label for label in labels
             if re.search(rf'(?<!\w){re.escape(label)}(?!\w)', asked)]
    strange = [label for label in labels if label not in known]
    if strange:
        yield 'mask-label', (f'turn {number}: {strange[0]!r} is not in the '
                             'question')
    try:
        found = decode_mask(answer, [_OTHERS, *known], grid)
    except DataError as error:
        yield 'mask-label', f'turn {number}: {error}'
        return
    if found.repairs or found.missing or found.extra:
        yield 'mask-form', (
            f'turn {number}: {found.rows} rows, {found.repairs} mended, '
            f'{found.missing} missing, {found.extra} too many of {grid}')


def _truth_flaws(record: Mapping[str, Any],
                 tasks: Sequence[str]) -> Iterator[Flaw]:
    if len(tasks) != 1:
        yield 'truth', f'{len(tasks)} questions; evaluation asks one'
        return
    lacking = missing_truth(tasks[0], record)
    if lacking:
        yield 'truth', (f'no {", ".join(lacking)}'
                        + (f' for [{tasks[0]}]' if tasks[0] else ''))


def _plain(text: str) -> str:
    return ' '.join(text.lower().split())


def _role(turn: Mapping) -> Any:
    role = turn.get('from', turn.get('role'))
    return role if isinstance(role, str) else None


def _text(turn: Mapping) -> str:
    text = turn.get('value', turn.get('content'))
    return text if isinstance(text, str) else ''
