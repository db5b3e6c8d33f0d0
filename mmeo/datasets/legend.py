# Copyright (c) mmeo contributors. All rights reserved.
"""Class legends of label rasters: raw values to names and ids."""

import json
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmeo.errors import DataError, MissingDataError
from mmeo.structures.modality import NO_LABEL


class Legend(NamedTuple):
    """What the values of a label raster mean.

    Args:
        classes (tuple[str]): Names, in order of the class ids from 0.
        palette (list[list[int]] or None): RGB of each.
        lookup (ndarray): ``(256,)`` uint8, raw value to class id, 255
            without label.
    """

    classes: tuple[str, ...]
    palette: Union[list[list[int]], None]
    lookup: np.ndarray


def read_legend(path: Union[str, Path], level: int = -1) -> Legend:
    """Read a legend file.

    Two forms: SynthEarth's ``semantics.json``, a class tree with ``levels``
    and ``no_data``; or ``osm_classes.json``, an object of raw value to name
    (``{"1": "building", "2": "road"}``) or a list of names, whose first
    belongs to value 1. Value 0 is unlabelled unless the object names it.

    Args:
        path (str or Path): The file.
        level (int): Level of a tree, 0 the coarsest. Defaults to -1, its
            leaves.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it is no legend.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f'legend {path} does not exist. Correct '
                               '`legend` or `data_root`.')
    try:
        data = json.loads(path.read_text())
        if isinstance(data, dict) and 'levels' in data:
            return _tree(data['levels'], level)
        if isinstance(data, list):
            data = dict(enumerate(data, start=1))
        return _flat({int(value): str(name) for value, name in data.items()})
    except (ValueError, KeyError, IndexError, AttributeError,
            TypeError) as error:
        raise DataError(
            f'{path} is no legend ({type(error).__name__}: {error}): give '
            '{"1": "building", ...}, a list of names, or a class tree with '
            '`levels`.') from None


def _flat(names: dict[int, str]) -> Legend:
    lookup = np.full(256, NO_LABEL, np.uint8)
    for index, value in enumerate(sorted(names)):
        if not 0 <= value <= 255:
            raise ValueError(f'value {value} is not within 0 to 255')
        lookup[value] = index
    return Legend(tuple(names[v] for v in sorted(names)), None, lookup)


def _tree(levels: list, level: int) -> Legend:
    depth = range(len(levels))[level]
    lookup = np.full(256, NO_LABEL, np.uint8)
    for leaf in levels[-1]:
        node = leaf
        for above in range(len(levels) - 2, depth - 1, -1):
            node = levels[above][node['parent'] - 1]
        lookup[leaf['id']] = node['id'] - 1
    chosen = levels[depth]
    return Legend(tuple(node['name'] for node in chosen),
                  [list(node['colour']) for node in chosen], lookup)
