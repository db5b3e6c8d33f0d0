# Copyright (c) mmeo contributors. All rights reserved.
"""FloodNet: images of 4000 x 3000 px and larger, reduced and checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np

from mmeo.datasets.seg_events import FloodNetDataset
from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import ConfigError, DataError, MissingDataError

from .colours import write_png
from .official import find_unique, require_names

PathLike = Union[str, Path]
SPLITS = dict(train=1445, val=450, test=448)
NUM_CLASSES = len(FloodNetDataset.METAINFO['classes'])


def convert(source: PathLike, out: PathLike, factor: int = 4,
            splits: Sequence[str] = tuple(SPLITS)) -> dict[str, int]:
    """Reduce the official images into ``img_dir`` and ``ann_dir``.

    At 1.5 cm a pixel a crop of 512 px shows a piece of one roof; the paper
    does not say what it did. We reduce by a whole factor: images by the mean
    of each block, labels by its most frequent id (our choice).

    Args:
        source: Folder with ``train/{train-org-img,train-label-img}`` and the
            same of ``val`` and ``test`` (FloodNet-Supervised_v1.0).
        out: Target: JPEGs and PNGs of ids 0 to 9.
        factor: By which sides are divided; 1 keeps the size.
        splits: Those to convert.

    Returns:
        Counts per split.

    Raises:
        ConfigError: If the factor is below 1.
        MissingDataError: If images or labels are absent.
        DataError: If a label has another size than its image, or ids above 9.
    """
    if factor < 1:
        raise ConfigError(f'factor={factor}: sides can be divided by 1, 2, '
                          '3, ... only.')
    counts = {}
    for split in splits:
        folder = Path(source) / split
        images = find_unique(folder / f'{split}-org-img', ('.jpg', ))
        labels = find_unique(folder / f'{split}-label-img', ('_lab.png', ))
        if len(images) != SPLITS[split]:
            raise MissingDataError(
                f'{folder}/{split}-org-img holds {len(images)} images; there '
                f'are {SPLITS[split]}. Unpack FloodNet-Supervised_v1.0 there.')
        require_names(images, labels, folder / f'{split}-label-img', 'labels')
        for name, path in images.items():
            _reduce(path, labels[name], Path(out), split, name, factor)
        counts[f'{split} images'] = len(images)
    return counts


def _reduce(path: Path, label: Path, out: Path, split: str, name: str,
            factor: int) -> None:
    picture = read_picture(str(path)).convert('RGB')
    ids = read_label(str(label))
    if ids.shape != picture.size[::-1]:
        raise DataError(f'{label} has {ids.shape} pixels, {path} '
                        f'{picture.size[::-1]}.')
    if ids.max() >= NUM_CLASSES:
        raise DataError(f'{label} holds the id {ids.max()}; they go from 0 '
                        f'to {NUM_CLASSES - 1}. Take the label images, not '
                        'the coloured ones.')
    height, width = (side - side % factor for side in ids.shape)
    reduced = picture.crop((0, 0, width, height)).reduce(factor)
    target = out / 'img_dir' / split / f'{name}.jpg'
    target.parent.mkdir(parents=True, exist_ok=True)
    if factor == 1:
        target.write_bytes(path.read_bytes())
    else:
        reduced.save(target, quality=95)
    write_png(out / 'ann_dir' / split / f'{name}.png',
              most_frequent(ids[:height, :width], factor))


def most_frequent(ids: np.ndarray, factor: int) -> np.ndarray:
    """The id that most pixels of each block have; of equals the smaller.

    Args:
        ids: ``(H, W)``, sides multiples of ``factor``, values below 10.
        factor: Side of a block.

    Returns:
        ``(H / factor, W / factor)`` uint8.
    """
    height, width = (side // factor for side in ids.shape)
    blocks = ids.reshape(height, factor, width, factor)
    best = np.zeros((height, width), np.uint8)
    most = np.zeros((height, width), np.int64)
    for index in range(NUM_CLASSES):
        votes = (blocks == index).sum((1, 3))
        best[votes > most] = index
        most = np.maximum(most, votes)
    return best
