# Copyright (c) mmeo contributors. All rights reserved.
"""LoveDA: the official tree to two folders; predictions to the server's."""

import shutil
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Union

import numpy as np
from PIL import Image

from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.errors import DataError, MissingDataError

PathLike = Union[str, Path]
AREAS = ('Urban', 'Rural')
NUM_CLASSES = 7


def convert(source: PathLike, out: PathLike) -> dict[str, int]:
    """Bring ``Train/Urban/images_png/0.png`` to ``img_dir/train/0.png``.

    Args:
        source: Folder with ``Train``, ``Val`` and ``Test``, each with
            ``Urban`` and ``Rural``; splits that are absent are left out.
        out: Target folder.

    Returns:
        Images per split and area.

    Raises:
        MissingDataError: If there is no split, or an image has no mask.
        DataError: If both areas have an image of one name, or a mask holds
            values above 7.
    """
    counts: dict[str, int] = {}
    for split in ('Train', 'Val', 'Test'):
        if not (Path(source) / split).is_dir():
            continue
        seen: dict[str, Path] = {}
        for area in AREAS:
            images = sorted(
                (Path(source) / split / area / 'images_png').glob('*.png'))
            for image in images:
                if image.name in seen:
                    raise DataError(f'{seen[image.name]} and {image} have the '
                                    'same name: unpack LoveDA again.')
                seen[image.name] = image
                _copy(image, Path(out), split)
            counts[f'{split} {area}'] = len(images)
    if not sum(counts.values()):
        raise MissingDataError(
            f'no image in {source}/{{Train,Val,Test}}/{{Urban,Rural}}/'
            'images_png. Give the folder where Train.zip, Val.zip and '
            'Test.zip were unpacked.')
    return counts


def _copy(image: Path, out: Path, split: str) -> None:
    target = out / 'img_dir' / split.lower() / image.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(image, target)
    if split == 'Test':  # its masks are kept by the server
        return
    mask = image.parent.parent / 'masks_png' / image.name
    label = read_label(str(mask))
    if label.max() > NUM_CLASSES:
        raise DataError(f'mask {mask} holds the value {int(label.max())}; '
                        'LoveDA has 0 (no data) to 7.')
    target = out / 'ann_dir' / split.lower() / image.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(mask, target)


def submit(predictions: PathLike, out: PathLike) -> dict[str, int]:
    """Pack predictions for the evaluation server.

    ``IoUMetric(output_dir=...)`` writes the ids of the label files, 1 to 7;
    the server counts classes from 0.

    Args:
        predictions: Folder of those PNGs.
        out: The ``.zip`` to write, PNGs of 0 to 6 without folders.

    Returns:
        Count of images.

    Raises:
        MissingDataError: If there is no prediction.
        DataError: If an id is out of range.
    """
    paths = sorted(Path(predictions).glob('*.png'))
    if not paths:
        raise MissingDataError(f'no prediction (*.png) in {predictions}.')
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            label = read_label(str(path))
            if label.min() < 1 or label.max() > NUM_CLASSES:
                raise DataError(
                    f'{path} holds ids {int(label.min())} to '
                    f'{int(label.max())}; expected are 1 to 7, as '
                    '`IoUMetric` writes for data with `reduce_zero_label`.')
            buffer = BytesIO()
            Image.fromarray((label - 1).astype(np.uint8)).save(buffer, 'PNG')
            archive.writestr(path.name, buffer.getvalue())
    return dict(images=len(paths))
