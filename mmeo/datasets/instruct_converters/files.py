# Copyright (c) mmeo contributors. All rights reserved.
"""Files of raw data: folders, images, JSON, XML."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional
from xml.etree import ElementTree

import yaml
from PIL import Image

from mmeo.datasets.instruct_converters.items import Unusable
from mmeo.errors import DataError, MissingDataError

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp')


def first_existing(root: Path, names: tuple[str, ...], what: str) -> Path:
    """The first of several places below ``root`` that exists.

    Raises:
        MissingDataError: If none exists.
    """
    for name in names:
        if (root / name).exists():
            return root / name
    raise MissingDataError(
        f'{root} holds no {what}: looked for {", ".join(names)}. Give the '
        'folder that the download was unpacked into.')


def one_file(root: Path, pattern: str, fix: str) -> Path:
    """The only file below ``root`` that fits a pattern."""
    found = sorted(root.glob(pattern))
    if len(found) == 1:
        return found[0]
    if not found:
        raise MissingDataError(f'{root} holds no {pattern}: {fix}')
    raise DataError(f'{root} holds {len(found)} files {pattern} '
                    f'({", ".join(f.name for f in found[:3])}, ...): {fix}')


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        MissingDataError: If it is absent.
        DataError: If it does not parse.
    """
    if not path.is_file():
        raise MissingDataError(f'{path} does not exist: check the folder and '
                               'the split')
    return _parse(path.read_text(encoding='utf-8-sig'), str(path))


def json_lines(path: Path) -> Iterator[tuple[str, dict]]:
    """``(file:line, object)`` of a ``.jsonl``, or of a ``.json`` list.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If a line does not parse, or there is no list.
    """
    if path.suffix != '.jsonl':
        rows = read_json(path)
        if not isinstance(rows, list):
            raise DataError(f'{path} holds no list of records')
        yield from ((f'{path}[{i}]', row) for i, row in enumerate(rows))
        return
    if not path.is_file():
        raise MissingDataError(f'{path} does not exist')
    with open(path, encoding='utf-8-sig') as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                where = f'{path}:{number}'
                yield where, _parse(line, where)


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f'{where}: not JSON ({error}). Correct it or '
                        'download the file again.') from None


def tolerant_json(text: str) -> tuple[Any, bool]:
    """Parse JSON that may hold trailing commas, single or no quotes.

    YAML's flow style is nearly a superset of JSON and forgives all of these.

    Returns:
        tuple[Any, bool]: The content, and whether it had to be mended.

    Raises:
        Unusable: If neither reading succeeds.
    """
    try:
        return json.loads(text), False
    except ValueError:
        pass
    try:
        return yaml.safe_load(text.replace('\t', ' ')), True
    except yaml.YAMLError:
        raise Unusable('annotation file does not parse') from None


def lists_of(path: Path, *fields: str) -> list[list]:
    """The lists of a JSON object, e.g. ``images`` and ``annotations``."""
    content = read_json(path)
    for field in fields:
        if not isinstance(content, dict) or not isinstance(
                content.get(field), list):
            raise DataError(f'{path}: no list `{field}` at the top level; is '
                            'this the right file?')
    return [content[field] for field in fields]


def read_xml(path: Path) -> ElementTree.Element:
    """Root of an XML file; entities are not expanded by this parser."""
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError:
        raise Unusable('annotation file does not parse') from None


def walk_images(folder: Path) -> Iterator[str]:
    """Relative paths of all images below a folder, in sorted order."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            if file.lower().endswith(IMAGE_SUFFIXES):
                yield (Path(parent) / file).relative_to(folder).as_posix()


def find_image(images: Path, name: str) -> tuple[str, Optional[str]]:
    """Look an image up, also under another extension.

    Args:
        images (Path): Image root.
        name (str): Path in the annotation.

    Returns:
        tuple[str, str or None]: The path that exists and a note about the
        extension; the given path without a note where nothing exists.
    """
    if (images / name).is_file():
        return name, None
    stem = Path(name).with_suffix('')
    for suffix in IMAGE_SUFFIXES:
        other = stem.with_name(stem.name + suffix).as_posix()
        if other != name and (images / other).is_file():
            return other, 'image has another extension than annotated'
    return name, None


def image_size(path: Path) -> tuple[int, int]:
    """Height and width from the header of an image file.

    Raises:
        Unusable: If the file is absent or no image.
    """
    if not path.is_file():
        raise Unusable('image missing', str(path))
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        pass
    import rasterio  # multi-band GeoTIFF that Pillow cannot open
    try:
        with rasterio.open(path) as raster:
            return raster.height, raster.width
    except rasterio.errors.RasterioError:
        raise Unusable('image cannot be read', str(path)) from None


def listed(path: Optional[str]) -> Optional[list[str]]:
    """Lines of a text file; None without a path."""
    if path is None:
        return None
    if not Path(path).is_file():
        raise MissingDataError(f'list {path} does not exist')
    lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    return [line.strip() for line in lines if line.strip()]
