# Copyright (c) mmeo contributors. All rights reserved.
"""Answers as pictures, GeoJSON and GeoTIFF."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
from affine import Affine
from PIL import Image, ImageDraw
from rasterio.features import shapes
from rasterio.warp import transform_geom
from shapely import make_valid
from shapely.affinity import affine_transform
from shapely.geometry import box, mapping, shape
from shapely.geometry.polygon import orient

from mmeo.errors import DataError
from mmeo.visualization.prompt_picture import default_palette

from .chat_answer import ChatAnswer
from .chat_images import ChatImage
from .prompt_outputs import TILE, LabelWriter

WGS84 = 'EPSG:4326'
_ALPHA = 0.45


def draw_answer(image: ChatImage, answer: ChatAnswer,
                width: int = 3) -> np.ndarray:
    """The image with boxes and mask, and a legend of the labels.

    Args:
        image (ChatImage): What the answer is about.
        answer (ChatAnswer): Boxes in pixels of the whole image.
        width (int): Of lines, in pixels. Defaults to 3.

    Returns:
        ndarray: ``(h, w, 3)`` uint8 RGB, of the size that was shown.
    """
    picture = image.picture.copy()
    colours = default_palette(max(1, len(answer.names) - 1))
    if answer.mask is not None:
        size = (picture.width, picture.height)
        cells = np.array([(0, 0, 0), *colours], np.uint8)[answer.mask]
        paint = Image.fromarray(cells).resize(size, Image.Resampling.NEAREST)
        covered = Image.fromarray(
            ((answer.mask > 0) * int(255 * _ALPHA)).astype(np.uint8)
        ).resize(size, Image.Resampling.NEAREST)
        picture.paste(paint, mask=covered)
    draw = ImageDraw.Draw(picture)
    ratio = picture.width / image.size[1], picture.height / image.size[0]
    for x1, y1, x2, y2 in answer.boxes:
        draw.rectangle((x1 * ratio[0], y1 * ratio[1], x2 * ratio[0],
                        y2 * ratio[1]), outline=colours[0], width=width)
    for i, name in enumerate(answer.names[1:] if answer.mask is not None
                             else ()):
        y = 6 + 16 * i
        right = 26 + draw.textlength(name)
        draw.rectangle((4, y - 2, right, y + 13), fill=(255, 255, 255))
        draw.rectangle((8, y, 20, y + 11), fill=colours[i])
        draw.text((24, y), name, fill=(0, 0, 0))
    return np.asarray(picture)


def write_geojson(path: Union[str, Path], image: ChatImage,
                  answers: Sequence[ChatAnswer],
                  overwrite: bool = False) -> int:
    """Boxes and masks as features in longitude and latitude (RFC 7946).

    Cells of a mask that touch are one polygon.

    Args:
        path (str or Path): ``.geojson`` to write.
        image (ChatImage): With a place on Earth.
        answers (Sequence[ChatAnswer]): About it.
        overwrite (bool): Replace the file. Defaults to False.

    Returns:
        int: Features written.

    Raises:
        DataError: If the image has no place on Earth, or the file exists.
    """
    if not image.is_georeferenced:
        raise DataError(f'{image.path or "the image"} has no coordinate '
                        'system: GeoJSON needs one. Save a picture instead, '
                        'or give a georeferenced GeoTIFF.')
    path = _free(path, overwrite)
    features = [feature for answer in answers
                for feature in _features(image, answer)]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + '.part')
    part.write_text(json.dumps(dict(
        type='FeatureCollection', features=features), ensure_ascii=False))
    part.replace(path)
    return len(features)


def write_mask(path: Union[str, Path], image: ChatImage, answer: ChatAnswer,
               overwrite: bool = False) -> None:
    """A mask as a GeoTIFF on the grid of its image: 0 background, 1 to N.

    Args:
        path (str or Path): ``.tif`` to write.
        image (ChatImage): Gives grid and place.
        answer (ChatAnswer): With a mask.
        overwrite (bool): Replace the file. Defaults to False.

    Raises:
        DataError: If the answer has no mask, or the file exists.
    """
    if answer.mask is None:
        raise DataError(f'the answer {answer.text[:40]!r} is no mask')
    path = _free(path, overwrite)
    height, width = image.size
    grid = len(answer.mask)
    names = dict(enumerate(answer.names[1:], 1))
    cols = _cells(width, grid, 0, width)
    with LabelWriter(path, image, names, default_palette(max(1, len(names))),
                     dict(question=answer.question)) as writer:
        for row in range(0, height, TILE):
            rows = _cells(height, grid, row, min(TILE, height - row))
            writer.write(answer.mask[rows][:, cols].astype(np.uint8))


def _cells(length: int, grid: int, start: int, count: int) -> np.ndarray:
    """Cell of each pixel from ``start`` on."""
    return ((np.arange(start, start + count) + 0.5) * grid
            / length).astype(int)


def _free(path: Union[str, Path], overwrite: bool) -> Path:
    path = Path(path)
    if path.exists() and not overwrite:
        raise DataError(f'output {path} exists. Choose another name, or '
                        'replace it (--overwrite).')
    return path


def _features(image: ChatImage, answer: ChatAnswer) -> Iterator[dict]:
    said = dict(question=answer.question, task=answer.task)
    for x1, y1, x2, y2 in answer.boxes.tolist():
        yield _feature(image, box(x1, y1, x2, y2), image.transform,
                       dict(said, box=[x1, y1, x2, y2]))
    if answer.mask is None:
        return
    height, width = image.size
    grid = len(answer.mask)
    cell = image.transform @ Affine.scale(width / grid, height / grid)
    for geometry, value in shapes(answer.mask.astype(np.uint8),
                                  mask=answer.mask > 0):
        yield _feature(image, shape(geometry), cell,
                       dict(said, label=answer.names[int(value)]))


def _feature(image: ChatImage, polygon: Any, transform: Affine,
             properties: dict) -> dict:
    placed = affine_transform(polygon, (transform.a, transform.b, transform.d,
                                        transform.e, transform.c,
                                        transform.f))
    if not placed.is_valid:
        placed = make_valid(placed)
    lonlat = shape(transform_geom(image.crs, WGS84, mapping(placed),
                                  antimeridian_cutting=True))
    # Outer rings against the clock, as the standard wants them.
    if lonlat.geom_type == 'Polygon':
        lonlat = orient(lonlat)
    return dict(type='Feature', properties=properties,
                geometry=mapping(lonlat))
