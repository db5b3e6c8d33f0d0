# Copyright (c) mmeo contributors. All rights reserved.
"""What an answer in words says of the image: boxes, masks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np

from mmeo.codecs import GRANULARITIES, decode_boxes, decode_mask
from mmeo.codecs.mask_rows import read_rows

BACKGROUND = 'others'


@dataclass
class ChatAnswer:
    """An answer, read.

    Attributes:
        question (str): With its task token.
        text (str): What the model said.
        task (str): Key of :data:`mmeo.codecs.TASKS`, '' for none.
        granularity (int): 0 image, 1 region, 2 pixel: the expert at work.
        boxes (ndarray): ``(N, 4)`` float64 ``x1, y1, x2, y2`` in pixels of
            the image.
        mask (ndarray or None): ``(g, g)`` int64, indices into ``names``.
        names (list[str]): ``names[0]`` is the background.
        flaws (list[str]): What was mended in boxes or mask.
        finished (bool): False where the limit of new tokens ended it.
    """

    question: str
    text: str
    task: str = ''
    granularity: int = 0
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    mask: Optional[np.ndarray] = None
    names: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    finished: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; the mask as shares of the cells."""
        out = dict(
            question=self.question, answer=self.text, task=self.task,
            granularity=GRANULARITIES[self.granularity],
            finished=self.finished, flaws=self.flaws,
            boxes=[[round(float(v), 2) for v in box] for box in self.boxes])
        if self.mask is not None:
            out['cover'] = {
                name: float((self.mask == i).mean())
                for i, name in enumerate(self.names)}
        return out


def read_answer(question: str, text: str, task: str, granularity: int,
                size: tuple[int, int],
                names: Optional[Sequence[str]] = None,
                grid: int = 24,
                box_dialect: str = 'rsunivlm',
                finished: bool = True) -> ChatAnswer:
    """Find boxes or a mask in an answer; any text is accepted.

    Args:
        question (str): As it was asked.
        text (str): The answer.
        task (str): A mask is looked for in answers to 'SEG', boxes in all
            others.
        granularity (int): 0, 1 or 2.
        size (tuple[int, int]): Height and width of the image in pixels.
        names (Sequence[str], optional): Labels of the mask, without the
            background. Defaults to those that the answer uses.
        grid (int): Cells of a mask's side. Defaults to 24.
        box_dialect (str): See :func:`mmeo.codecs.decode_boxes`. Defaults to
            'rsunivlm'.
        finished (bool): Whether the answer ended by itself.

    Returns:
        ChatAnswer: The answer and what it says.
    """
    answer = ChatAnswer(question, text, task, granularity, finished=finished)
    if not finished:
        answer.flaws.append('the limit of new tokens ended the answer')
    if task != 'SEG':
        found = decode_boxes(text, size, box_dialect)
        answer.boxes = found.boxes
        if found.repairs and len(found.boxes):
            answer.flaws.append(f'{found.repairs} flaw(s) in boxes mended')
        return answer
    answer.names = [BACKGROUND, *(names or labels_of(text))]
    found = decode_mask(text, answer.names, grid)
    if not found.readable:
        answer.flaws.append('the answer is no mask')
        return answer
    answer.mask = found.mask
    for count, what in ((found.repairs, 'rows of the mask mended'),
                        (found.missing, 'rows of the mask absent'),
                        (found.extra, 'rows of the mask too many')):
        if count:
            answer.flaws.append(f'{count} {what}')
    if found.unknown:
        answer.flaws.append('labels not asked for: '
                            + ', '.join(map(repr, found.unknown)))
    return answer


def labels_of(text: str) -> list[str]:
    """Labels of a mask in words, in the order they come, no background."""
    labels = (' '.join(run.label.split()).lower()
              for row in read_rows(text).rows for run in row.runs)
    return [label for label in dict.fromkeys(labels) if label != BACKGROUND]
