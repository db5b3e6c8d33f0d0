# Copyright (c) mmeo contributors. All rights reserved.
"""Reading instruction annotations: JSON lines, JSON lists, InternVL metas."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mmeo.codecs import IMAGE_PLACEHOLDER, read_turns
from mmeo.errors import ConfigError, DataError, MissingDataError


def require_annotations(path: Path) -> None:
    """Raise MissingDataError unless the annotation file exists."""
    if not path.is_file():
        raise MissingDataError(
            f'instruction annotations {path} do not exist: correct `ann_file` '
            'and `data_root`, or make SynthEarth with '
            'tools/dataset_converters/make_synthearth.py')


def repeat_indices(length: int, repeat: float, seed: int = 0) -> np.ndarray:
    """Which samples a repeat factor takes, exactly and reproducibly.

    ``int(length * repeat)`` samples: every sample ``floor(repeat)`` times and
    a random subset once more. (InternVL's loader takes the *first* lines for
    a fraction and refuses 1.5.)

    Args:
        length (int): Number of samples.
        repeat (float): Any positive number; taken as the decimal it is
            written as, so 0.29 of 100 is 29.
        seed (int): Of the subset. Defaults to 0.

    Returns:
        np.ndarray: Indices, int64.

    Raises:
        ConfigError: If ``repeat`` is not positive.
    """
    if not repeat > 0:
        raise ConfigError(f'repeat={repeat}: give a positive number')
    total = int(Fraction(str(repeat)) * length)
    times, rest = divmod(total, length) if length else (0, 0)
    subset = np.random.default_rng(seed).permutation(length)[:rest]
    return np.concatenate([np.tile(np.arange(length), times),
                           np.sort(subset)]).astype(np.int64)


def read_records(path: Path) -> Iterator[tuple[str, dict]]:
    """Yield ``(file:line, record)`` of a ``.jsonl`` or ``.json`` list.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If a line does not parse or holds no object.
    """
    require_annotations(path)
    if path.suffix == '.jsonl':
        with open(path, encoding='utf-8') as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    source = f'{path}:{number}'
                    yield source, _object(parse_json(line, source), source)
        return
    records = parse_json(path.read_text(encoding='utf-8'), str(path))
    if not isinstance(records, list):
        raise DataError(f'{path} holds no list of records: give a LLaVA list, '
                        'a .jsonl file or an InternVL meta')
    for number, record in enumerate(records):
        source = f'{path}[{number}]'
        yield source, _object(record, source)


def parse_json(text: str, source: str) -> Any:
    """``json.loads`` whose error names the place."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f'{source}: not JSON ({error}). Correct or remove '
                        'this line.') from None


def _object(record: Any, source: str) -> dict:
    if not isinstance(record, dict):
        raise DataError(f'{source}: a record must be an object with '
                        '`conversations`, this is a '
                        f'{type(record).__name__}')
    return record


def read_sample(record: dict, source: str, root: Path) -> dict:
    """Check a record and resolve its image paths.

    Args:
        record (dict): ``conversations``, and ``image``: a path, a list of
            paths, or absent in a dialogue without image.
        source (str): ``file:line`` for messages.
        root (Path): Folder of relative image paths.

    Returns:
        dict: ``img_paths`` (list[str]), ``conversations``, ``source``.

    Raises:
        DataError: If a field has the wrong type, turns do not alternate, or
            placeholders and images differ in number.
    """
    images = record.get('image')
    images = [images] if isinstance(images, str) else images or []
    if not isinstance(images, list) or not all(
            isinstance(image, str) for image in images):
        raise DataError(f'{source}: `image` must be a path or a list of paths')
    if 'conversations' not in record:
        raise DataError(f'{source}: the record has no `conversations`; it has '
                        f'{sorted(record)}')
    try:
        read_turns(record['conversations'], len(images))
    except DataError as error:
        raise DataError(f'{source}: {error}') from None
    return dict(
        img_paths=[str(root / image) for image in images],
        conversations=list(record['conversations']),
        source=source)


def merge_rounds(samples: list[dict], max_rounds: int) -> list[dict]:
    """Join dialogues about the same images, in file order.

    One pass of the vision tower then serves several questions (LLaVA 1.5
    does this to its VQA data). Dialogues with their own system turn and
    those without an image stay as they are.

    Args:
        samples (list[dict]): Of :func:`read_sample`.
        max_rounds (int): Questions of a joint dialogue at most; a dialogue
            that has more of its own is not split.

    Returns:
        list[dict]: Fewer, longer samples; every question is kept once.
    """
    merged: list[dict] = []
    open_samples: dict[tuple, dict] = {}
    for sample in samples:
        turns = sample['conversations']
        key = tuple(sample['img_paths'])
        alone = not key or _role(turns[0]) == 'system'
        head = None if alone else open_samples.get(key)
        if head is None or (len(head['conversations']) +
                            len(turns)) // 2 > max_rounds:
            head = dict(sample, conversations=list(turns))
            merged.append(head)
            if not alone:
                open_samples[key] = head
        else:
            head['conversations'] += [_without_images(t) for t in turns]
    return merged


def _role(turn: dict) -> str:
    return turn.get('from', turn.get('role'))


def _without_images(turn: dict) -> dict:
    key = 'value' if 'value' in turn else 'content'
    text = turn[key].replace(IMAGE_PLACEHOLDER, '').strip()
    return {**turn, key: text}
