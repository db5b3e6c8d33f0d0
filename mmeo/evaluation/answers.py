# Copyright (c) mmeo contributors. All rights reserved.
"""Answers of a dialogue model as records, one JSON object a line.

A run writes them while it generates; metrics score them then or later, from
the file alone.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Optional, Union

from mmeo.errors import DataError, MissingDataError


@dataclass
class AnswerRecord:
    """One question with its answers.

    Attributes:
        source (str): Annotation ``file:line``; unique in a test set.
        question (str): The last question, with its task token.
        answer (str): What the model said.
        reference (str): The annotated answer.
        task (str): Key of :data:`mmeo.codecs.TASKS`, '' without token.
        images (list[str]): Image paths.
        sizes (list[tuple[int, int]]): Height and width of each in pixels.
        annotation (dict): Further fields of the annotation record.
        finished (bool): Whether the answer ended by itself.
        pieces (list[str] or None): See :class:`DialogueSample`.
        logprobs (list[float] or None): See :class:`DialogueSample`.
    """

    source: str
    question: str
    answer: str
    reference: str = ''
    task: str = ''
    images: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    annotation: dict[str, Any] = field(default_factory=dict)
    finished: bool = True
    pieces: Optional[list[str]] = None
    logprobs: Optional[list[float]] = None

    @classmethod
    def from_sample(cls, sample: Mapping[str, Any]) -> 'AnswerRecord':
        """From the dict of a :class:`~mmeo.structures.DialogueSample`.

        Raises:
            DataError: If it holds no answer.
        """
        if 'pred_answer' not in sample:
            raise DataError(f'{sample.get("source")}: the model gave no '
                            '`pred_answer`; run it in mode "predict"')
        return cls(
            source=sample['source'],
            question=sample['question'],
            answer=sample['pred_answer'],
            reference=sample.get('gt_answer', ''),
            task=sample.get('task', ''),
            images=list(sample['img_paths']),
            sizes=[tuple(size) for size in sample['ori_shapes']],
            annotation=dict(sample.get('annotation', {})),
            finished=sample.get('pred_finished', True),
            pieces=sample.get('pred_pieces'),
            logprobs=sample.get('pred_logprobs'))

    def to_line(self) -> str:
        """One line of JSON, newline included."""
        return json.dumps(asdict(self), ensure_ascii=False) + '\n'


def parse_answer(line: str, where: str) -> AnswerRecord:
    """Inverse of :meth:`AnswerRecord.to_line`.

    Args:
        line (str): JSON text.
        where (str): ``file:line`` for messages.

    Raises:
        DataError: If it is no answer record.
    """
    try:
        content = json.loads(line)
    except ValueError as error:
        raise DataError(f'{where}: not JSON ({error})') from None
    known = {f.name for f in fields(AnswerRecord)}
    if not isinstance(content, dict) or set(content) - known or not {
            'source', 'question', 'answer'} <= set(content):
        raise DataError(f'{where}: no answer record: needs `source`, '
                        '`question`, `answer` and knows '
                        f'{sorted(known)}')
    record = AnswerRecord(**content)
    record.sizes = [tuple(size) for size in record.sizes]
    return record


def read_answers(path: Union[str, Path]) -> Iterator[AnswerRecord]:
    """Read a file of answers.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If a line is no answer record.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f'no answers at {path}')
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield parse_answer(line, f'{path}:{number}')
