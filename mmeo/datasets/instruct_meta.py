# Copyright (c) mmeo contributors. All rights reserved.
"""InternVL metas: the list of a mixture's annotation files as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional, Union

from mmengine.logging import print_log

from mmeo.datasets.instruct_index import parse_json
from mmeo.errors import ConfigError, DataError, MissingDataError

_KEYS = ('root', 'annotation', 'repeat_time', 'data_augment',
         'max_dynamic_patch', 'length')


@dataclass(frozen=True)
class InstructSource:
    """One annotation file of a mixture.

    Attributes:
        name (str): Of the dataset.
        ann_file (str): The file.
        img_root (str): Folder of its relative image paths.
        repeat (float): How often its samples are taken.
        max_tiles (int, optional): Greatest number of tiles of a sample; the
            pipeline's by default.
        jpeg_augment (bool): Re-compress its images at random.
        length (int, optional): Records that the file is said to hold.
        max_rounds (int, optional): Joins records about one image up to so
            many questions; a meta cannot say it.
    """

    name: str
    ann_file: str
    img_root: str = ''
    repeat: float = 1
    max_tiles: Optional[int] = None
    jpeg_augment: bool = False
    length: Optional[int] = None
    max_rounds: Optional[int] = None


def read_meta(path: Union[str, Path],
              data_root: str = '',
              resolve: bool = True) -> list[InstructSource]:
    """Read an InternVL meta.

    ``{name: {"root", "annotation", "repeat_time", "data_augment",
    "max_dynamic_patch", "length"}}``; only ``annotation`` is required. Other
    keys have no effect, which is logged.

    Args:
        path (str or Path): The ``.json`` file.
        data_root (str): Where relative paths are looked for after the folder
            of the meta and before the working directory. Defaults to ''.
        resolve (bool): Find the files; False keeps the paths as they are
            written. Defaults to True.

    Returns:
        list[InstructSource]: In the order of the file.

    Raises:
        DataError: If an entry has no annotation, or a value of a wrong type.
        MissingDataError: If a path does not exist.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f'meta {path} does not exist')
    meta = parse_json(path.read_bytes(), str(path))
    if not isinstance(meta, Mapping):
        raise DataError(f'{path}: a meta is an object: name -> `root`, '
                        '`annotation`, ...')
    sources = [_read_entry(path, name, entry)
               for name, entry in meta.items()]
    if resolve:
        sources = [resolve_source(s, path, data_root) for s in sources]
    return sources


def _read_entry(path: Path, name: str, entry: Any) -> InstructSource:
    if not isinstance(entry, Mapping) or not isinstance(
            entry.get('annotation'), str):
        raise DataError(f'{path}: entry {name!r} has no `annotation`: an '
                        'InternVL meta maps names to objects with `root` and '
                        '`annotation`')
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown:
        print_log(f'{path}: entry {name!r}: no effect of '
                  f'{", ".join(unknown)}', 'current')
    for field, kind in (('repeat_time', (int, float)), ('length', int),
                        ('max_dynamic_patch', int)):
        if not isinstance(entry.get(field, 1), kind):
            raise DataError(f'{path}: entry {name!r}: `{field}` is '
                            f'{entry[field]!r}, give a number')
    return InstructSource(
        name=name,
        ann_file=entry['annotation'],
        img_root=entry.get('root', ''),
        repeat=entry.get('repeat_time', 1),
        max_tiles=entry.get('max_dynamic_patch'),
        jpeg_augment=bool(entry.get('data_augment', False)),
        length=entry.get('length'))


def resolve_source(source: InstructSource, meta: Path,
                   data_root: str = '') -> InstructSource:
    """Find the files of a meta's entry.

    Args:
        source (InstructSource): With paths as they are written.
        meta (Path): The meta file; its folder is searched first.
        data_root (str): Searched next, then the working directory. Defaults
            to ''.

    Returns:
        InstructSource: With paths that exist.

    Raises:
        MissingDataError: If a path does not exist.
    """
    return replace(
        source,
        img_root=_locate(meta, data_root, source.name, 'root',
                         source.img_root),
        ann_file=_locate(meta, data_root, source.name, 'annotation',
                         source.ann_file))


def _locate(meta: Path, data_root: str, name: str, field: str,
            path: str) -> str:
    places = [meta.parent / path]
    if data_root:
        places.append(Path(data_root) / path)
    places.append(Path(path))  # InternVL's own loader looks here
    for candidate in places:
        if candidate.exists():
            return str(candidate)
    raise MissingDataError(
        f'{meta}: `{field}` of entry {name!r} does not exist; looked for '
        f'{" and ".join(map(str, places))}. Correct the path in the meta.')


def write_meta(sources: Sequence[InstructSource],
               path: Union[str, Path]) -> None:
    """Write an InternVL meta, the reverse of :func:`read_meta`.

    Raises:
        ConfigError: If two sources have one name, or one joins records.
    """
    joined = [source.name for source in sources if source.max_rounds]
    if joined:
        raise ConfigError(f'a meta cannot say `max_rounds`, which {joined} '
                          'have: leave it out of the config')
    names = [source.name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f'names of a meta must differ; twice: {twice}')
    meta = {}
    for source in sources:
        entry = dict(root=source.img_root, annotation=source.ann_file,
                     data_augment=source.jpeg_augment,
                     repeat_time=source.repeat)
        if source.max_tiles is not None:
            entry['max_dynamic_patch'] = source.max_tiles
        if source.length is not None:
            entry['length'] = source.length
        meta[source.name] = entry
    Path(path).write_text(
        json.dumps(meta, indent=2, ensure_ascii=False) + '\n',
        encoding='utf-8')
