# Copyright (c) mmeo contributors. All rights reserved.
"""Open rasters safely: local files and data drivers only by default."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Optional, Union

import rasterio
from rasterio.errors import (
    NotGeoreferencedWarning,
    RasterioError,
    RasterioIOError,
)
from rasterio.io import DatasetReader

from mmeo.errors import ConfigError, DataError, MissingDataError

# Formats that hold pixels themselves. VRT, WMS, STACTA and the like name
# further sources, possibly on the network, and are therefore left out.
LOCAL_DRIVERS = ('GTiff', 'PNG', 'JPEG', 'JP2OpenJPEG', 'BMP', 'ENVI', 'HFA',
                 'NITF', 'netCDF', 'HDF5', 'MEM')
Band = Union[int, str]


def is_remote(path: str) -> bool:
    """Whether a path names something GDAL would fetch from elsewhere."""
    return '://' in path or path.startswith('/vsi')


@contextmanager
def open_raster(path: Union[str, PathLike],
                allow_network: bool = False) -> Iterator[
                    DatasetReader]:
    """Open a raster for reading.

    Args:
        path: Local file.
        allow_network: Also open URLs, GDAL's virtual file systems and formats
            that refer to other sources (VRT). Defaults to False.

    Yields:
        DatasetReader: The open file.

    Raises:
        MissingDataError: If the file does not exist.
        DataError: If it is remote and ``allow_network`` is off, or cannot be
            opened or read, e.g. because it is truncated.
    """
    path = fspath(path)
    if is_remote(path) and not allow_network:
        raise DataError(
            f'{path} is not a local file. Download it first, or set '
            '`allow_network=True` if you trust its source.')
    if not is_remote(path) and not Path(path).is_file():
        raise MissingDataError(f'raster {path} does not exist. Check '
                               '`data_root` and the file suffix.')
    drivers = None if allow_network else list(LOCAL_DRIVERS)
    try:
        # `rasterio.open` takes a single driver; the class behind it a list.
        with rasterio.Env(), _open(path, drivers) as src:
            yield src
    except RasterioIOError as error:
        raise DataError(
            f'raster {path} cannot be read ({error}). It is corrupt, '
            'truncated or of an unsupported format: check it with `gdalinfo '
            '-checksum` and copy or download it again.') from error
    except RasterioError as error:
        raise DataError(f'raster {path}: {error}') from error


def _open(path: str, drivers: Optional[list[str]]) -> DatasetReader:
    with warnings.catch_warnings():
        # Chips of benchmarks have no georeference, and need none.
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        return DatasetReader(path, driver=drivers)


def resolve_bands(src: DatasetReader,
                  bands: Union[Sequence[Band], None]) -> list[int]:
    """Turn band numbers and names into 1-based band indexes.

    Args:
        src: The open raster.
        bands: 1-based numbers or names as in the file's band descriptions.
            None means all bands in file order.

    Returns:
        1-based indexes.

    Raises:
        DataError: If a band is absent from the file.
        ConfigError: If an entry is neither an integer nor a string.
    """
    if bands is None:
        return list(src.indexes)
    names = [name for name in src.descriptions]
    indexes = []
    for band in bands:
        if isinstance(band, str):
            if band not in names:
                raise DataError(
                    f'raster {src.name} has no band named {band!r}; its band '
                    f'descriptions are {names}. Use one of these or 1-based '
                    'band numbers in `bands`.')
            indexes.append(names.index(band) + 1)
        elif isinstance(band, int) and not isinstance(band, bool):
            if not 1 <= band <= src.count:
                raise DataError(
                    f'raster {src.name} has {src.count} band(s); band {band} '
                    'is out of range. Band numbers in `bands` start at 1.')
            indexes.append(band)
        else:
            raise ConfigError('`bands` takes 1-based numbers or names, got '
                              f'{band!r}')
    return indexes
