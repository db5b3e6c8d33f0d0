# Copyright (c) mmeo contributors. All rights reserved.
"""COVID-QU-Ex: chest X-rays and masks to two folders."""

from pathlib import Path

import numpy as np
from PIL import Image

from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import ConfigError, DataError, MissingDataError

from .report import Report
from .slices import PathLike

SPLITS = dict(train='Train', val='Val', test='Test')
GROUPS = ('COVID-19', 'Non-COVID', 'Normal')
TARGETS = dict(infection='infection masks', lung='lung masks')


def convert(source: PathLike, out: PathLike,
            target: str = 'infection') -> Report:
    """Write the infection segmentation part in its official splits.

    Its 5,826 pictures are those that ViTP counts. Names get their group in
    front, since groups share names.

    Args:
        source: Folder ``Infection Segmentation Data`` with ``Train``, ``Val``
            and ``Test``, each with ``COVID-19``, ``Non-COVID`` and
            ``Normal``.
        out: Root of the result.
        target: 'infection' or 'lung'. Defaults to 'infection'.

    Returns:
        What was written, and pictures of healthy groups that have no
        infection mask and count as background.

    Raises:
        ConfigError: If the target is unknown.
        MissingDataError: If there is no picture, or a mask is absent.
        DataError: If a mask has another size or is not black and white.
    """
    if target not in TARGETS:
        raise ConfigError(f'target={target!r} is none of '
                          f'{", ".join(TARGETS)}.')
    report = Report()
    for split, folder in SPLITS.items():
        for group in GROUPS:
            base = Path(source) / folder / group
            for image in sorted((base / 'images').glob('*.png')):
                mask = base / TARGETS[target] / image.name
                label = _label(image, mask, group, target, report)
                name = f'{group}_{image.name}'
                _write(read_picture(str(image)).convert('L'),
                       Path(out) / 'img_dir' / split / name)
                _write(Image.fromarray(label),
                       Path(out) / 'ann_dir' / split / name)
                report.counts[f'{split} {group}'] += 1
        if not any(key.startswith(f'{split} ') for key in report.counts):
            raise MissingDataError(
                f'no {folder}/{{{",".join(GROUPS)}}}/images/*.png in '
                f"{source}. Give the inner folder 'Infection Segmentation "
                "Data' of the download.")
    return report


def _label(image: Path, mask: Path, group: str, target: str,
           report: Report) -> np.ndarray:
    width, height = read_picture(str(image)).size
    if not mask.is_file():
        # Only COVID-19 shows an infection; all groups have lungs.
        if target == 'lung' or group == 'COVID-19':
            raise MissingDataError(f'{image} has no mask {mask}.')
        report.odd['pictures without mask, taken as background'] += 1
        return np.zeros((height, width), np.uint8)
    grey = np.asarray(read_picture(str(mask)).convert('L'))
    if grey.shape != (height, width):
        raise DataError(f'mask {mask} has {grey.shape[0]} x {grey.shape[1]} '
                        f'pixels, its image {height} x {width}.')
    if ((grey > 64) & (grey < 192)).mean() > 0.01:
        raise DataError(f'mask {mask} is no black and white picture: more '
                        'than 1 % of it is grey.')
    return (grey >= 128).astype(np.uint8)


def _write(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
