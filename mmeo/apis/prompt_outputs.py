# Copyright (c) mmeo contributors. All rights reserved.
"""A label map as a GeoTIFF on the grid of its image."""

import json
import os
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Optional

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from mmeo.errors import ConfigError, DataError
from mmeo.geo import open_raster

from .prompt_inputs import PromptImage

TILE = 256


def output_paths(out: Optional[str], targets: Sequence[PromptImage],
                 inputs: Sequence[PromptImage], overwrite: bool
                 ) -> list[Optional[Path]]:
    """Where the map of each target goes.

    Args:
        out (str, optional): A ``.tif``; with several targets a folder, in
            which each map has its target's name.
        targets (Sequence[PromptImage]): The targets.
        inputs (Sequence[PromptImage]): What must not be replaced.
        overwrite (bool): Whether existing maps may be replaced.

    Raises:
        ConfigError: If a single output is no ``.tif``, or several one.
        DataError: If an output exists, is an input, or two have one name.
    """
    if out is None:
        return [None] * len(targets)
    is_tif = Path(out).suffix.lower() in ('.tif', '.tiff')
    if is_tif != (len(targets) == 1):
        raise ConfigError(
            f'output {out}: with one target it is a GeoTIFF, whose name ends '
            'in .tif, with several a folder; there are '
            f'{len(targets)} target(s).')
    paths = [Path(out)] if is_tif else [
        Path(out) / f'{output_name(image, targets)}.tif' for image in targets]
    for path in paths:
        if paths.count(path) > 1:
            raise DataError(f'two targets are named {path.stem}: their maps '
                            f'would both be {path}.')
        _check_free(path, inputs, overwrite)
    return paths


def output_name(image: PromptImage, targets: Sequence[PromptImage]) -> str:
    """Name of a target's outputs, without suffix."""
    return Path(image.path).stem if image.path else \
        f'target{targets.index(image)}'


def _check_free(path: Path, inputs: Sequence[PromptImage],
                overwrite: bool) -> None:
    if any(image.path and path.resolve() == Path(image.path).resolve()
           for image in inputs):
        raise DataError(f'output {path} is one of the inputs: choose another '
                        'name.')
    if path.exists() and not overwrite:
        raise DataError(f'output {path} exists. Choose another name, or '
                        'replace it with `overwrite=True` (--overwrite).')


class LabelWriter:
    """Writes a label map in blocks of rows; the file appears when complete.

    Tiled, compressed, with the CRS and transform (or ground control points)
    of the image, a colour table, the value 0 as no data, and the tag
    ``classes``, JSON of value to name. Until the end it has another name
    (``.part``), which is removed on an error.

    Args:
        path (Path): A new ``.tif``.
        image (PromptImage): Gives grid and place.
        classes (Mapping[int, str]): Value -> name, values from 1 on.
        palette (Sequence[tuple[int, int, int]]): RGB of values from 1 on.
        tags (Mapping[str, str]): Further tags.

    Raises:
        DataError: If the file cannot be written.
    """

    def __init__(self, path: Path, image: PromptImage,
                 classes: Mapping[int, str],
                 palette: Sequence[tuple[int, int, int]],
                 tags: Optional[Mapping[str, str]] = None) -> None:
        self.path = path
        self.part = path.with_name(path.name + '.part')
        self.image = image
        self.classes = dict(classes)
        self.palette = palette
        self.tags = dict(tags or {})

    def __enter__(self) -> 'LabelWriter':
        height, width = self.image.size
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with warnings.catch_warnings():
                # A picture has no place on Earth, and its map neither.
                warnings.simplefilter('ignore', NotGeoreferencedWarning)
                self._file = rasterio.open(
                    self.part, 'w', driver='GTiff', dtype='uint8', count=1,
                    height=height, width=width, crs=self.image.crs,
                    transform=self.image.transform, nodata=0, tiled=True,
                    blockxsize=TILE, blockysize=TILE, compress='deflate',
                    bigtiff='if_safer')
        except (OSError, RasterioError) as error:
            raise DataError(f'output {self.path} cannot be written: {error}'
                            ) from error
        self._describe()
        self._rows = np.zeros((0, width), np.uint8)
        self._written = self._sum = 0
        return self

    def _describe(self) -> None:
        if self.image.transform is None and self.image.gcps[0]:
            self._file.gcps = self.image.gcps
        colours = {0: (0, 0, 0, 0)}
        colours.update({value: (*self.palette[value - 1], 255)
                        for value in self.classes})
        self._file.write_colormap(1, colours)
        self._file.set_band_description(1, 'class')
        self._file.update_tags(classes=json.dumps(
            self.classes, ensure_ascii=False), **self.tags)

    def write(self, labels: np.ndarray) -> None:
        """Append rows ``(h, W)`` uint8."""
        self._rows = np.concatenate((self._rows, labels))
        # Whole tiles alone: one that is written twice is compressed twice.
        self._flush(len(self._rows) // TILE * TILE)

    def _flush(self, count: int) -> None:
        if not count:
            return
        window = Window(0, self._written, self._rows.shape[1], count)
        try:
            self._file.write(self._rows[:count], 1, window=window)
        except RasterioError as error:
            raise self._failure(error) from error
        self._written += count
        self._sum = zlib.crc32(self._rows[:count], self._sum)
        self._rows = self._rows[count:]

    def _failure(self, error: Exception) -> DataError:
        return DataError(f'output {self.path} cannot be written: {error} Is '
                         'the disk full?')

    def _read_back(self) -> None:
        """Compare the file with what was written.

        GDAL writes most of it when it closes the file, and does not always
        say that the disk was full.
        """
        found = 0
        try:
            with open_raster(self.part) as src:
                for row in range(0, src.height, TILE):
                    rows = min(TILE, src.height - row)
                    found = zlib.crc32(src.read(1, window=Window(
                        0, row, src.width, rows)), found)
        except DataError as error:
            raise self._failure(error) from error
        if found != self._sum:
            raise self._failure(DataError('it reads otherwise.'))

    def __exit__(self, kind: Optional[type], error: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        try:
            if kind is None:
                self._flush(len(self._rows))
            self._file.close()
            if kind is None:
                self._read_back()
                os.replace(self.part, self.path)
        except (RasterioError, OSError) as failure:
            if kind is None:  # else that error comes first
                raise self._failure(failure) from failure
        finally:
            self.part.unlink(missing_ok=True)
