# Copyright (c) mmeo contributors. All rights reserved.
"""Find the files of every place, without opening one."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from mmeo.datasets.frame_dates import NamePattern, day_of_year
from mmeo.errors import DataError, MissingDataError

#: What SynthEarth and the converters write.
PATTERNS = dict(
    hr='hr.tif', s2='s2_{date:%Y%m%d}.tif', s1='s1_{date:%Y%m%d}.tif')
LABELS = ('semantics.tif', 'osm.tif')


class Frame(NamedTuple):
    """One image of a series."""

    path: str
    day: Optional[int]  # of the year from 0; None: look into the file


def scan_place(folder: str, patterns: Mapping[str, NamePattern],
               labels: Sequence[str]) -> tuple[dict, Optional[str], int]:
    """List the images of one place, each series in order of time.

    Args:
        folder (str): Folder of the place.
        patterns (Mapping): Sensor to file pattern.
        labels (Sequence[str]): Names of the label raster, the first found
            counts.

    Returns:
        tuple: Sensor to list of :class:`Frame` (absent without images), path
        of the label or None, and the number of other files.

    Raises:
        DataError: If one file fits two sensors, or a date does not exist.
    """
    found: dict[str, list] = {}
    names, others = set(), 0
    with os.scandir(folder) as entries:
        listed = sorted(entry.name for entry in entries if entry.is_file())
    for name in listed:
        names.add(name)
        fits = [(sensor, match) for sensor, pattern in patterns.items()
                if (match := pattern.match(name))]
        path = f'{folder}/{name}'
        if len(fits) > 1:
            raise DataError(
                f'{path} fits the patterns of {" and ".join(dict(fits))}; '
                'make `patterns` more precise')
        if not fits:
            others += name not in labels
            continue
        sensor, match = fits[0]
        found.setdefault(sensor, []).append(
            (patterns[sensor].date(match, path), path))
    label = next((f'{folder}/{name}' for name in labels if name in names),
                 None)
    return {sensor: _in_order(found[sensor], patterns[sensor])
            for sensor in patterns if sensor in found}, label, others


def _in_order(dated: list, pattern: NamePattern) -> list[Frame]:
    if pattern.format is None:
        return [Frame(path, None) for _, path in dated]
    return [Frame(path, day_of_year(date)) for date, path in sorted(dated)]


def list_places(root: str, names: Optional[Sequence[str]] = None
                ) -> Iterator[str]:
    """Folders of places, in order of their names.

    Args:
        root (str): Folder that holds them.
        names (Sequence[str], optional): Those to take. Defaults to all.
    """
    if names is not None:
        for name in names:
            yield str(Path(root, name))
        return
    with os.scandir(root) as entries:
        folders = sorted(entry.path for entry in entries if entry.is_dir())
    yield from folders


def read_regions(path: Path) -> dict[str, int]:
    """Regions of places, from a JSON file ``{"PLACE": 17}``.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it holds anything else than numbers from 0.
    """
    if not path.is_file():
        raise MissingDataError(f'{path} (`regions`) does not exist')
    found = json.loads(path.read_text())
    if not isinstance(found, dict) or any(
            type(number) is not int or number < 0
            for number in found.values()):
        raise DataError(f'{path}: `regions` maps names of places to whole '
                        'numbers from 0, as {"PLACE": 17}')
    return found
