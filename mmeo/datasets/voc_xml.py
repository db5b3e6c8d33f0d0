# Copyright (c) mmeo contributors. All rights reserved.
"""Pascal VOC's XML as plain values, with the oriented boxes others added."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union
from xml.etree import ElementTree

from mmeo.errors import DataError

Corners = tuple[float, ...]
# DIOR-R names corners by where they lie.
_DIOR_CORNERS = tuple(f'{axis}_{place}' for place in (
    'left_top', 'right_top', 'right_bottom', 'left_bottom') for axis in 'xy')
_SSDD_CORNERS = tuple(f'{axis}{i}' for i in range(1, 5) for axis in 'xy')
_CENTRE_FORM = ('cx', 'cy', 'w', 'h', 'angle')


@dataclass(frozen=True)
class VocObject:
    """One ``<object>``.

    Args:
        name (str): Class, as written.
        difficult (int): 0 or 1.
        box (tuple[float], optional): ``xmin, ymin, xmax, ymax`` as written.
        corners (tuple[float], optional): Of the oriented box, eight values in
            pixels.
        polygon (tuple[float], optional): Outline, ``x1 y1 x2 y2 ...``.
    """

    name: str
    difficult: int = 0
    box: Optional[Corners] = None
    corners: Optional[Corners] = None
    polygon: Optional[Corners] = None


@dataclass(frozen=True)
class VocImage:
    """One XML file.

    Args:
        size (tuple[int], optional): Width and height in pixels, as written.
        objects (tuple[VocObject]): In the order of the file.
    """

    size: Optional[tuple[int, int]]
    objects: tuple[VocObject, ...]


def read_xml(path: Union[str, Path]) -> ElementTree.Element:
    """The root of an XML file.

    Raises:
        DataError: If the file is no XML, or declares a document type, which
            could refer to other files.
    """
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
        if '<!DOCTYPE' in text or '<!ENTITY' in text:
            raise DataError(f'{path} declares a document type; annotations '
                            'need none. Remove the declaration.')
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise DataError(f'{path} is no XML file ({error}). Copy or download '
                        'it again.') from error


def read_voc(path: Union[str, Path]) -> VocImage:
    """Read an XML file of VOC, DIOR, DIOR-R, SSDD or roLabelImg.

    The ``<filename>`` is not read: in published sets it often names another
    file. The stem of the XML file is the image's.

    Raises:
        DataError: If the file is no XML, declares a document type, or a box
            lacks a number.
    """
    root = read_xml(path)
    size = root.find('size')
    if size is not None:
        size = tuple(int(v) for v in _numbers(size, ('width', 'height'),
                                              path))
    return VocImage(size, tuple(_read_object(node, path)
                                for node in root.iter('object')))


def _read_object(node: ElementTree.Element,
                 path: Union[str, Path]) -> VocObject:
    name = (node.findtext('name') or '').strip()
    if not name:
        raise DataError(f'{path}: an <object> has no <name>.')
    difficult = (node.findtext('difficult') or '0').strip()
    box = node.find('bndbox')
    if box is not None:
        box = _numbers(box, ('xmin', 'ymin', 'xmax', 'ymax'), path)
    return VocObject(name, int(difficult == '1'), box,
                     _read_corners(node, path), _read_polygon(node, path))


def _read_corners(node: ElementTree.Element,
                  path: Union[str, Path]) -> Optional[Corners]:
    """Corners of an oriented box, in whichever form it is written."""
    box = node.find('robndbox')
    if box is not None and box.find('cx') is not None:
        return _centre_to_corners(*_numbers(box, _CENTRE_FORM, path))
    if box is not None:
        return _numbers(box, _DIOR_CORNERS, path)
    box = node.find('rotated_bndbox')
    return None if box is None else _numbers(box, _SSDD_CORNERS, path)


def _centre_to_corners(cx: float, cy: float, width: float, height: float,
                       angle: float) -> Corners:
    """Corners of roLabelImg's form; ``angle`` in radians, clockwise."""
    cos, sin = math.cos(angle) / 2, math.sin(angle) / 2
    ux, uy, vx, vy = width * cos, width * sin, -height * sin, height * cos
    return (cx - ux - vx, cy - uy - vy, cx + ux - vx, cy + uy - vy,
            cx + ux + vx, cy + uy + vy, cx - ux + vx, cy - uy + vy)


def _read_polygon(node: ElementTree.Element,
                  path: Union[str, Path]) -> Optional[Corners]:
    outline = node.find('segm')
    if outline is None:
        return None
    try:
        return tuple(float(value) for point in outline.iter('point')
                     for value in (point.text or '').split(','))
    except ValueError as error:
        raise DataError(f'{path}: a <point> of <segm> is not `x,y` '
                        f'({error}).') from None


def _numbers(node: ElementTree.Element, names: tuple[str, ...],
             path: Union[str, Path]) -> Corners:
    try:
        values = tuple(float(node.findtext(name) or '') for name in names)
        if not all(map(math.isfinite, values)):
            raise ValueError('not finite')
        return values
    except ValueError as error:
        raise DataError(f'{path}: <{node.tag}> needs the numbers '
                        f'{list(names)} ({error}).') from None
