# Copyright (c) mmeo contributors. All rights reserved.
"""The data sample of image dialogues."""

from mmengine.structures import BaseDataElement


class DialogueSample(BaseDataElement):
    """What is known and predicted about one dialogue.

    Metainfo: ``source`` (annotation ``file:line``), ``img_paths``,
    ``ori_shapes`` (height and width in pixels of each image), ``question``
    (text of the last question).

    Data:
        gt_answer (str): The annotated answer to the last question.
        pred_answer (str): The model's answer.
    """

    @property
    def gt_answer(self) -> str:
        return self._gt_answer

    @gt_answer.setter
    def gt_answer(self, value: str) -> None:
        self.set_field(value, '_gt_answer', dtype=str)

    @gt_answer.deleter
    def gt_answer(self) -> None:
        del self._gt_answer

    @property
    def pred_answer(self) -> str:
        return self._pred_answer

    @pred_answer.setter
    def pred_answer(self, value: str) -> None:
        self.set_field(value, '_pred_answer', dtype=str)

    @pred_answer.deleter
    def pred_answer(self) -> None:
        del self._pred_answer
