# Copyright (c) mmeo contributors. All rights reserved.
"""Cut one image of DOTA into patches, strip by strip."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import cv2
import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.windows import Window

from mmeo.datasets.dota_text import DotaLabels, dota_text
from mmeo.errors import ConfigError, DataError
from mmeo.geo import open_raster

from .patch_labels import crop_objects, polygons, scale_objects
from .report import Report
from .tiles import tile_starts

# Enough that GDAL does not decode a PNG again from its top for every strip.
CACHE_BYTES = 512 << 20


@dataclass(frozen=True)
class PatchSettings:
    """How images are cut.

    Args:
        size (int): Side of a patch in pixels. Defaults to 1024.
        overlap (int): Pixels that neighbours share. Defaults to 200.
        rates (Sequence[float]): Images are resized by each. Defaults to
            ``(1.0,)``.
        iof_thr (float): Least visible share of an object that is kept whole.
            Defaults to 0.7.
        cut (str): What becomes of other objects: ``'drop'``, or
            ``'difficult'`` keeps the visible part. Defaults to 'drop'.
        empty (str): ``'keep'`` or ``'drop'`` patches without objects.
            Defaults to 'keep'.
        pad_value (Sequence[int]): RGB around images smaller than a patch;
            0 where an image is not 8-bit RGB. Defaults to ImageNet's mean.
        suffix (str): ``'png'``, ``'jpg'`` (both 8-bit) or ``'tif'``, which
            keeps bands, type and georeference. Defaults to 'png'.

    Raises:
        ConfigError: If a value does not fit.
    """

    size: int = 1024
    overlap: int = 200
    rates: Sequence[float] = (1.0, )
    iof_thr: float = 0.7
    cut: str = 'drop'
    empty: str = 'keep'
    pad_value: Sequence[int] = (124, 116, 104)
    suffix: str = 'png'

    def __post_init__(self) -> None:
        for name, allowed in (('cut', ('drop', 'difficult')),
                              ('empty', ('keep', 'drop')),
                              ('suffix', ('png', 'jpg', 'tif'))):
            if getattr(self, name) not in allowed:
                raise ConfigError(f'{name}={getattr(self, name)!r}: choose '
                                  f'one of {list(allowed)}.')
        if not 0 < self.iof_thr <= 1:
            raise ConfigError(f'iof_thr={self.iof_thr} is no share: give '
                              'more than 0 and at most 1.')
        if not self.rates or min(self.rates) <= 0:
            raise ConfigError(f'rates={list(self.rates)}: give one or more '
                              'factors above 0.')
        if len(set(map(float, self.rates))) < len(self.rates):
            raise ConfigError(f'rates={list(self.rates)} holds a rate twice; '
                              'its patches would overwrite each other.')
        tile_starts(self.size + 1, self.size, self.overlap)  # checks both


def patch_name(stem: str, rate: float, x: int, y: int) -> str:
    """Name of a patch, as DOTA's tools form it: ``P0001__1.0__824___0``.

    Args:
        stem: Name of the image.
        rate: By which the image was resized.
        x: Left of the patch, in pixels of the resized image.
        y: Top of the patch.
    """
    return f'{stem}__{float(rate)}__{x}___{y}'


def split_image(path: Path, labels: Optional[DotaLabels], images: Path,
                annfiles: Optional[Path], settings: PatchSettings) -> Report:
    """Write the patches of one image and their label files.

    Args:
        path: The image; only strips of it are in memory.
        labels: Its objects; None where they are unknown.
        images: Target folder of patches.
        annfiles: Target folder of label files; None if there are no labels.
        settings: How to cut.

    Returns:
        Counts of patches and objects.

    Raises:
        DataError: If the image cannot be read, or its pixels cannot be
            written in that format.
    """
    report = Report()
    objects = labels.objects if labels else []
    seen = np.zeros(len(objects), bool)
    with _open(path) as src:
        _check_pixels(path, src, settings.suffix)
        for rate in settings.rates:
            width, height = (max(round(v * rate), 1)
                             for v in (src.width, src.height))
            scale = width / src.width, height / src.height
            scaled = scale_objects(objects, *scale)
            shapes = polygons(scaled) if scaled else np.zeros(0, object)
            for x, y, pixels in _read_patches(src, width, height, settings):
                kept, whole, fate = crop_objects(
                    scaled, shapes, x, y, settings.size, settings.iof_thr,
                    settings.cut)
                seen |= whole
                report.counts['objects in patches, kept whole'] += fate[
                    'whole']
                report.counts['objects in patches, visible part'] += fate[
                    'cut']
                report.dropped[
                    f'parts of objects below {settings.iof_thr} of their '
                    'area'] += fate['dropped']
                if labels is not None and not kept and (
                        settings.empty == 'drop'):
                    report.dropped['patches without objects'] += 1
                    continue
                name = patch_name(path.stem, rate, x, y)
                _write(images / f'{name}.{settings.suffix}', pixels, src,
                       _placed(src, scale, x, y), settings)
                if annfiles is not None:
                    found = DotaLabels(kept, labels.source, labels.gsd and
                                       labels.gsd / rate)
                    (annfiles / f'{name}.txt').write_text(dota_text(found))
                report.counts['patches'] += 1
    report.counts.update(images=1, objects=len(objects))
    report.dropped['objects that no patch shows as a whole'] += int(
        (~seen).sum())
    for numbers in (report.counts, report.dropped):
        for key in [key for key, count in numbers.items() if not count]:
            del numbers[key]
    return report


@contextmanager
def _open(path: Path) -> Iterator[DatasetReader]:
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), open_raster(path) as src:
        yield src


def _check_pixels(path: Path, src: DatasetReader, suffix: str) -> None:
    plain = set(src.dtypes) == {'uint8'} and src.count in (1, 3, 4)
    if suffix != 'tif' and not plain:
        raise DataError(
            f'{path} has {src.count} bands of {src.dtypes[0]}, which a '
            f'{suffix} cannot hold. Write tif patches (`suffix`).')


def _read_patches(src: DatasetReader, width: int, height: int,
                  settings: PatchSettings
                  ) -> Iterator[tuple[int, int, np.ndarray]]:
    """Left, top and pixels ``(bands, h, w)`` of each patch, row by row."""
    size = settings.size
    for y in tile_starts(height, size, settings.overlap):
        rows = min(size, height - y)
        factor = src.height / height
        strip = src.read(
            window=Window(0, y * factor, src.width, rows * factor),
            out_shape=(src.count, rows, width),
            resampling=Resampling.bilinear)
        for x in tile_starts(width, size, settings.overlap):
            yield x, y, strip[:, :, x:x + size]


def _placed(src: DatasetReader, scale: tuple[float, float], x: int,
            y: int) -> Affine:
    """Georeference of a patch."""
    place = src.transform
    a, d = place.a / scale[0], place.d / scale[0]
    b, e = place.b / scale[1], place.e / scale[1]
    return Affine(a, b, place.c + a * x + b * y,
                  d, e, place.f + d * x + e * y)


def _write(path: Path, pixels: np.ndarray, src: DatasetReader,
           transform: Affine, settings: PatchSettings) -> None:
    if settings.suffix != 'tif' and len(pixels) == 4:
        pixels = pixels[:3]  # transparency
    bands, height, width = pixels.shape
    if (height, width) != (settings.size, settings.size):
        padded = np.zeros((bands, settings.size, settings.size),
                          pixels.dtype)
        if bands == 3 and pixels.dtype == np.uint8:
            padded[:] = np.array(settings.pad_value, np.uint8)[:, None, None]
        padded[:, :height, :width] = pixels
        pixels = padded
    if settings.suffix == 'tif':
        with rasterio.open(path, 'w', driver='GTiff', count=bands,
                           height=settings.size, width=settings.size,
                           dtype=pixels.dtype, crs=src.crs,
                           transform=transform, nodata=src.nodata,
                           compress='deflate') as target:
            target.write(pixels)
        return
    picture = pixels[::-1].transpose(1, 2, 0)  # RGB to OpenCV's BGR
    if not cv2.imwrite(str(path), np.ascontiguousarray(picture)):
        raise DataError(f'cannot write {path}: is the disk full or the '
                        'folder read-only?')
