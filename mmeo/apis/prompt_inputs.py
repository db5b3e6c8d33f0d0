# Copyright (c) mmeo contributors. All rights reserved.
"""Images of a prompt and of its targets, read by windows and normalised."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from rasterio.enums import Resampling
from rasterio.io import DatasetReader

from mmeo.datasets.band_names import bands_of
from mmeo.datasets.band_norm import BandNorm
from mmeo.datasets.band_stats import PRESETS, RGB_BANDS
from mmeo.datasets.transforms.load_image import LoadImage
from mmeo.datasets.transforms.load_raster import LoadRaster
from mmeo.datasets.units import check_unit
from mmeo.errors import DataError
from mmeo.geo import is_remote, open_raster, resolve_bands
from mmeo.geo.raster import Band

ImageLike = Union[str, Path, np.ndarray]
PICTURES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp')
#: Longest side, in pixels, of what a look at the unit or a picture needs.
PREVIEW = 1024


class PromptImage:
    """An image of one sensor: a picture, an array, or a large raster.

    A raster is opened anew for every window, so that only the window is in
    memory. The unit of the pixels is checked once, on a thinned copy of the
    whole, because a small window of open water or of a city can look like
    another unit.

    Args:
        image (str | Path | ndarray): Raster, 8-bit picture, or
            ``(H, W, C)`` array with bands in the order of the statistics
            (RGB; VV, VH).
        modality (str): Sensor, ``'hr'`` or ``'s1'``.
        norm (BandNorm): The statistics used in training.
        bands (Sequence[int | str], optional): Of a raster: 1-based numbers
            or band descriptions. By default bands described as those of the
            sensor, else the raster's red, green and blue, else all if their
            number fits.
        nodata (float | str | None): Value of pixels without data; 'file'
            takes the raster's own. A pixel is without data where all bands
            hold it, or any is NaN. Defaults to 'file'.
        what (str): What the image is to the user, for messages. Defaults to
            'image'.

    Raises:
        MissingDataError: If there is no such file.
        DataError: If it cannot be read, has another number of bands, or its
            values are in another unit, e.g. SAR in linear units.
    """

    def __init__(self,
                 image: ImageLike,
                 modality: str,
                 norm: BandNorm,
                 bands: Optional[Sequence[Band]] = None,
                 nodata: Union[float, str, None] = 'file',
                 what: str = 'image') -> None:
        self.modality = modality
        self.path = None if isinstance(image, np.ndarray) else str(image)
        self.name = f'{what} array' if self.path is None else self.path
        self.nodata = nodata
        self.crs = self.transform = None
        self.gcps: tuple[list, Any] = ([], None)
        self._array: Optional[np.ndarray] = None
        self._bands: list[int] = []
        if self.path is None:
            self._array = self._check_array(image)
        elif Path(self.path).suffix.lower() in PICTURES and \
                not is_remote(self.path):
            self._check_picture(bands)
            bgr = LoadImage()(dict(img_path=self.path))['img']
            self._array = np.ascontiguousarray(bgr[..., ::-1])
        else:
            self._open(bands, len(norm.mean))
        self._check_count(len(norm.mean))
        self._check_unit(norm)
        self._norm = _unchecked(norm)

    def _check_array(self, image: np.ndarray) -> np.ndarray:
        if image.ndim != 3 or 0 in image.shape:
            raise DataError(
                f'{self.name} has the shape {image.shape}; an image is '
                '(height, width, bands).')
        self.size = image.shape[:2]
        return image

    def _check_picture(self, bands: Optional[Sequence[Band]]) -> None:
        if self.modality != 'hr':
            raise DataError(
                f'{self.path} is an 8-bit picture, which cannot hold what '
                f'sensor {self.modality!r} measures: give a GeoTIFF or an '
                "array, or the modality 'hr' if it is a colour picture.")
        if bands is not None:
            raise DataError(f'{self.path} is a picture of red, green and '
                            'blue; `bands` chooses those of a GeoTIFF.')

    def _open(self, bands: Optional[Sequence[Band]], count: int) -> None:
        with open_raster(self.path) as src:
            self.size = src.shape
            self.crs, self.gcps = src.crs, src.gcps
            if src.crs is not None or not src.transform.is_identity:
                self.transform = src.transform
            self._bands = _choose_bands(src, self.modality, bands, count)

    def _check_count(self, expected: int) -> None:
        self.size = tuple(self.size if self._array is None else
                          self._array.shape[:2])
        count = (len(self._bands) if self._array is None else
                 self._array.shape[2])
        if count != expected:
            raise DataError(
                f'{self.name} gives {count} band(s), the model takes '
                f'{expected} of sensor {self.modality!r}: choose them with '
                '`bands` (--bands), or correct the modality.')

    def _check_unit(self, norm: BandNorm) -> None:
        if norm.unit is not None:
            image, missing = self.preview()
            check_unit(image[~missing], norm.unit, self.name)

    def read(self, row: int = 0, col: int = 0, height: Optional[int] = None,
             width: Optional[int] = None) -> tuple[np.ndarray, np.ndarray]:
        """A window, by default all of the image.

        Returns:
            tuple[ndarray, ndarray]: ``(C, h, w)`` float32, normalised, 0
            where there is no data, and ``(h, w)`` bool, True there.
        """
        height = self.size[0] - row if height is None else height
        width = self.size[1] - col if width is None else width
        image, missing = self._load(row, col, height, width)
        image = self._norm(image, missing, self.name)
        return np.ascontiguousarray(image.transpose(2, 0, 1)), missing

    def missing(self) -> np.ndarray:
        """Where the image has no data, ``(H, W)`` bool."""
        return self._load(0, 0, *self.size)[1]

    def _load(self, row: int, col: int, height: int,
              width: int) -> tuple[np.ndarray, np.ndarray]:
        if self._array is not None:
            image = self._array[row:row + height, col:col + width]
            return image, self._missing(image)
        loaded = LoadRaster(self._bands, nodata=self.nodata)(dict(
            img_path=self.path, window=(row, col, height, width)))
        return loaded['img'], loaded['nodata_mask']

    def preview(self, side: int = PREVIEW) -> tuple[np.ndarray, np.ndarray]:
        """A thinned copy, not normalised.

        Args:
            side (int): At most so many pixels along the longer side.

        Returns:
            tuple[ndarray, ndarray]: ``(h, w, C)`` and where it has no data,
            ``(h, w)`` bool.
        """
        size = preview_size(self.size, side)
        if self._array is None:
            with open_raster(self.path) as src:
                # Nearest, so that no value is made up and no-data stays so.
                image = src.read(self._bands, out_shape=size,
                                 resampling=Resampling.nearest)
                nodata = src.nodata
            image = image.transpose(1, 2, 0)
            return image, self._missing(image, nodata)
        image = self._array
        if size != self.size:
            image = thin(image, size)
        return image, self._missing(image)

    def _missing(self, image: np.ndarray,
                 declared: Optional[float] = None) -> np.ndarray:
        nodata = declared if self.nodata == 'file' else self.nodata
        missing = np.zeros(image.shape[:2], bool)
        if image.dtype.kind == 'f':
            missing |= np.isnan(image).any(-1)
        if nodata is not None:
            missing |= (image == nodata).all(-1)
        return missing


def preview_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Height and width with the longer side at most ``side``."""
    factor = min(1.0, side / max(size))
    return tuple(max(1, round(x * factor)) for x in size)


def thin(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Nearest pixels of ``(H, W)`` or ``(H, W, C)``, as GDAL takes them."""
    rows, cols = ((np.arange(n) + 0.5) * full / n
                  for n, full in zip(size, image.shape[:2]))
    return image[rows.astype(int)][:, cols.astype(int)]


def _choose_bands(src: DatasetReader, modality: str,
                  bands: Optional[Sequence[Band]], count: int) -> list[int]:
    """1-based numbers of the bands that the network takes."""
    known = modality in PRESETS and len(PRESETS[modality].bands) == count
    if bands is not None or not known:
        return resolve_bands(src, bands)
    try:
        return bands_of(src, modality)
    except DataError as error:
        colours = [c.name for c in src.colorinterp]
        if modality == 'hr' and all(colours.count(c) == 1
                                    for c in RGB_BANDS):
            return [colours.index(c) + 1 for c in RGB_BANDS]
        raise DataError(
            f'{src.name} has {src.count} band(s), described as '
            f'{list(src.descriptions)}; sensor {modality!r} needs '
            f'{", ".join(PRESETS[modality].bands)}: name them with `bands` '
            '(--bands 4,3,2), or correct the modality.') from error


def _unchecked(norm: BandNorm) -> BandNorm:
    """The same without a look at the unit, where no conversion needs it."""
    norm = copy.copy(norm)
    if norm.unit == norm.stats_unit:
        norm.unit = norm.stats_unit = None
    return norm
