# Copyright (c) mmeo contributors. All rights reserved.
"""Images of a dialogue: pictures, arrays, and rasters of any size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from PIL import Image
from rasterio.enums import Resampling

from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import DataError
from mmeo.geo import is_remote, open_raster, resolve_bands
from mmeo.geo.raster import Band
from mmeo.visualization.rendering import stretch

from .prompt_inputs import PICTURES, preview_size

ChatImageLike = Union[str, Path, np.ndarray, Image.Image]
#: Longest side in pixels of what a model is shown of a large raster.
MAX_SIDE = 4096


class ChatImage:
    """An image as 8-bit colours, and where it lies on Earth.

    A raster whose longer side has more than ``max_side`` pixels is read
    through its overviews, so that memory does not grow with it. What is not
    8-bit is stretched between its percentiles 2 and 98; ``notes`` say so.

    Args:
        image (str | Path | ndarray | Image): Picture, GeoTIFF, ``(H, W, 3)``
            or ``(H, W)`` uint8 array, or a PIL image.
        bands (Sequence[int | str], optional): Red, green and blue of a
            raster. Defaults to its first three, or its only one.
        max_side (int): Defaults to 4096.

    Attributes:
        path (str or None): The file.
        size (tuple[int, int]): Height and width of the whole in pixels.
        picture (Image): RGB, at most ``max_side`` pixels a side.
        crs, transform, gcps: Of a raster with a place on Earth, else None
            (``([], None)`` for the points).
        notes (list[str]): What was done to show it.

    Raises:
        MissingDataError: If there is no such file.
        DataError: If it cannot be read or is no image.
    """

    def __init__(self, image: ChatImageLike,
                 bands: Optional[Sequence[Band]] = None,
                 max_side: int = MAX_SIDE) -> None:
        self.path = str(image) if isinstance(image, (str, Path)) else None
        self.crs = self.transform = None
        self.gcps: tuple[list, Any] = ([], None)
        self.notes: list[str] = []
        if self.path is None:
            self.picture = _from_memory(image)
            self.size = (self.picture.height, self.picture.width)
        elif Path(self.path).suffix.lower() in PICTURES and not is_remote(
                self.path):
            self.picture = read_picture(self.path).convert('RGB')
            self.size = (self.picture.height, self.picture.width)
        else:
            self._open(bands, max_side)

    @property
    def name(self) -> str:
        """File name without folder and suffix, 'image' without a file."""
        return Path(self.path).stem if self.path else 'image'

    @property
    def is_georeferenced(self) -> bool:
        """Whether its pixels have coordinates of a known system."""
        return self.crs is not None and self.transform is not None

    def _open(self, bands: Optional[Sequence[Band]], max_side: int) -> None:
        with open_raster(self.path) as src:
            if not src.width or not src.height:
                raise DataError(f'{self.path} has no pixels')
            self.size = src.shape
            self.crs, self.gcps = src.crs, src.gcps
            if src.crs is not None or not src.transform.is_identity:
                self.transform = src.transform
            numbers = resolve_bands(src, bands) if bands else (
                [1, 2, 3] if src.count >= 3 else [1])
            shown = preview_size(self.size, max_side)
            pixels = src.read(numbers, out_shape=(len(numbers), *shown),
                              resampling=Resampling.average,
                              masked=True).transpose(1, 2, 0)
        if shown != tuple(self.size):
            self.notes.append(f'{self.path}: shown at {shown[0]} x {shown[1]} '
                              f'of {self.size[0]} x {self.size[1]} pixels')
        if pixels.dtype != np.uint8:
            self.notes.append(f'{self.path}: {pixels.dtype} stretched to 8 '
                              'bit between its percentiles 2 and 98')
            if pixels.mask.all():
                raise DataError(f'{self.path} holds no data')
            pixels = stretch(pixels.astype(np.float32).filled(np.nan))
        else:
            pixels = pixels.filled(0)
        if pixels.shape[2] not in (1, 3):
            raise DataError(f'{self.path}: {len(numbers)} bands were chosen; '
                            'a picture has one or three (`bands`)')
        self.picture = _from_memory(pixels)


def _from_memory(image: Union[np.ndarray, Image.Image]) -> Image.Image:
    if isinstance(image, Image.Image):
        return image.convert('RGB')
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    good = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not good or 0 in array.shape:
        raise DataError(
            f'an image array of shape {array.shape} and {array.dtype}: give '
            '(H, W, 3) or (H, W) uint8, or the file')
    return Image.fromarray(array).convert('RGB')
