# Copyright (c) mmeo contributors. All rights reserved.
"""The data sample of image dialogues."""

from typing import Any

from mmengine.structures import BaseDataElement


def _field(name: str, dtype: type) -> property:
    """A typed data field behind a property."""
    key = f'_{name}'

    def get(self: BaseDataElement) -> Any:
        return getattr(self, key)

    def put(self: BaseDataElement, value: Any) -> None:
        self.set_field(value, key, dtype=dtype)

    def delete(self: BaseDataElement) -> None:
        delattr(self, key)

    return property(get, put, delete)


class DialogueSample(BaseDataElement):
    """What is known and predicted about one dialogue.

    Metainfo: ``source`` (annotation ``file:line``), ``img_paths``,
    ``ori_shapes`` (height and width in pixels of each image), ``question``
    (text of the last question), ``task`` (a key of
    :data:`mmeo.codecs.TASKS` or ''), ``granularity`` (0 image, 1 region, 2
    pixel), ``annotation`` (dict, the fields of the record beside its
    conversation: true boxes, references, ...).

    Data:
        gt_answer (str): The annotated answer to the last question.
        pred_answer (str): The model's answer.
        pred_finished (bool): The answer ended by itself, not at the limit of
            new tokens.
        pred_pieces (list[str]): Text of each token of the answer; joined
            they are the answer, before white space is stripped. Only where
            scores were asked for.
        pred_logprobs (list[float]): Natural logarithm of the probability of
            each piece.
    """

    gt_answer = _field('gt_answer', str)
    pred_answer = _field('pred_answer', str)
    pred_finished = _field('pred_finished', bool)
    pred_pieces = _field('pred_pieces', list)
    pred_logprobs = _field('pred_logprobs', list)
