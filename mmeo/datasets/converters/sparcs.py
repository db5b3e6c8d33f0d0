# Copyright (c) mmeo contributors. All rights reserved.
"""SPARCS: lists of scenes for a split; the scenes are read as they are."""

from pathlib import Path
from typing import Union

import numpy as np

from mmeo.datasets.seg_sensors import SPARCSDataset
from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.errors import DataError, MissingDataError
from mmeo.geo import open_raster

from .official import find_unique, require_names, some
from .rasters import BandStatistics

PathLike = Union[str, Path]
NUM_SCENES, NUM_BANDS = 80, 10
CLASSES = SPARCSDataset.METAINFO['classes']
#: Digital numbers to reflectance at the top of the atmosphere, without the
#: correction by the sun's height (Landsat 8, level 1).
SCALE, OFFSET = 2e-5, -0.1


def prepare(root: PathLike, val_share: float = 0.2, seed: int = 0
            ) -> dict[str, object]:
    """Check the official scenes and draw a split.

    There is no official split; papers do not publish theirs.

    Args:
        root: Folder with ``sending/``, where ``l8cloudmasks.zip`` was
            unpacked. ``ROOT/list/train.txt`` and ``val.txt`` are written.
        val_share: Share of the scenes, in (0, 1). Defaults to 0.2.
        seed: Of the draw. Defaults to 0.

    Returns:
        Scenes per split, the share of each class in percent, and
        ``statistics`` of the training scenes as a line of config.

    Raises:
        MissingDataError: If not all 80 scenes and masks are there.
        DataError: If sizes, bands or ids do not fit.
    """
    folder = Path(root) / 'sending'
    images = find_unique(folder, ('_data.tif', ))
    masks = find_unique(folder, ('_mask.png', ))
    if len(images) != NUM_SCENES:
        raise MissingDataError(
            f'{folder} holds {len(images)} scenes (*_data.tif); there are '
            f'{NUM_SCENES}. Found: {some(images)}. Unpack l8cloudmasks.zip.')
    require_names(images, masks, folder, 'masks (*_mask.png)')
    names = sorted(images)
    order = np.random.default_rng(seed).permutation(len(names))
    number = round(val_share * len(names))
    if not 0 < number < len(names):
        raise DataError(f'a share of {val_share} leaves no scene to train or '
                        'to validate: give one between 0 and 1.')
    splits = dict(val=order[:number], train=order[number:])
    pixels = np.zeros(len(CLASSES), np.int64)
    statistics = BandStatistics()
    for split, members in splits.items():
        for name in sorted(names[i] for i in members):
            pixels += _check(images[name], masks[name],
                             statistics if split == 'train' else None)
        _write_list(root, split, sorted(names[i] for i in members))
    shares = 100 * pixels / pixels.sum()
    return {**{f'{split} scenes': len(members)
               for split, members in splits.items()},
            **{f'{name} %': round(float(share), 2)
               for name, share in zip(CLASSES, shares)},
            'statistics': statistics.config()}


def _check(image: Path, mask: Path,
           statistics: Union[BandStatistics, None]) -> np.ndarray:
    """Pixels of each class in one scene."""
    ids = read_label(str(mask))
    with open_raster(image) as src:
        if src.count != NUM_BANDS or src.shape != ids.shape:
            raise DataError(
                f'{image} has {src.count} bands of {src.shape} pixels, {mask} '
                f'{ids.shape}; expected are {NUM_BANDS} bands and one size.')
        if statistics is not None:
            statistics.add(src.read().transpose(1, 2, 0) * SCALE + OFFSET)
    if ids.max() >= len(CLASSES):
        raise DataError(f'{mask} holds the id {ids.max()}; they go from 0 to '
                        f'{len(CLASSES) - 1}.')
    return np.bincount(ids.ravel(), minlength=len(CLASSES))


def _write_list(root: PathLike, split: str, names: list[str]) -> None:
    path = Path(root) / 'list' / f'{split}.txt'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{name}\n' for name in names))
