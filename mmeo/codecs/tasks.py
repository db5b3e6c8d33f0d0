# Copyright (c) mmeo contributors. All rights reserved.
"""Task tokens in front of a prompt, and the granularity they stand for.

Source: RSUniVLM (arXiv 2412.05679) sections 3.2 and 8; the rule is the one of
the authors' public code: the text of the prompt decides, nothing is learned.
The tokens are plain text, not entries of the vocabulary.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmeo.codecs.dialogue import ROLES
from mmeo.codecs.templates import IMAGE_PLACEHOLDER
from mmeo.errors import DataError

GRANULARITIES = ('image', 'region', 'pixel')

# What each task asks for, and the granularity (0 image, 1 region, 2 pixel).
TASKS = {
    'CAP': ('captioning', 0),
    'CLS': ('scene classification', 0),
    'VQA': ('visual question answering', 0),
    'CCD': ('change captioning', 0),
    'VG': ('visual grounding', 1),
    'REF': ('region description', 1),
    'SEG': ('segmentation and change detection', 2),
}

_FIRST = re.compile(r'\s*\[([A-Z][A-Z0-9_]*)\]')


def task_token(task: str) -> str:
    """``'SEG'`` to ``'[SEG]'``.

    Raises:
        DataError: If the task is unknown.
    """
    if task not in TASKS:
        raise DataError(f'task {task!r} is unknown: use one of '
                        f'{sorted(TASKS)}')
    return f'[{task}]'


def task_of(prompt: str, strict: bool = True) -> str:
    """The task that a prompt asks for.

    As in the authors' code a token counts wherever it stands, the finest
    granularity first; ours alone is that a prompt must not open with a token
    that nobody knows (``[SGE] ...``), which would be answered by the wrong
    expert.

    Args:
        prompt (str): Text of a user turn, with or without placeholders.
        strict (bool): Refuse unknown tokens. Defaults to True.

    Returns:
        str: A key of :data:`TASKS`, '' without any token (free dialogue).

    Raises:
        DataError: If the prompt opens with an unknown token in capitals and
            ``strict`` is set.
    """
    text = prompt.replace(IMAGE_PLACEHOLDER, ' ')
    first = _FIRST.match(text)
    if strict and first and first[1] not in TASKS:
        raise DataError(
            f'the prompt opens with the unknown task token [{first[1]}]: use '
            f'one of {", ".join(f"[{task}]" for task in TASKS)}, or none for '
            'a free question')
    found = [task for task in TASKS if f'[{task}]' in text]
    if not found:
        return ''
    finest = max(TASKS[task][1] for task in found)
    if first and first[1] in found and TASKS[first[1]][1] == finest:
        return first[1]
    return next(task for task in found if TASKS[task][1] == finest)


def granularity_of(prompt: str, strict: bool = True) -> int:
    """0 (image), 1 (region) or 2 (pixel); see :func:`task_of`."""
    task = task_of(prompt, strict)
    return TASKS[task][1] if task else 0


def route_dialogue(conversations: Sequence[Mapping[str, Any]],
                   same: bool = False) -> tuple[str, int]:
    """Task and granularity of a conversation: those of its last question.

    Args:
        conversations (Sequence[Mapping]): Turns of either layout, see
            :func:`mmeo.codecs.read_turns`.
        same (bool): All questions must have one granularity, as in training
            with experts, where one of them serves the whole dialogue.
            Defaults to False.

    Returns:
        tuple[str, int]: Key of :data:`TASKS` or '', and 0, 1 or 2.

    Raises:
        DataError: If a token is unknown, or, with ``same``, the granularity
            changes on the way.
    """
    questions = [
        turn.get('value', turn.get('content', '')) for turn in conversations
        if ROLES.get(turn.get('from', turn.get('role'))) == 'user'
    ]
    if not questions:
        raise DataError('`conversations` has no turn of the user')
    tasks = [task_of(question) for question in questions]
    levels = [TASKS[task][1] if task else 0 for task in tasks]
    if same and len(set(levels)) > 1:
        names = [GRANULARITIES[level] for level in dict.fromkeys(levels)]
        raise DataError(
            f'the questions of one dialogue are of the granularities {names}: '
            'one expert serves a whole dialogue, so split it')
    return tasks[-1], levels[-1]
