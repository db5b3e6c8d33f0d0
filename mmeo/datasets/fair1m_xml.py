# Copyright (c) mmeo contributors. All rights reserved.
"""FAIR1M's XML: annotations to read, results to write."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Union
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from mmeo.errors import DataError

from .dota_text import DotaLabels, DotaObject
from .fair1m import FAIR1M_CLASSES, to_word
from .voc_xml import read_xml

PathLike = Union[str, Path]
_NAMES = {name.lower(): name for name in FAIR1M_CLASSES}


class Detection(NamedTuple):
    """One result: class as in FAIR1M's XML, score, eight coordinates."""

    name: str
    score: float
    corners: Sequence[float]


def read_fair1m(path: PathLike) -> DotaLabels:
    """Read an annotation as DOTA's text form would hold it.

    Outlines have five points, of which the last repeats the first. Spaces in
    class names become underscores.

    Raises:
        DataError: If the file is no XML, a class is unknown or an outline has
            other than four corners.
    """
    root = read_xml(path)
    source = (root.findtext('source/origin') or '').strip() or None
    return DotaLabels([_read_object(node, path)
                       for node in root.iter('object')], source)


def _read_object(node: Element, path: PathLike) -> DotaObject:
    name = (node.findtext('possibleresult/name') or '').strip()
    if name.lower() not in _NAMES:
        raise DataError(f'{path}: unknown class {name!r}; FAIR1M has '
                        f'{list(FAIR1M_CLASSES)}.')
    try:
        points = [tuple(float(value) for value in (p.text or '').split(','))
                  for p in node.iter('point')]
    except ValueError as error:
        raise DataError(f'{path}: a <point> of a {name} is not `x,y` '
                        f'({error}).') from None
    if points and points[-1] == points[0]:
        points = points[:-1]
    if len(points) != 4 or any(len(p) != 2 for p in points):
        raise DataError(f'{path}: the outline of a {name} has the points '
                        f'{points}; expected are four corners, and the first '
                        'once more.')
    corners = tuple(value for point in points for value in point)
    return DotaObject(corners, to_word(_NAMES[name.lower()]))


def write_result(path: PathLike, image: str,
                 detections: Sequence[Detection], author: str) -> None:
    """Write the results of one image in the benchmark's form.

    Args:
        path: XML file to write.
        image: File name of the image.
        detections: In any order; there may be none.
        author: Of the results, as the form asks for.
    """
    root = Element('annotation')
    _add(SubElement(root, 'source'), filename=image, origin='GF2/GF3')
    _add(SubElement(root, 'research'), version='1.0', provider='FAIR1M',
         author=author, pluginname='FAIR1M', pluginclass='object detection')
    objects = SubElement(root, 'objects')
    for item in detections:
        node = SubElement(objects, 'object')
        _add(node, coordinate='pixel', type='rectangle', description='None')
        _add(SubElement(node, 'possibleresult'), name=item.name,
             probability=f'{item.score:.6f}')
        points = SubElement(node, 'points')
        corners = [*item.corners, *item.corners[:2]]
        for x, y in zip(corners[0::2], corners[1::2]):
            _add(points, point=f'{x:.6f},{y:.6f}')
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding='utf-8',
                                        xml_declaration=True)


def _add(parent: Element, **texts: str) -> None:
    for tag, text in texts.items():
        SubElement(parent, tag).text = text
