# Copyright (c) mmeo contributors. All rights reserved.
"""OSCD: single-band files of two dates into one raster per date."""

from pathlib import Path
from typing import Union

import numpy as np

from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import DataError, MissingDataError
from mmeo.geo import open_raster

from .colours import write_png
from .official import require_names, some
from .rasters import write_tif

PathLike = Union[str, Path]
SPLITS = dict(
    train=('abudhabi', 'aguasclaras', 'beihai', 'beirut', 'bercy', 'bordeaux',
           'cupertino', 'hongkong', 'mumbai', 'nantes', 'paris', 'pisa',
           'rennes', 'saclay_e'),
    test=('brasilia', 'chongqing', 'dubai', 'lasvegas', 'milano',
          'montpellier', 'norcia', 'rio', 'saclay_w', 'valencia'))
#: Those of SkySense, in its order: without the 60 m bands.
BANDS = ('B02', 'B03', 'B04', 'B05', 'B06', 'B07', 'B08', 'B8A', 'B11', 'B12')
#: Both dates on one grid of 10 m.
DATES = dict(A='imgs_1_rect', B='imgs_2_rect')


def convert(source: PathLike, out: PathLike) -> dict[str, object]:
    """Stack bands, bring masks to 0 and 255, write the official lists.

    Args:
        source: Where the three archives were unpacked: folders whose names
            end in ``Images``, ``Train Labels`` and ``Test Labels``, or the
            cities themselves.
        out: Target: ``A``, ``B`` (TIFF of 10 bands, digital numbers),
            ``label`` (PNG) and ``list/{train,test}.txt``.

    Returns:
        Cities per split, and their changed pixels in percent.

    Raises:
        MissingDataError: If a city, band or mask is absent.
        DataError: If files of a city differ in size.
    """
    report: dict[str, object] = {}
    for split, cities in SPLITS.items():
        images = _cities(source, 'imgs_1_rect')
        masks = _cities(source, 'cm')
        require_names(cities, images, source, f'cities of {split}')
        require_names(cities, masks, source, f'masks of {split} (CITY/cm)')
        changed = total = 0
        for city in cities:
            mask = _convert_city(city, images[city], masks[city], Path(out))
            changed, total = changed + int(mask.sum()), total + mask.size
        path = Path(out) / 'list' / f'{split}.txt'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(''.join(f'{city}.tif\n' for city in cities))
        report[f'{split} cities'] = len(cities)
        report[f'{split} changed %'] = round(100 * changed / total, 3)
    return report


def _cities(source: PathLike, child: str) -> dict[str, Path]:
    """Folder of each city that has a certain one in it."""
    return {path.parent.name: path.parent
            for path in sorted(Path(source).rglob(child)) if path.is_dir()}


def _convert_city(city: str, images: Path, masks: Path,
                  out: Path) -> np.ndarray:
    mask = _read_mask(masks / 'cm', city)
    for date, folder in DATES.items():
        pixels = _stack(images / folder)
        if pixels.shape[:2] != mask.shape:
            raise DataError(f'{images / folder}: bands of {pixels.shape[:2]} '
                            f'pixels, but the mask has {mask.shape}.')
        write_tif(out / date / f'{city}.tif', pixels, BANDS)
    write_png(out / 'label' / f'{city}.png', mask.astype(np.uint8) * 255)
    return mask


def _stack(folder: Path) -> np.ndarray:
    """The ten bands of one date, ``(H, W, 10)`` uint16."""
    found = {path.stem.rpartition('_')[2]: path
             for path in sorted(folder.glob('*.tif'))}
    require_names(BANDS, found, folder, 'bands')
    bands = []
    for band in BANDS:
        with open_raster(found[band]) as src:
            bands.append(src.read(1))
    if len({band.shape for band in bands}) != 1:
        raise DataError(f'{folder}: bands differ in size, '
                        f'{[band.shape for band in bands]}. Take the folders '
                        'imgs_1_rect and imgs_2_rect, which share a grid.')
    return np.stack(bands, axis=-1)


def _read_mask(folder: Path, city: str) -> np.ndarray:
    """Where something changed, ``(H, W)`` bool."""
    path = folder / 'cm.png'
    if not path.is_file():
        raise MissingDataError(
            f'{path}, the mask of {city}, does not exist. Found: '
            f'{some(p.name for p in folder.iterdir())}.')
    return np.asarray(read_picture(str(path)).convert('L')) > 0
