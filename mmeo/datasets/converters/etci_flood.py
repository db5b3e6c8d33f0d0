# Copyright (c) mmeo contributors. All rights reserved.
"""ETCI 2021: two polarisations into one raster, floods to ids."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import DataError, MissingDataError

from .colours import write_png
from .official import require_names
from .rasters import BandStatistics, write_tif
from .report import Report

PathLike = Union[str, Path]
BANDS = ('VV', 'VH')
#: Split to folder of the download. ``test_internal`` came without labels.
SPLITS = dict(train='train', val='test')
_WITHOUT_BAND = re.compile(r'_vv(?=\.png$)')


class Tile(NamedTuple):
    """Files of one tile."""

    name: str
    vv: Path
    vh: Path
    flood: Path


def convert(source: PathLike, out: PathLike,
            splits: Sequence[str] = tuple(SPLITS)
            ) -> tuple[Report, dict[str, str]]:
    """Stack VV and VH of each tile as they are and turn masks into ids.

    The tiles hold grey values of 0 to 255 in three equal channels: a
    stretch of the backscatter, of which the limits were not published, so
    that decibels cannot be had back. They are kept as numbers, and each band
    is standardised by what is measured here (our choice). Tiles in which
    neither band varies lie outside the swath and are left out.

    Args:
        source: Folder with ``train/`` and ``test/``, each
            ``REGION_DATE/tiles/{vv,vh,flood_label}/``.
        out: Target: ``img_dir/SPLIT/NAME.tif``, ``ann_dir/SPLIT/NAME.png``.
        splits: Those to convert: ``train`` and ``val``, its ``test/``.

    Returns:
        Counts; and ``statistics`` of the images to train with as a line of
        config, empty without them.

    Raises:
        MissingDataError: If a folder, a polarisation or a mask is absent.
        DataError: If a tile is no grey picture or sizes differ.
    """
    report, statistics = Report(), BandStatistics()
    for split in splits:
        for tile in find_tiles(Path(source) / SPLITS[split]):
            image = read_tile(tile)
            if not np.ptp(image.reshape(-1, 2), axis=0).any():
                report.dropped[f'{split} tiles outside the swath'] += 1
                continue
            flood = _grey(tile.flood)
            if flood.shape != image.shape[:2]:
                raise DataError(f'{tile.flood} has {flood.shape} pixels, '
                                f'{tile.vv} {image.shape[:2]}.')
            name = Path(out) / 'img_dir' / split / f'{tile.name}.tif'
            write_tif(name, image, BANDS)
            write_png(Path(out) / 'ann_dir' / split / f'{tile.name}.png',
                      (flood >= 128).astype(np.uint8))
            report.counts[f'{split} tiles'] += 1
            report.counts[f'{split} tiles with flood'] += bool(
                (flood >= 128).any())
            if split == 'train':
                statistics.add(image)
    lines = dict(statistics=statistics.config()) if statistics.count else {}
    return report, lines


def find_tiles(folder: Path) -> Iterator[Tile]:
    """Tiles of all regions below a folder, sorted.

    Raises:
        MissingDataError: If there is none, or a counterpart is absent.
    """
    regions = sorted(folder.glob('*/tiles/vv'))
    if not regions:
        raise MissingDataError(
            f'no tile below {folder}/REGION_DATE/tiles/vv. Unpack train.zip '
            'and val_with_ref_labels.zip there, so that train/ and test/ lie '
            'side by side.')
    seen: dict[str, Path] = {}
    for vv in regions:
        tiles = vv.parent
        names = {_WITHOUT_BAND.sub('', path.name): path
                 for path in sorted(vv.glob('*.png'))}
        others = {}
        for kind, ending in (('vh', '_vh.png'), ('flood_label', '.png')):
            others[kind] = {
                path.name.removesuffix(ending) + '.png': path
                for path in (tiles / kind).glob(f'*{ending}')}
            require_names(names, others[kind], tiles / kind, f'{kind} tiles')
        for name, path in names.items():
            if name in seen:
                raise DataError(f'{seen[name]} and {path} are one tile: '
                                'remove the copy.')
            seen[name] = path
            yield Tile(name.removesuffix('.png'), path, others['vh'][name],
                       others['flood_label'][name])


def read_tile(tile: Tile) -> np.ndarray:
    """VV and VH, ``(H, W, 2)`` uint8.

    Raises:
        DataError: If they differ in size.
    """
    vv, vh = _grey(tile.vv), _grey(tile.vh)
    if vv.shape != vh.shape:
        raise DataError(f'{tile.vv} has {vv.shape} pixels, {tile.vh} '
                        f'{vh.shape}.')
    return np.stack((vv, vh), axis=-1)


def _grey(path: Path) -> np.ndarray:
    """One of equal channels, ``(H, W)``."""
    pixels = np.asarray(read_picture(str(path)).convert('RGB'))
    if (pixels != pixels[..., :1]).any():
        row, col = np.argwhere((pixels != pixels[..., :1]).any(2))[0]
        raise DataError(
            f'{path} is coloured at row {row}, column {col}; tiles of ETCI '
            '2021 are grey. Download it again.')
    return pixels[..., 0]
