# Copyright (c) mmeo contributors. All rights reserved.
"""A file of class names and their embeddings."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Union

from torch import Tensor

from mmeo.errors import ConfigError, DataError, MissingDataError

# Our choice; an embedding is the mean over them.
TEMPLATES = (
    'a satellite image of {}',
    'an aerial photo of {}',
    'a remote sensing image showing {}',
    '{} seen from above',
)
TOOL = 'tools/dataset_converters/embed_class_names.py'


class NameTable(NamedTuple):
    """What such a file holds.

    Args:
        names (list[str]): K class names.
        table (Tensor): ``(K, D)``, rows of length 1.
        meta (dict[str, str]): What it was made from: ``model``,
            ``templates``, ``digest``, where known.
    """

    names: list[str]
    table: Tensor
    meta: dict[str, str]


def template_hash(templates: Sequence[str] = TEMPLATES) -> str:
    """Short digest of templates, to tell a stale file."""
    return hashlib.sha256('\n'.join(templates).encode()).hexdigest()[:16]


def check_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """Stop unless each template has one place for a name.

    Raises:
        ConfigError: If there is none, or one has no ``{}`` or several.
    """
    wrong = [text for text in templates if text.count('{}') != 1]
    if isinstance(templates, str) or not templates or wrong:
        raise ConfigError('templates must be a list of texts with one {} '
                          f'each, got {list(wrong) or templates!r}.')
    return tuple(templates)


def write_table(path: Union[str, Path], names: Sequence[str], table: Tensor,
                **meta: str) -> None:
    """Write a file by renaming, so that it is never half there.

    Args:
        path (str or Path): ``*.safetensors``.
        names (Sequence[str]): K class names.
        table (Tensor): ``(K, D)``.
        **meta (str): What it was made from.

    Raises:
        ConfigError: If the path has another ending.
    """
    from safetensors.torch import save_file
    path = Path(path).expanduser()
    if path.suffix != '.safetensors':
        raise ConfigError(f'{path} must end in .safetensors.')
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    save_file({'text': table.cpu().contiguous()}, part, metadata=dict(
        class_names=json.dumps(list(names)), **meta))
    part.replace(path)


def read_table(path: Union[str, Path]) -> NameTable:
    """Read a file, whatever its names are.

    Raises:
        MissingDataError: If it is absent.
        DataError: If it holds no table of names.
    """
    from safetensors import SafetensorError, safe_open
    path = Path(path).expanduser()
    if not path.is_file():
        raise MissingDataError(
            f'text_embeddings: {path} does not exist; make it with '
            f'`python {TOOL}` (--help).')
    try:
        with safe_open(path, 'pt') as file:
            meta, table = file.metadata() or {}, file.get_tensor('text')
        names = json.loads(meta.pop('class_names', '[]'))
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f'{path} is no table of class names ({error}); make '
                        f'it anew with `python {TOOL}`.') from error
    if table.dim() != 2 or len(names) != len(table):
        raise DataError(
            f'{path} holds {len(names)} class names for a table of shape '
            f'{tuple(table.shape)}; make it anew with `python {TOOL}`.')
    return NameTable(names, table, meta)


def save_table(path: Union[str, Path], table: Tensor, names: Sequence[str],
               model: str, templates: Sequence[str] = TEMPLATES) -> None:
    """Write a table with what it was made from, never half a file.

    Args:
        path (str or Path): ``*.safetensors``.
        table (Tensor): ``(K, D)``.
        names (Sequence[str]): K class names.
        model (str): What made it.
        templates (Sequence[str]): See :func:`embed_names`.
    """
    write_table(path, names, table, model=model,
                templates=template_hash(templates))


def load_table(path: Union[str, Path], names: Sequence[str],
               templates: Sequence[str] = TEMPLATES) -> Tensor:
    """Read a table and check that it is the one of these names.

    Returns:
        Tensor: ``(K, D)``.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it was made of other names or templates.
    """
    found, table, meta = read_table(path)
    again = f'make it anew with `python {TOOL}`'
    if found != list(names):
        odd = next((f'{a!r} instead of {b!r} as class {i}' for i, (a, b)
                    in enumerate(zip(found, names)) if a != b),
                   f'{len(found)} classes instead of {len(names)}')
        raise DataError(f'{path} is stale: it was made of other class names '
                        f'({odd}); {again}.')
    if meta.get('templates') != template_hash(templates):
        raise DataError(f'{path} is stale: it was made with other templates; '
                        f'{again}.')
    return table
