# Copyright (c) mmeo contributors. All rights reserved.
"""What a record of an instruction file says, checked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmeo.codecs import read_turns
from mmeo.datasets.instruct_index import parse_json, place, scan
from mmeo.errors import DataError


def read_records(path: Path) -> Iterator[tuple[str, dict]]:
    """Yield ``(file:line, record)`` of a ``.jsonl`` or ``.json`` list.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If a line does not parse or holds no object.
    """
    for raw in scan(Path(path)):
        source = place(Path(path), raw.number)
        yield source, require_object(parse_json(raw.text, source), source)


def require_object(record: Any, source: str) -> dict:
    """The record, if it is a JSON object.

    Raises:
        DataError: If it is not.
    """
    if not isinstance(record, dict):
        raise DataError(f'{source}: a record must be an object with '
                        '`conversations`, this is a '
                        f'{type(record).__name__}')
    return record


def image_names(record: dict) -> list[str]:
    """The image paths of a record, as they are written.

    Raises:
        DataError: If ``image`` is neither a path nor a list of paths.
    """
    images = record.get('image')
    images = [images] if isinstance(images, str) else images or []
    if not isinstance(images, list) or not all(
            isinstance(image, str) for image in images):
        raise DataError('`image` must be a path or a list of paths')
    return images


def read_sample(record: dict, source: str, root: Path) -> dict:
    """Check a record and resolve its image paths.

    Args:
        record (dict): ``conversations``, and ``image``: a path, a list of
            paths, or absent in a dialogue without image.
        source (str): ``file:line`` for messages.
        root (Path): Folder of relative image paths.

    Returns:
        dict: ``img_paths`` (list[str]), ``conversations``, ``source``, and
        ``annotation``: the other fields as they are, for metrics.

    Raises:
        DataError: If a field has the wrong type, turns do not alternate,
            placeholders and images differ in number, or the record is about
            a video.
    """
    record = require_object(record, source)
    if 'conversations' not in record:
        raise DataError(f'{source}: the record has no `conversations`; it has '
                        f'{sorted(record)}')
    try:
        if record.get('video'):
            raise DataError('`video` is not read: give its frames as a list '
                            'in `image`, or take the record out')
        images = image_names(record)
        read_turns(record['conversations'], len(images))
    except DataError as error:
        raise DataError(f'{source}: {error}') from None
    return dict(
        img_paths=[str(root / image) for image in images],
        conversations=list(record['conversations']),
        annotation={key: value for key, value in record.items()
                    if key not in ('image', 'conversations')},
        source=source)
