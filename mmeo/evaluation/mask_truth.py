# Copyright (c) mmeo contributors. All rights reserved.
"""Label rasters that answers about masks are compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from rasterio.windows import Window

from mmeo.errors import ConfigError, DataError
from mmeo.geo import open_raster
from mmeo.structures.modality import NO_LABEL

from .mask_merge import Box


@dataclass(frozen=True)
class MaskLegend:
    """What the values of the label rasters mean.

    Attributes:
        classes (tuple[str, ...]): Names in order of their ids.
        values (tuple[int, ...]): Raster value of each.
        ignore (tuple[int, ...]): Values that do not count.
        source (str): Where the legend comes from, for messages.
    """

    classes: tuple[str, ...]
    values: tuple[int, ...]
    ignore: tuple[int, ...] = ()
    source: str = 'the records'

    def ids(self, pixels: np.ndarray, where: str) -> np.ndarray:
        """Raster values to class ids.

        Args:
            pixels (np.ndarray): ``(h, w)`` integers.
            where (str): File, for the message.

        Returns:
            np.ndarray: ``(h, w)`` uint8, 255 where nothing counts.

        Raises:
            DataError: If a value is neither of a class nor ignored.
        """
        of_value = {value: NO_LABEL for value in self.ignore}
        # A value of a class counts, even the usual 255 of no data: change
        # masks are drawn in 0 and 255.
        of_value.update({v: i for i, v in enumerate(self.values)})
        keys = np.array(sorted(of_value))
        ids = np.array([of_value[key] for key in keys.tolist()], np.uint8)
        place = np.searchsorted(keys, pixels).clip(max=len(keys) - 1)
        wrong = keys[place] != pixels
        if wrong.any():
            raise DataError(
                f'label {where} holds the values '
                f'{np.unique(pixels[wrong])[:10].tolist()}; {self.source} '
                f'know {dict(zip(self.classes, self.values))} and ignore '
                f'{list(self.ignore)}: give `label_values` or `ignore`')
        return ids[place]


def find_legend(annotations: Sequence[Mapping[str, Any]],
                label_values: Optional[Mapping[str, int]] = None,
                ignore: Sequence[int] = ()) -> MaskLegend:
    """The legend that the records of one data set agree on.

    A record says the value of the class that it asks for; one that asks for
    several classes says none. Those of the other classes follow where values
    count on in the order of the classes, from 0 or, in labels whose 0 is no
    data, from 1.

    Args:
        annotations (Sequence[Mapping]): Fields ``classes``, ``class_name``
            and ``class_index`` of each record.
        label_values (Mapping[str, int], optional): Value of each class,
            instead of what the records say.
        ignore (Sequence[int]): Values that do not count.

    Returns:
        MaskLegend: The legend.

    Raises:
        DataError: If a field is absent, or records contradict each other.
        ConfigError: If the values cannot be known.
    """
    classes = _classes(annotations)
    if label_values is not None:
        if set(label_values) != set(classes):
            raise ConfigError(f'label_values={dict(label_values)} must name '
                              f'the classes of the records: {list(classes)}')
        return MaskLegend(classes, tuple(label_values[c] for c in classes),
                          tuple(ignore), '`label_values`')
    known = _known_values(annotations, classes)
    shifts = {value - classes.index(name) for name, value in known.items()}
    if set(known) != set(classes):
        if len(shifts) != 1:
            raise ConfigError(
                f'the records tell the label values {known} of the classes '
                f'{list(classes)}; the others do not follow from them: give '
                '`label_values`, e.g. dict(background=0, building=255)')
        shift = shifts.pop()
        known = {name: i + shift for i, name in enumerate(classes)}
    return MaskLegend(classes, tuple(known[name] for name in classes),
                      tuple(ignore))


def _classes(annotations: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    found = {tuple(a['classes']) for a in annotations if a.get('classes')}
    if len(found) != 1:
        raise DataError(
            f'the records name {len(found)} lists of `classes`'
            + (f', e.g. {[list(c) for c in sorted(found)[:2]]}' if found
               else '') + ': score one data set at a time, from a file that '
            'was converted with --truth')
    return found.pop()


def _known_values(annotations: Sequence[Mapping[str, Any]],
                  classes: Sequence[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    for annotation in annotations:
        name, value = (annotation.get(key)
                       for key in ('class_name', 'class_index'))
        if not isinstance(name, str) or not isinstance(value, int):
            continue  # asks for several classes
        if name not in classes:
            raise DataError(f'record {annotation.get("id")}: class_name '
                            f'{name!r} is none of `classes` {list(classes)}')
        if known.setdefault(name, value) != value:
            raise DataError(f'record {annotation.get("id")}: class_index '
                            f'{value} of {name!r} is {known[name]} in others')
    return known


def find_change_legend(
        annotations: Sequence[Mapping[str, Any]],
        label_values: Optional[Mapping[str, int]] = None,
        ignore: Sequence[int] = ()) -> MaskLegend:
    """As :func:`find_legend`, for classes of change above 'unchanged'.

    Change masks are drawn in values that do not count on (0, 128 and 255 in
    LEVIR-MCI); 0 is unchanged and need not be among ``classes``.

    Args:
        annotations (Sequence[Mapping]): As there.
        label_values (Mapping[str, int], optional): Value of each class of
            change, instead of what the records say.
        ignore (Sequence[int]): Values that do not count.

    Returns:
        MaskLegend: Class 0 is no change.

    Raises:
        DataError: If a field is absent, or records contradict each other.
        ConfigError: If the values cannot be known.
    """
    classes = _classes(annotations)
    known = dict(label_values or _known_values(annotations, classes))
    others = [name for name in classes if name not in known]
    if 0 in known.values():
        others = [name for name in known if known[name] == 0] + others
        known = {name: value for name, value in known.items() if value}
    if len(others) > 1 or not known:
        raise ConfigError(
            f'of the classes {list(classes)} of change the records tell the '
            f'label values {known}: give those of all but the unchanged as '
            '`label_values`, e.g. dict(road=128, building=255)')
    names = sorted(known, key=known.get)
    return MaskLegend(((others or ['unchanged'])[0], *names),
                      (0, *(known[name] for name in names)), tuple(ignore),
                      'the records' if label_values is None else
                      '`label_values`')


def read_window(path: Union[str, Path],
                box: Optional[Box] = None) -> np.ndarray:
    """Read raw values of a label, the window alone.

    Args:
        path (str or Path): Picture or GeoTIFF, of one band or of several
            equal ones.
        box (Box, optional): Window in pixels. By default the whole raster.

    Returns:
        np.ndarray: ``(h, w)``.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it cannot be read, bands differ, or the window leaves
            it.
    """
    with open_raster(path) as src:
        box = box or Box(0, 0, src.width, src.height)
        if (min(box) < 0 or box.x + box.width > src.width
                or box.y + box.height > src.height):
            raise DataError(f'tile {list(box)} (x, y, width, height) leaves '
                            f'the label {path} of {src.width} x {src.height} '
                            'pixels')
        pixels = src.read(window=Window(*box))
    if (pixels[1:] != pixels[:1]).any():
        raise DataError(f'label {path} is coloured: convert it to a map of '
                        'class ids first')
    return pixels[0]


def label_size(path: Union[str, Path]) -> tuple[int, int]:
    """Height and width of a label raster in pixels."""
    with open_raster(path) as src:
        return src.height, src.width
