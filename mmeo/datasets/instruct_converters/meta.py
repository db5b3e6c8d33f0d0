# Copyright (c) mmeo contributors. All rights reserved.
"""InternVL meta files."""

import json
import os
from pathlib import Path
from typing import Optional

from mmeo.datasets.instruct_converters.files import read_json
from mmeo.errors import DataError


def add_to_meta(meta: Path, name: str, images: Path, annotation: Path,
                length: int, repeat: float = 1,
                max_tiles: Optional[int] = None,
                jpeg_augment: bool = False) -> None:
    """Create a meta or add an entry to it.

    An entry of the same name is replaced if it is about the same annotation
    file. Paths are written relative to the meta file.

    Args:
        meta (Path): JSON file.
        name (str): Key of the entry.
        images (Path): Image root.
        annotation (Path): JSON lines.
        length (int): Records in it.
        repeat (float): ``repeat_time``. Defaults to 1.
        max_tiles (int, optional): ``max_dynamic_patch``.
        jpeg_augment (bool): ``data_augment``. Defaults to False.

    Raises:
        DataError: If the file is no meta, or another set has the name.
    """
    content = read_json(meta) if meta.exists() else {}
    if not isinstance(content, dict):
        raise DataError(f'{meta} is no InternVL meta (an object of named '
                        'entries): give another --meta')
    entry = dict(root=_relative(images, meta),
                 annotation=_relative(annotation, meta),
                 data_augment=jpeg_augment,
                 repeat_time=int(repeat) if repeat == int(repeat) else repeat,
                 length=length)
    if max_tiles is not None:
        entry['max_dynamic_patch'] = max_tiles
    old = content.get(name)
    if old is not None and old.get('annotation') != entry['annotation']:
        raise DataError(f'{meta} has an entry {name!r} about '
                        f'{old.get("annotation")}: give another --name')
    content[name] = entry
    meta.parent.mkdir(parents=True, exist_ok=True)
    part = meta.with_name(meta.name + '.part')
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + '\n',
                    encoding='utf-8')
    os.replace(part, meta)


def _relative(path: Path, meta: Path) -> str:
    return Path(os.path.relpath(path.resolve(),
                                meta.resolve().parent)).as_posix()
