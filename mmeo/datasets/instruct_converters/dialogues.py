# Copyright (c) mmeo contributors. All rights reserved.
"""Conversations in LLaVA form, checked and rewritten."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mmeo.codecs import IMAGE_PLACEHOLDER
from mmeo.datasets.instruct_converters.files import find_image, json_lines
from mmeo.datasets.instruct_converters.geochat import (
    rewrite_fractions,
    rewrite_percent,
    rewrite_rbox,
    rewrite_tagged,
)
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Sample,
    Unusable,
)
from mmeo.datasets.instruct_converters.turn_tasks import split_tag, turn_task
from mmeo.datasets.instruct_converters.wording import Wording

_QUESTIONS = ('human', 'user')
_ANSWERS = ('gpt', 'assistant')
_HEAD = re.compile(rf'(?:Image-\d+:\s*)?{re.escape(IMAGE_PLACEHOLDER)}\s*')
REWRITE: dict[str, Callable[..., tuple[str, tuple]]] = {
    'keep': lambda text, write: (text, ()),
    'percent': rewrite_percent,
    'fraction': rewrite_fractions,
    'tagged': rewrite_tagged,
    'rbox': rewrite_rbox,
}
# Without these an answer in brackets would not be known for a box.
_ANY_BOX = re.compile(
    r'<box>|<rbox>|\{<[-\d.]+><|\[\s*[\d.]+(?:\s*,\s*[\d.]+){3}\s*\]')


@dataclass(frozen=True)
class Reading:
    """How the turns of a set are read.

    Attributes:
        wording (Wording): Writes boxes.
        boxes (str): Form of the boxes in the texts.
        task (str): 'auto' or the task of all questions.
        tags (str): 'keep' or 'drop' tags such as ``[refer]``.
        broken (Pattern, optional): Answers that are not complete.
        only (tuple[str, ...]): Tasks of the questions to keep; all if empty.
    """

    wording: Wording
    boxes: str = 'keep'
    task: str = 'none'
    tags: str = 'keep'
    broken: Optional[re.Pattern] = None
    only: tuple[str, ...] = ()

    def turn(self, question: str, answer: str
             ) -> tuple[str, str, str, tuple[str, ...]]:
        """Question, answer, task and notes.

        Raises:
            Unusable: If a box cannot be used, or the answer is cut.
        """
        if self.broken is not None and self.broken.search(answer):
            raise Unusable('answer is cut short', flaw=False)
        marked = self.wording.style.task_tokens
        head = _HEAD.match(question)
        head = head[0] if head else ''
        tag, bare = split_tag(question[len(head):])
        task = '' if self.task == 'none' else self.task
        if self.task == 'auto':
            task = turn_task(tag, bare, bool(_ANY_BOX.search(bare)),
                             bool(_ANY_BOX.search(answer)))
        # The task token says what the tag said.
        if tag and (marked or self.tags == 'drop'):
            question = head + bare
        rewrite, write = REWRITE[self.boxes], self.wording.grounded
        question, first = rewrite(question, write)
        answer, second = rewrite(answer, write)
        return question, answer, task, first + second


def _conversation(key: str, record: dict, images: Path,
                  reading: Reading) -> Sample:
    """Check a record and bring it into our form.

    Raises:
        Unusable: If it is no conversation about its images.
    """
    names = record.get('image')
    names = [names] if isinstance(names, str) else list(names or ())
    # Several images stand in the text where it speaks of them; a single one
    # moves to the front.
    placed = len(names) > 1
    turns, notes, found, system = [], [], 0, None
    for turn in record.get('conversations') or ():
        role = turn.get('from', turn.get('role'))
        text = turn.get('value', turn.get('content'))
        if not isinstance(text, str):
            raise Unusable('turn without text')
        if role == 'system' and not turns and system is None:
            if IMAGE_PLACEHOLDER in text:
                raise Unusable('image placeholder in a system turn')
            system = text
            continue
        found += text.count(IMAGE_PLACEHOLDER)
        if not placed:
            text = _HEAD.sub('', text).strip()
        turns.append((role, text))
    if found != len(names):
        if found:
            raise Unusable('image placeholders differ from images')
        notes.append('image placeholder added')
        placed = False
    read = [reading.turn(*pair) for pair in _pairs(turns)]
    kept = [turn for turn in read if not reading.only
            or turn[2] in reading.only]
    if not kept:
        raise Unusable(f'no question of {", ".join(reading.only)}',
                       flaw=False)
    if len(kept) < len(read):
        read = kept
        notes.append('questions of other tasks left out')
    located = [find_image(images, name) for name in names]
    notes += [note for *_, more in read for note in more]
    notes += [note for _, note in located if note]
    return Sample(
        key, tuple(name for name, _ in located),
        tuple((question, answer) for question, answer, *_ in read),
        tuple(dict.fromkeys(notes)), placed, system,
        tuple(task for *_, task, _ in read),
        tuple(dialogue_truth(answer, task) for _, answer, task, _ in read))


def dialogue_truth(answer: str, task: str) -> dict:
    """What a dialogue tells a metric; it has no boxes in pixels."""
    if task in ('CAP', 'REF', 'CCD'):
        return dict(references=[answer])
    return dict(CLS=dict(label=answer), VQA=dict(question_type='open')).get(
        task, {})


def _pairs(turns: list[tuple[Any, str]]) -> tuple[tuple[str, str], ...]:
    questions, answers = turns[::2], turns[1::2]
    if not turns or len(questions) != len(answers) or any(
            role not in _QUESTIONS for role, _ in questions) or any(
                role not in _ANSWERS for role, _ in answers):
        raise Unusable('turns do not go question, answer, question, answer')
    return tuple((q, a) for (_, q), (_, a) in zip(questions, answers))


def conversations(path: Path, images: Path,
                  reading: Reading) -> Iterator[Item]:
    """Records of a LLaVA file, checked.

    Args:
        path (Path): ``.json`` list or ``.jsonl``.
        images (Path): Image root.
        reading (Reading): What to do with boxes, tags and tasks.
    """
    seen: dict[str, int] = {}
    for number, (where, record) in enumerate(json_lines(path)):
        if not isinstance(record, dict):
            yield Dropped('record is no object', where)
            continue
        key = str(record.get('id', f'{path.stem}_{number}'))
        # GeoChat uses the image name as id of all its questions.
        seen[key] = seen.get(key, -1) + 1
        key += f'_{seen[key]}' if seen[key] else ''
        try:
            yield _conversation(key, record, images, reading)
        except Unusable as error:
            yield error.drop(where)
