# Copyright (c) mmeo contributors. All rights reserved.
"""FAIR1M: official tree to DOTA's; predictions to the server's XML."""

import os
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Union

from mmeo.datasets.dota_text import dota_text
from mmeo.datasets.fair1m import FAIR1M_CLASSES, to_word
from mmeo.datasets.fair1m_xml import Detection, read_fair1m, write_result
from mmeo.errors import DataError, MissingDataError

from .official import require_names, some
from .report import Report

PathLike = Union[str, Path]
#: Folders of a split, and what is put before their images' names: the
#: official names are numbers, which come again in every folder.
PARTS = dict(
    train={'train/part1': 'p1_', 'train/part2': 'p2_'},
    val={'validation': 'val_'},
    test={'test': ''})
IMAGES, LABELS = 'images', 'labelXml'


def convert(source: PathLike, out: PathLike,
            splits: Sequence[str] = tuple(PARTS)) -> dict[str, Report]:
    """Bring the official tree to ``OUT/SPLIT/{images,labelTxt}``.

    Images are hard links where the file system allows it, else copies.

    Args:
        source: Folder with ``train/part1``, ``train/part2``, ``validation``
            (FAIR1M-2.0) and ``test``.
        out: Target folder.
        splits: Those to convert; ``test`` has no labels.

    Returns:
        Counts by split.

    Raises:
        MissingDataError: If a folder is empty or an image has no label.
        DataError: If an annotation does not parse.
    """
    reports = {}
    for split in splits:
        report = reports[split] = Report()
        for part, prefix in PARTS[split].items():
            _convert_part(Path(source) / part, Path(out) / split, prefix,
                          split != 'test', report)
    return reports


def _convert_part(part: Path, out: Path, prefix: str, labelled: bool,
                  report: Report) -> None:
    images = {p.stem: p for p in sorted((part / IMAGES).glob('*.tif'))}
    if not images:
        raise MissingDataError(
            f'no image (*.tif) in {part / IMAGES}. Expected are '
            'train/part1, train/part2, validation and test of FAIR1M, each '
            f'with {IMAGES}/ and, but for test, {LABELS}/. FAIR1M-1.0 has no '
            'validation: leave `val` out of `--splits`.')
    if labelled:
        xmls = {p.stem for p in (part / LABELS).glob('*.xml')}
        require_names(images, xmls, part / LABELS, 'annotations')
    for stem, image in images.items():
        _link(image, out / 'images' / f'{prefix}{stem}.tif')
        report.counts['images'] += 1
        if labelled:
            found = read_fair1m(part / LABELS / f'{stem}.xml')
            target = out / 'labelTxt' / f'{prefix}{stem}.txt'
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(dota_text(found))
            report.counts['objects'] += len(found.objects)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.samefile(source):
        return
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def submit(predictions: PathLike, images: PathLike, out: PathLike,
           author: str = 'mmeo') -> dict[str, int]:
    """Turn merged results into the zip that the benchmark takes.

    The zip holds ``test/NAME.xml``, one for each image, also for those
    without detections.

    Args:
        predictions: Folder of ``Task1_{class}.txt`` that
            ``RotatedAPMetric(merge_patches=True)`` wrote.
        images: Test images.
        out: Zip file to write.
        author: Name to put into the files. Defaults to 'mmeo'.

    Returns:
        Counts of images and detections.

    Raises:
        MissingDataError: If the file of a class or the images are absent.
        DataError: If a line does not parse or names another image.
    """
    files = {p.stem: p for p in Path(predictions).glob('Task1_*.txt')}
    require_names([f'Task1_{to_word(c)}' for c in FAIR1M_CLASSES], files,
                  predictions, 'classes (Task1_CLASS.txt)')
    names = {path.stem: path.name for path in Path(images).glob('*.tif')}
    if not names:
        raise MissingDataError(f'no image (*.tif) in {images}.')
    found: dict[str, list[Detection]] = defaultdict(list)
    for name in FAIR1M_CLASSES:
        path = files[f'Task1_{to_word(name)}']
        for number, line in enumerate(path.read_text().splitlines(), 1):
            image, score, corners = _parse(line, f'{path}:{number}')
            found[image].append(Detection(name, score, corners))
    strange = set(found) - set(names)
    if strange:
        raise DataError(f'{predictions} has results for images that are not '
                        f'in {images}: {some(strange)}.')
    with TemporaryDirectory() as folder, zipfile.ZipFile(
            out, 'w', zipfile.ZIP_DEFLATED) as archive:
        for stem in sorted(names):
            path = Path(folder) / f'{stem}.xml'
            write_result(path, names[stem], found[stem], author)
            archive.write(path, f'test/{stem}.xml')
    return dict(images=len(names), detections=sum(map(len, found.values())))


def _parse(line: str, where: str) -> tuple[str, float, list[float]]:
    words = line.split()
    try:
        if len(words) != 10:
            raise ValueError(f'{len(words)} words')
        numbers = [float(word) for word in words[1:]]
    except ValueError as error:
        raise DataError(f'{where}: cannot read {line!r} ({error}); a line is '
                        '`image score x1 y1 ... x4 y4`.') from None
    return words[0], numbers[0], numbers[1:]
