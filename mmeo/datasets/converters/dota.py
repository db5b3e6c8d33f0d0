# Copyright (c) mmeo contributors. All rights reserved.
"""DOTA: folders of patches; horizontal boxes as COCO."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Optional, Union

from mmeo.datasets.dota_text import read_dota
from mmeo.errors import ConfigError, DataError, MissingDataError

from .coco import CocoBuilder, image_size
from .patches import PatchSettings, split_image
from .report import Report

PathLike = Union[str, Path]
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff')


def find_pairs(folder: PathLike, label_dir: str = 'labelTxt'
               ) -> list[tuple[Path, Optional[Path]]]:
    """Images of ``FOLDER/images`` and their label files.

    Args:
        folder: A part of the official tree, e.g. ``DOTA-v2.0/train``.
        label_dir: Folder of the labels below it. If it does not exist, the
            part has no labels (test sets).

    Returns:
        Image and label file, or None, sorted by name.

    Raises:
        MissingDataError: If there is no image, or labels exist but not for
            every image.
    """
    folder = Path(folder)
    images = sorted(p for p in (folder / 'images').glob('*')
                    if p.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise MissingDataError(
            f'no image in {folder / "images"}. Unpack DOTA so that images '
            f'are in images/ and oriented labels in {label_dir}/; see '
            'docs/en/datasets_detection.md.')
    stems = [image.stem for image in images]
    if len(set(stems)) < len(stems):
        twice = next(s for s in stems if stems.count(s) > 1)
        raise DataError(f'{folder / "images"} holds two images named '
                        f'{twice}: remove one.')
    if not (folder / label_dir).is_dir():
        return [(image, None) for image in images]
    pairs = [(image, folder / label_dir / f'{image.stem}.txt')
             for image in images]
    missing = [label for _, label in pairs if not label.is_file()]
    if missing:
        raise MissingDataError(
            f'{len(missing)} of {len(pairs)} images of {folder} have no '
            f'label; first: {missing[0]}. An image without objects needs an '
            'empty file.')
    return pairs


def split_dota(parts: Sequence[PathLike], out: PathLike,
               settings: PatchSettings = PatchSettings(),
               label_dir: str = 'labelTxt', workers: int = 1,
               overwrite: bool = False) -> Report:
    """Cut parts of DOTA into ``OUT/images`` and ``OUT/annfiles``.

    The result depends on files and settings alone, not on ``workers``.

    Args:
        parts: Folders with ``images`` and, if there are labels, ``labelTxt``.
        out: Target folder.
        settings: How to cut.
        label_dir: Name of the label folders. Defaults to 'labelTxt'.
        workers: Processes. Defaults to 1.
        overwrite: Replace what is in ``out``. Defaults to False.

    Returns:
        Counts of patches, of objects kept and of those left out.

    Raises:
        MissingDataError: If images or labels are absent.
        ConfigError: If the target holds files already, or parts with and
            without labels, or with equal names, are mixed.
    """
    pairs = [pair for part in parts for pair in find_pairs(part, label_dir)]
    labelled = {label is not None for _, label in pairs}
    if len(labelled) > 1:
        raise ConfigError(f'some of {[str(p) for p in parts]} have labels '
                          f'({label_dir}/) and some have not: cut them into '
                          'folders of their own.')
    stems = [image.stem for image, _ in pairs]
    if len(set(stems)) < len(stems):
        raise ConfigError(f'{[str(p) for p in parts]} share image names: cut '
                          'them into folders of their own.')
    images, annfiles = Path(out) / 'images', Path(out) / 'annfiles'
    for folder in (images, annfiles):
        _make_empty(folder, overwrite)
    if labelled == {False}:
        annfiles.rmdir()
        annfiles = None
    work = partial(_split_pair, images=images, annfiles=annfiles,
                   settings=settings)
    report = Report()
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            for part in pool.map(work, pairs):
                report.add(part)
    else:
        for pair in pairs:
            report.add(work(pair))
    return report


def _split_pair(pair: tuple[Path, Optional[Path]], images: Path,
                annfiles: Optional[Path], settings: PatchSettings) -> Report:
    image, label = pair
    labels = None if label is None else read_dota(label)
    return split_image(image, labels, images, annfiles, settings)


def _make_empty(folder: Path, overwrite: bool) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise ConfigError(
                f'{folder} holds files; patches of other settings would mix '
                'with them. Name another folder, or pass --overwrite.')
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def dota_to_coco(part: PathLike, out: PathLike, classes: Sequence[str],
                 label_dir: str = 'labelTxt') -> Report:
    """Horizontal boxes around DOTA's objects, as a COCO file.

    The corners become the ``segmentation``; ``file_name`` is relative to
    ``PART/images``.

    Args:
        part: Folder with ``images`` and labels.
        out: JSON file to write.
        classes: Names in the order of category ids, from 1.
        label_dir: Name of the label folder. Defaults to 'labelTxt'.

    Raises:
        MissingDataError: If images or labels are absent.
        DataError: If a label names another class.
    """
    builder = CocoBuilder(classes)
    for image, label in find_pairs(part, label_dir):
        if label is None:
            raise MissingDataError(f'{Path(part) / label_dir} does not '
                                   'exist: there are no boxes to convert.')
        number = builder.add_image(image.name, *image_size(image))
        for item in read_dota(label).objects:
            xs, ys = item.corners[0::2], item.corners[1::2]
            builder.add_object(
                number, item.name, (min(xs), min(ys), max(xs), max(ys)),
                polygon=item.corners, where=f'{label}:{item.line}')
    builder.write(out)
    return builder.report
