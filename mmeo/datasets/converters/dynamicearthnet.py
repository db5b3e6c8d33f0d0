# Copyright (c) mmeo contributors. All rights reserved.
"""DynamicEarthNet: one-hot labels to class maps, files to lists."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmeo.datasets.dynamic_earthnet import COLUMNS
from mmeo.errors import DataError, MissingDataError
from mmeo.geo import open_raster

from .colours import write_png
from .report import Report

PathLike = Union[str, Path]
#: Bands of a label file; the last is written as 6, and ignored in training.
CLASSES = ('impervious surface', 'agriculture', 'forest and other vegetation',
           'wetlands', 'soil', 'water', 'snow and ice')
NO_CLASS = 255
SPLITS = ('train', 'val', 'test')
_AREA = re.compile(r'(\d{3,5}_\d{3,5}_\d{1,2})(?![\d])')
_MONTH = re.compile(r'((?:19|20)\d\d)[-_](\d\d)(?:[-_]01)?\.tif$')

Key = tuple[str, str]  # area, 'YYYY-MM'


def find_files(source: PathLike, pattern: str,
               nameless: Optional[list[Path]] = None) -> dict[Key, Path]:
    """Monthly files below a folder by area and month.

    Names differ between the parts of the release, and between its copies:
    area and month are recognised wherever they stand in the path.

    Args:
        source: Folder that the archives were unpacked to, nested or not.
        pattern: For ``Path.glob``.
        nameless: Takes files whose path names no area or month; they are not
            read. Defaults to None.

    Returns:
        dict: First found of each area and month.

    Raises:
        DataError: If two files are of one area and month.
    """
    found: dict[Key, Path] = {}
    for path in sorted(Path(source).glob(pattern)):
        area = _AREA.search(str(path.relative_to(source)))
        month = _MONTH.search(path.name)
        if area is None or month is None:
            if nameless is not None:
                nameless.append(path)
            continue
        key = (area[1], f'{month[1]}-{month[2]}')
        if found.setdefault(key, path) != path:
            raise DataError(f'{found[key]} and {path} are both of area '
                            f'{key[0]} in {key[1]}: remove the copy.')
    return found


def find_images(source: PathLike, nameless: Optional[list[Path]] = None
                ) -> dict[str, dict[Key, Path]]:
    """Images of the first of each month, and composites, by column."""
    return dict(
        planet=find_files(source, '**/PF-SR/*-01.tif', nameless),
        s2=find_files(source, '**/sentinel2/**/*.tif', nameless),
        s1=find_files(source, '**/sentinel1/**/*.tif', nameless))


def read_split(path: PathLike) -> list[Key]:
    """Areas and months of an official list.

    A line has the folder of the images, the label and the month; folders are
    written otherwise than they are unpacked, so that only area and month
    count.

    Raises:
        MissingDataError: If there is no such list.
        DataError: If a line is of another form.
    """
    if not Path(path).is_file():
        raise MissingDataError(
            f'the list {path} does not exist. Put train.txt, val.txt and '
            'test.txt of the official splits there (dynnet_training_splits '
            'on the page of the data set), or give `--splits`.')
    keys = []
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        if not line.strip():
            continue
        words = line.split()
        area = _AREA.search(words[0])
        if len(words) != 3 or area is None or not re.fullmatch(
                r'\d{4}-\d\d', words[2]):
            raise DataError(f'{path}, line {number}: expected '
                            f"'FOLDER LABEL YYYY-MM', got {line!r}")
        keys.append((area[1], words[2]))
    return keys


def merge_classes(bands: np.ndarray, source: PathLike
                  ) -> tuple[np.ndarray, Report]:
    """One-hot bands to a class map.

    Where several bands are set the last wins, as in the authors' reader.
    Where none is they make class 0 of it; here it becomes 255, ignored.

    Args:
        bands: ``(7, H, W)`` of 0 and 255.
        source: File, for the message.

    Returns:
        tuple: ``(H, W)`` uint8 of 0 to 6 and 255, and what was odd.

    Raises:
        DataError: On other bands or values.
    """
    if len(bands) != len(CLASSES) or not np.isin(bands, (0, 255)).all():
        raise DataError(
            f'label {source}: expected {len(CLASSES)} bands of 0 and 255, '
            f'got {len(bands)} of {np.unique(bands)[:6].tolist()}. Download '
            'it again.')
    label = np.full(bands.shape[1:], NO_CLASS, np.uint8)
    for number, band in enumerate(bands):
        label[band == 255] = number
    report, times = Report(), (bands == 255).sum(0)
    for what, count in (('pixels of no class, ignored', (times == 0).sum()),
                        ('pixels of several classes, the last one taken',
                         (times > 1).sum())):
        if count:
            report.odd[what] = int(count)
    for number, count in enumerate(np.bincount(label.ravel(), minlength=7)):
        if number < 7 and count:
            report.counts[f'pixels of {CLASSES[number]}'] = int(count)
    return label, report


def convert(source: PathLike, out: Optional[PathLike] = None,
            splits: Optional[PathLike] = None,
            subsets: Sequence[str] = SPLITS) -> Report:
    """Write class maps and lists; images stay where they are.

    Args:
        source: Folder that the archives were unpacked to.
        out: Target. Defaults to ``source/mmeo``.
        splits: Folder of the official lists. Defaults to
            ``source/dynnet_training_splits``.
        subsets: Lists to convert.

    Returns:
        Report: Months, pixels, and what is absent.

    Raises:
        MissingDataError: If lists, or all labels or images, are absent.
        DataError: If files cannot be used.
    """
    source = Path(source)
    out = Path(out or source / 'mmeo')
    splits = Path(splits or source / 'dynnet_training_splits')
    lists = {name: read_split(splits / f'{name}.txt') for name in subsets}
    _refuse_overlap(lists)
    nameless: list[Path] = []
    labels = find_files(source, '**/Raster/**/*.tif', nameless)
    images = find_images(source, nameless)
    for what, files in (('label (labels/<area>/Labels/Raster/...)', labels),
                        ('image (PF-SR/YYYY-MM-01.tif)', images['planet'])):
        if not files:
            raise MissingDataError(f'no {what} below {source}. Unpack the '
                                   'archives of DynamicEarthNet there.')
    report = Report()
    if nameless:
        report.dropped['files that name no area or month, first '
                       f'{nameless[0].relative_to(source)}'] = len(nameless)
    for name, keys in lists.items():
        rows = list(_rows(name, keys, labels, images, source, out, report))
        _write_list(out / f'{name}.csv', rows)
        report.counts[f'{name} months'] = len(rows)
        report.counts[f'{name} areas'] = len({row['aoi'] for row in rows})
    return report


def _refuse_overlap(lists: dict[str, list[Key]]) -> None:
    seen: dict[str, str] = {}
    for name, keys in lists.items():
        for area in {area for area, _ in keys}:
            if area in seen:
                raise DataError(f'area {area} is both in {seen[area]}.txt and '
                                f'{name}.txt: download the lists again.')
            seen[area] = name


def _rows(name: str, keys: Iterable[Key], labels: dict[Key, Path],
          images: dict[str, dict[Key, Path]], source: Path, out: Path,
          report: Report) -> Iterable[dict[str, str]]:
    """Rows of a list; labels are written on the way."""
    absent: dict[str, set] = defaultdict(set)
    for key in sorted(set(keys)):
        if key not in labels:
            report.dropped[f'{name} months without label'] += 1
            continue
        row = dict(aoi=key[0], month=key[1], label=f'{key[0]}/{key[1]}.png')
        for sensor, files in images.items():
            row[sensor] = ''
            if key in files:
                row[sensor] = files[key].relative_to(source).as_posix()
            else:
                absent[sensor].add(key)
        with open_raster(labels[key]) as src:
            label, odd = merge_classes(src.read(), labels[key])
        write_png(out / 'labels' / row['label'], label)
        report.add(odd)
        yield row
    for sensor, lost in absent.items():
        report.odd[f'{name} months without {sensor}'] = len(lost)


def _write_list(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
