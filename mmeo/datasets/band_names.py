# Copyright (c) mmeo contributors. All rights reserved.
"""Which bands of a file are those that a sensor's network takes."""

import re
from collections.abc import Sequence
from typing import Optional

from rasterio.io import DatasetReader

from mmeo.datasets.band_stats import PRESETS
from mmeo.errors import DataError
from mmeo.geo import resolve_bands
from mmeo.geo.raster import Band

_COLOURS = dict(r='red', g='green', b='blue')
# Common names of STAC's `eo` extension. B8A is left out: both it and B8 are
# called near infrared.
_COMMON = {'blue': 'B2', 'green': 'B3', 'red': 'B4', 'rededge1': 'B5',
           'rededge2': 'B6', 'rededge3': 'B7', 'nir': 'B8', 'nir08': 'B8A',
           'swir16': 'B11', 'swir22': 'B12', 'coastal': 'B1', 'nir09': 'B9',
           'cirrus': 'B10'}


def s2_band(name: Optional[str]) -> str:
    """'B02', 'b2' and 'B2_10m' -> 'B2'; the rest as it is, in upper case."""
    text = re.split(r'[ _(]', (name or '').strip())[0].upper()
    match = re.fullmatch(r'B0*(\d{1,2}A?)', text)
    return f'B{match[1]}' if match else text


def s2_common_band(name: str) -> str:
    """As :func:`s2_band`, also of STAC's common names ('nir' -> 'B8')."""
    return _COMMON.get(name.lower(), s2_band(name))


def _canonical(name: Optional[str], sensor: str) -> str:
    if sensor == 's2':
        return s2_band(name)
    if sensor == 's1':
        return re.split(r'[ _(]', (name or '').strip())[0].upper()
    name = (name or '').strip().lower()
    return _COLOURS.get(name, name)


def bands_of(src: DatasetReader, sensor: str,
             bands: Optional[Sequence[Band]] = None) -> list[int]:
    """The 1-based band numbers of a sensor's bands in a file.

    Chosen bands come first; then band descriptions, in whatever order the
    file has them ('B02' and 'B2' are the same); then, if the number of bands
    is the expected one, the order of the file.

    Args:
        src (DatasetReader): The open file.
        sensor (str): Name of the modality. One without a preset takes all
            bands.
        bands (Sequence[int | str], optional): Numbers or descriptions.

    Raises:
        DataError: If it cannot be told which bands are meant.
    """
    if bands is not None or sensor not in PRESETS:
        return resolve_bands(src, bands)
    wanted = PRESETS[sensor].bands
    names = [_canonical(name, sensor) for name in src.descriptions]
    if all(names.count(band) == 1 for band in wanted):
        return [names.index(band) + 1 for band in wanted]
    if src.count == len(wanted) and not set(names) & set(wanted):
        return list(src.indexes)
    raise DataError(
        f'{src.name} has {src.count} band(s), described as '
        f'{list(src.descriptions)}; modality {sensor!r} needs '
        f'{", ".join(wanted)}. Name them in `bands=dict({sensor}=[...])` of '
        'the loader, or write band descriptions into the file.')
