# Copyright (c) mmeo contributors. All rights reserved.
"""Say what of an official download is there and what is not."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Union

from mmeo.errors import DataError, MissingDataError

SHOWN = 8


def some(names: Iterable[str]) -> str:
    """The first names of a collection, sorted, in words."""
    ordered = sorted(names)
    more = len(ordered) - SHOWN
    listed = ', '.join(ordered[:SHOWN]) or 'nothing'
    return f'{listed} and {more} more' if more > 0 else listed


def require_names(expected: Collection[str], found: Collection[str],
                  where: Union[str, Path], what: str) -> None:
    """Stop unless all names are there.

    Args:
        expected: Names of the official data set.
        found: Names that are there; others do no harm.
        where: Folder, for the message.
        what: What they are names of, in the plural.

    Raises:
        MissingDataError: If one is absent; the message says which, and what
            is there instead.
    """
    missing = set(expected) - set(found)
    if missing:
        raise MissingDataError(
            f'{where}: {len(missing)} of {len(expected)} {what} are absent: '
            f'{some(missing)}. Found: {some(found)}. Unpack the official '
            'archives there.')


def find_unique(folder: Union[str, Path], suffixes: tuple[str, ...]
                ) -> dict[str, Path]:
    """Files below a folder by their name without one of some endings.

    Args:
        folder: Searched with everything below it.
        suffixes: Endings, e.g. ``('_RGB.tif', )``.

    Raises:
        DataError: If two files have one name.
    """
    files: dict[str, Path] = {}
    for path in sorted(Path(folder).rglob('*')):
        suffix = next((s for s in suffixes if path.name.endswith(s)), None)
        if suffix is None:
            continue
        name = path.name.removesuffix(suffix)
        if name in files:
            raise DataError(f'{files[name]} and {path} are both {name}: '
                            'remove the copy.')
        files[name] = path
    return files
