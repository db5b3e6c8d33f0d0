# Copyright (c) mmeo contributors. All rights reserved.
"""What is wrong with a record's form, before any image is looked at."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from mmeo.codecs import IMAGE_PLACEHOLDER, inspect_boxes
from mmeo.codecs.dialogue import ROLES
from mmeo.datasets.instruct_records import image_names
from mmeo.errors import DataError


def structure_flaws(
        record: Any,
        control_tokens: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Flaws that a record shows without its images.

    Args:
        record (Any): Parsed JSON.
        control_tokens (Sequence[str]): What may not appear in a text.

    Yields:
        tuple[str, str]: Kind (of :data:`~mmeo.datasets.instruct_issues.KINDS`)
        and message.
    """
    if not isinstance(record, Mapping):
        yield 'record', f'is a {type(record).__name__}, not an object'
        return
    turns = record.get('conversations')
    if not isinstance(turns, list) or not all(
            isinstance(turn, Mapping) for turn in turns):
        yield 'record', '`conversations` is no list of objects'
        return
    yield from _check_turns(turns)
    texts = [(ROLES.get(_role(turn)), _text(turn)) for turn in turns]
    for number, (_, text) in enumerate(texts):
        yield from _check_text(text, number, control_tokens)
    try:
        images = image_names(record)
    except DataError as error:
        yield 'record', str(error)
        return
    yield from _check_placeholders(texts, len(images))


def _check_text(text: str, number: int,
                control: Sequence[str]) -> Iterator[tuple[str, str]]:
    for token in control:
        if token in text:
            yield 'control-token', f'turn {number} holds {token!r}'
    if '<box>' in text:
        for kind, box in inspect_boxes(text):
            yield f'box-{kind}', f'turn {number}: {box[:80]}'


def _check_turns(turns: Sequence[Mapping]) -> Iterator[tuple[str, str]]:
    roles = []
    for number, turn in enumerate(turns):
        role, text = _role(turn), turn.get('value', turn.get('content'))
        if role not in ROLES:
            yield 'role', f'turn {number} is by {role!r}'
        if not isinstance(text, str):
            yield 'record', f'turn {number} has no text'
        elif not text.replace(IMAGE_PLACEHOLDER, '').strip():
            kind = 'answer' if ROLES.get(role) == 'assistant' else 'question'
            yield kind, f'turn {number} by {role!r} is empty'
        roles.append(ROLES.get(role, role))
    if roles[:1] == ['system']:
        roles = roles[1:]
    if all(role in ROLES.values() for role in roles) and (
            not roles or roles != ['user', 'assistant'] * (len(roles) // 2)):
        yield 'order', f'turns by {", ".join(roles) or "nobody"}'


def _check_placeholders(texts: Sequence[tuple[Optional[str], str]],
                        images: int) -> Iterator[tuple[str, str]]:
    found = sum(text.count(IMAGE_PLACEHOLDER) for role, text in texts
                if role == 'user')
    stray = sum(text.count(IMAGE_PLACEHOLDER) for _, text in texts) - found
    if stray:
        yield 'placeholder', f'{stray} outside human turns'
    # A single image needs none: it is put before the first question.
    if found != images and not (found == 0 and images == 1):
        yield 'placeholder', f'{found} for {images} images'


def _role(turn: Mapping) -> Any:
    role = turn.get('from', turn.get('role'))
    return role if isinstance(role, str) else repr(role)


def _text(turn: Mapping) -> str:
    text = turn.get('value', turn.get('content'))
    return text if isinstance(text, str) else ''
