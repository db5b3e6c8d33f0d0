# Copyright (c) mmeo contributors. All rights reserved.
"""Cloud to Street - Microsoft floods: the chips of Sentinel-1."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.errors import DataError, MissingDataError
from mmeo.geo import open_raster

from .band_stack import write_stack
from .colours import write_png
from .rasters import BandStatistics
from .report import Report

PathLike = Union[str, Path]
BANDS = ('VV', 'VH')
#: Values of the labels: dry, water, no data.
VALUES = (0, 1, 255)
#: Mean backscatter of a chip in dB lies far below this; linear power, and
#: decibels times 100, do not.
MIN_DB, MAX_DB = -60.0, 5.0


class Chip(NamedTuple):
    """Folder of one chip and the flood it is of."""

    event: str
    folder: Path

    @property
    def name(self) -> str:
        """Unique in the data set."""
        return f'{self.event}_{self.folder.name}'


def convert(source: PathLike, out: PathLike, val_share: float = 0.25,
            seed: int = 0) -> tuple[Report, dict[str, str]]:
    """Stack VV and VH, in dB, and copy the water labels of Sentinel-1.

    There is no official split. Floods are drawn whole, so that no place is
    in both parts (our choice). A pixel that is 0 or NaN in both bands has no
    data: it is written as NaN, and is unlabelled.

    Args:
        source: Folder with ``chips/EVENT/s1/CHIP/{VV,VH,LabelWater}.tif``,
            as on the Registry of Open Data on AWS (c2smsfloods).
        out: Target: ``img_dir/SPLIT/EVENT_CHIP.tif`` and
            ``ann_dir/SPLIT/EVENT_CHIP.png`` with SPLIT ``train`` and ``val``.
        val_share: Share of the floods in ``val``, in (0, 1).
        seed: Of the draw.

    Returns:
        Counts; and ``statistics`` of the part to train with as a line of
        config.

    Raises:
        MissingDataError: If there is no chip, or a file of one is absent.
        DataError: If sizes, values or units do not fit.
    """
    chips = list(find_chips(Path(source)))
    events = sorted({chip.event for chip in chips})
    number = round(val_share * len(events))
    if not 0 < number < len(events):
        raise DataError(f'a share of {val_share} of {len(events)} floods '
                        'leaves none to train or to validate: give one '
                        'between 0 and 1.')
    order = np.random.default_rng(seed).permutation(len(events))
    held_out = {events[i] for i in order[:number]}
    report, statistics = Report(), BandStatistics()
    report.counts.update({'val floods': number,
                          'train floods': len(events) - number})
    for chip in chips:
        split = 'val' if chip.event in held_out else 'train'
        image, label, grid = read_chip(chip)
        if (label == 255).all():
            report.dropped[f'{split} chips without a label'] += 1
            continue
        write_stack(Path(out) / 'img_dir' / split / f'{chip.name}.tif',
                    image, grid, BANDS)
        write_png(Path(out) / 'ann_dir' / split / f'{chip.name}.png', label)
        report.counts[f'{split} chips'] += 1
        report.counts[f'{split} chips with water'] += bool((label == 1).any())
        if split == 'train':
            statistics.add(image.transpose(1, 2, 0))
    return report, dict(statistics=statistics.config())


def find_chips(source: Path) -> Iterator[Chip]:
    """All chips of Sentinel-1, sorted.

    Raises:
        MissingDataError: If there is none, or a file of one is absent.
    """
    folders = sorted((source / 'chips').glob('*/s1/*'))
    if not folders:
        raise MissingDataError(
            f'no chip in {source}/chips/EVENT/s1/. Get the data set with `aws '
            's3 sync --no-sign-request s3://radiantearth/c2smsfloods` or the '
            'way that its page names, and give the folder that holds chips/.')
    for folder in folders:
        missing = [f'{name}.tif' for name in (*BANDS, 'LabelWater')
                   if not (folder / f'{name}.tif').is_file()]
        if missing:
            raise MissingDataError(f'chip {folder} lacks {missing}: unpack '
                                   'the data set again.')
        yield Chip(folder.parent.parent.name, folder)


def read_chip(chip: Chip) -> tuple[np.ndarray, np.ndarray, dict]:
    """Image ``(2, H, W)`` float32 in dB, label ``(H, W)`` uint8, the grid.

    Raises:
        DataError: If sizes differ, a value is no label, or no decibels.
    """
    bands, grid = [], {}
    for name in BANDS:
        with open_raster(chip.folder / f'{name}.tif') as src:
            bands.append(src.read(1).astype(np.float32))
            grid = dict(crs=src.crs, transform=src.transform,
                        nodata=float('nan'))
    label = read_label(str(chip.folder / 'LabelWater.tif'))
    shapes = {str(array.shape) for array in (*bands, label)}
    if len(shapes) > 1:
        raise DataError(f'{chip.folder}: VV, VH and label differ in size: '
                        f'{sorted(shapes)}.')
    wrong = np.setdiff1d(label, VALUES).tolist()
    if wrong:
        raise DataError(f'{chip.folder}/LabelWater.tif holds {wrong[:5]}; '
                        'labels are 0 (dry), 1 (water) and 255 (no data).')
    image = np.stack(bands)
    empty = ((image == 0) | ~np.isfinite(image)).all(0)
    image[:, empty] = np.nan
    image[~np.isfinite(image)] = np.nan
    _check_decibel(image, chip.folder)
    label[empty] = 255
    return image, label.astype(np.uint8), grid


def _check_decibel(image: np.ndarray, folder: Path) -> None:
    values = image[np.isfinite(image)]
    if not values.size:
        return
    mean, least = values.mean(), values.min()
    if not MIN_DB < mean < MAX_DB or least >= 0:
        raise DataError(
            f'{folder}: the mean of VV and VH is {mean:.3g}, the least '
            f'{least:.3g}; this is no backscatter in decibels. Take the '
            'original files, or convert power by 10 log10.')
