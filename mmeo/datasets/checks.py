# Copyright (c) mmeo contributors. All rights reserved.
"""Checks of a dataset's folders, with messages that say what to do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmeo.errors import DataError, MissingDataError


def require_folders(name: str, folders: dict[str, str], tree: str,
                    prepare: Optional[str]) -> None:
    """Stop unless every folder of a dataset exists.

    Args:
        name: Dataset class, for the message.
        folders: Config field to path, e.g. ``{'img_path': 'data/a/img'}``.
        tree: The expected layout.
        prepare: Command that makes the data. None leaves it out.

    Raises:
        MissingDataError: If a folder is absent.
    """
    for field, folder in folders.items():
        if Path(folder).is_dir():
            continue
        message = (f'{name}: folder {folder} (`{field}`) does not exist.\n'
                   f'Expected layout:\n{tree}\nCorrect `data_root` or '
                   '`data_prefix`')
        if prepare:
            message += f', or make the data with:\n  {prepare}'
        raise MissingDataError(message)


def require_files(name: str, pairs: Sequence[tuple[str, str]], what: str,
                  fix: str) -> None:
    """Stop unless each file has its counterpart.

    Args:
        name: Dataset class, for the message.
        pairs: ``(file, counterpart)`` paths.
        what: What the counterpart is, e.g. 'label'.
        fix: What the reader can do.

    Raises:
        MissingDataError: If counterparts are absent; the message counts them
            and names the first.
    """
    missing = [(a, b) for a, b in pairs if not Path(b).is_file()]
    if missing:
        file, counterpart = missing[0]
        raise MissingDataError(
            f'{name}: {len(missing)} of {len(pairs)} files have no {what}; '
            f'first: {file} needs {counterpart}. {fix}')


def require_any(name: str, items: Sequence, folder: str,
                suffix: str) -> None:
    """Stop if a dataset is empty.

    Raises:
        DataError: If ``items`` is empty.
    """
    if not items:
        raise DataError(
            f'{name}: no file ending in {suffix!r} in {folder}. Correct the '
            'folder or the suffix (`img_suffix`).')
