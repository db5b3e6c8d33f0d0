# Copyright (c) mmeo contributors. All rights reserved.
"""Answers as a test would save them."""

from itertools import count
from typing import Any

from mmeo.evaluation.answers import AnswerRecord

_NUMBER = count(1)

# What a model may say when it goes astray.
MALFORMED = (
    '', ' \n\t', '...', '?!;,', '|||', '||| ||| |||', '\x00\x07', '\ud83d',
    'été 中文 🛰', 'a\u2028b\x85c\rd', '<|im_end|>', '[1, 2', 'yes ' * 400,
    '-1e999', 'nan', '%s {} \\', "'; --", 'EVAL ||| 1', '\u202e\ufeff')


def record(answer: str, reference: str = '', finished: bool = True,
           task: str = '', **annotation: Any) -> AnswerRecord:
    return AnswerRecord(source=f'test.jsonl:{next(_NUMBER)}', question='?',
                        answer=answer, reference=reference, task=task,
                        finished=finished, annotation=annotation)
