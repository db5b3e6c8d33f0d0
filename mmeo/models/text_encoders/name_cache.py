# Copyright (c) mmeo contributors. All rights reserved.
"""Rows of names that a text model has embedded in earlier runs."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Union

import torch
from torch import Tensor

from mmeo.errors import DataError

from .name_table import read_table, template_hash, write_table

_KINDS = ('.json', '.txt', '.safetensors', '.bin', '.model')


def model_digest(model: Union[str, Path]) -> str:
    """Digest of a model's files, or of its name where it is on the hub.

    Args:
        model (str): A folder, or a name on the model hub.

    Returns:
        str: 16 characters.
    """
    folder = Path(model).expanduser()
    digest = hashlib.sha256()
    if not folder.is_dir():
        digest.update(str(model).encode())
        return digest.hexdigest()[:16]
    for path in sorted(folder.iterdir()):
        if path.suffix in _KINDS:
            digest.update(path.name.encode())
            with open(path, 'rb') as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()[:16]


class NameCache:
    """A file of names and rows that remembers its model and templates.

    Args:
        path (str or Path): ``*.safetensors``; made at the first row.
        model (str): What makes the rows, for people.
        digest (str): Of the model.
        templates (Sequence[str]): Of the texts.
    """

    def __init__(self, path: Union[str, Path], model: str, digest: str,
                 templates: Sequence[str]) -> None:
        self.path = Path(path).expanduser()
        self.meta = dict(model=str(model), digest=digest,
                         templates=template_hash(templates))

    def read(self) -> dict[str, Tensor]:
        """All rows by name; none if there is no file.

        Raises:
            DataError: If another model or other templates made it.
        """
        if not self.path.is_file():
            return {}
        names, table, meta = read_table(self.path)
        odd = [key for key in ('digest', 'templates')
               if meta.get(key) != self.meta[key]]
        if odd:
            what = ' and '.join(dict(
                digest='another model', templates='other templates')[key]
                for key in odd)
            raise DataError(
                f'cache_file {self.path} is stale: it was made with {what} '
                f'({meta.get("model", "unknown")}). Delete it, or name '
                'another file.')
        return dict(zip(names, table))

    def add(self, rows: Mapping[str, Tensor]) -> None:
        """Add rows to what the file holds by now."""
        rows = {**self.read(), **rows}
        write_table(self.path, list(rows), torch.stack(list(rows.values())),
                    **self.meta)
