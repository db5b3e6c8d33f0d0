# Copyright (c) mmeo contributors. All rights reserved.
"""One question with its answer, and what the text of several tasks shares."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any


@dataclass
class Item:
    """A question, before it becomes a record.

    Attributes:
        task (str): Key of :data:`mmeo.codecs.TASKS`.
        question (str): Text behind the task token.
        answer (str): What is to be learned.
        truth (dict): Fields of an evaluation record.
        pair (bool): About both dates. Defaults to False.
    """

    task: str
    question: str
    answer: str
    truth: dict[str, Any] = field(default_factory=dict)
    pair: bool = False


def join(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(parts) < 2:
        return ''.join(parts)
    return ', '.join(parts[:-1]) + ' and ' + parts[-1]


def with_article(noun: str) -> str:
    """``a ship``, ``an airport``."""
    return f'{"an" if noun[0] in "aeiou" else "a"} {noun}'


def balanced(rng: Random, holds: bool, rate: float) -> bool:
    """Whether to ask, so that both answers become equally frequent.

    The rarer answer is always asked for, the other one at random.

    Args:
        rng (Random): Random source.
        holds (bool): The answer of this scene.
        rate (float): Share of the scenes where it holds, in (0, 1).
    """
    odds = rate / (1 - rate)
    return rng.random() < (1 / odds if holds else odds)
