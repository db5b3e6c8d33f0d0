# Copyright (c) mmeo contributors. All rights reserved.
"""The best that masks and boxes written as text can reach, without a model.

Truth is written and read back; what differs is lost by the representation
alone, and no model that answers in this form scores more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

import cv2
import numpy as np

from mmeo.codecs import (
    decode_boxes,
    decode_mask,
    encode_boxes,
    encode_mask,
    from_grid,
    to_grid,
)
from mmeo.codecs.mask_dialects import check_names
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.geo.raster import open_raster

SUFFIXES = ('.png', '.tif', '.tiff', '.bmp', '.jp2')
_IGNORED = -1


@dataclass
class LabelLegend:
    """Which values of a label raster are classes.

    Args:
        classes (Sequence[str]): Names.
        values (Sequence[int], optional): Their values; 0, 1, ... by default.
        ignore (Sequence[int]): Values that are not scored. Defaults to 255.
        background (str): Word for all other values. Defaults to 'others'.

    Raises:
        DataError: If a name cannot be written as text.
        ConfigError: If the values do not fit the names.
    """

    classes: Sequence[str]
    values: Optional[Sequence[int]] = None
    ignore: Sequence[int] = (255, )
    background: str = 'others'
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.names = check_names([self.background, *self.classes])
        if self.values is None:
            self.values = range(len(self.classes))
        if len(self.values) != len(self.classes):
            raise ConfigError(f'{len(self.classes)} classes but '
                              f'{len(self.values)} values')
        if len({*self.values, *self.ignore}) < len(self.values) + len(
                set(self.ignore)):
            raise ConfigError(f'values {list(self.values)}, ignored '
                              f'{list(self.ignore)}: one of them has two '
                              'meanings')

    def read(self, path: Union[str, Path]) -> np.ndarray:
        """Ids ``(H, W)`` int64: 0 background, then classes; -1 ignored."""
        with open_raster(path) as source:
            if source.count != 1:
                raise DataError(f'{path} has {source.count} bands: a label '
                                'raster has one; convert colours first')
            raw = source.read(1)
        ids = np.zeros(raw.shape, dtype=np.int64)
        for index, value in enumerate(self.values, 1):
            ids[raw == value] = index
        ids[np.isin(raw, list(self.ignore))] = _IGNORED
        return ids


@dataclass
class MaskCeiling:
    """What grids of one size keep of all label rasters.

    Attributes:
        tile (int or None): Side of the tiles in pixels; None, whole rasters.
        grid (int): Cells of a side.
        intersection, union (np.ndarray): ``(classes,)`` pixels.
        masks (int): How many masks were written.
        runs (int): Runs of all of them.
    """

    tile: Optional[int]
    grid: int
    intersection: np.ndarray
    union: np.ndarray
    masks: int = 0
    runs: int = 0

    @property
    def iou(self) -> np.ndarray:
        """``(classes,)`` of all pixels; NaN for classes that do not occur."""
        with np.errstate(invalid='ignore'):
            return self.intersection / self.union

    def add(self, ids: np.ndarray, legend: LabelLegend,
            dialect: str) -> None:
        """Write one tile and read it back."""
        text = encode_mask(to_grid(ids, self.grid), legend.names, dialect,
                           ignore_index=_IGNORED)
        back = from_grid(decode_mask(text, legend.names, self.grid).mask,
                         ids.shape)
        back = np.where(ids == _IGNORED, _IGNORED, back)
        for index in range(1, len(legend.names)):
            truth, read = ids == index, back == index
            self.intersection[index - 1] += (truth & read).sum()
            self.union[index - 1] += (truth | read).sum()
        self.masks += 1
        self.runs += text.count('*')


@dataclass
class BoxCeiling:
    """What boxes around connected parts of a class keep.

    Attributes:
        tile (int or None): Side of the tiles in pixels; None, whole rasters.
        scale (int): Units of an image side.
        ious (list[float]): Of each box.
    """

    tile: Optional[int]
    scale: int
    ious: list[float] = field(default_factory=list)

    def share(self, threshold: float) -> float:
        """Of boxes whose IoU is at least this."""
        return float(np.mean(np.array(self.ious) >= threshold))

    def add(self, boxes: np.ndarray, size: tuple[int, int]) -> None:
        """Write boxes of one tile and read them back."""
        text = encode_boxes(boxes, size, dialect='rsunivlm',
                            scale=self.scale, widen=True)
        back = decode_boxes(text, size, 'rsunivlm', self.scale).boxes
        low = np.maximum(boxes[:, :2], back[:, :2])
        high = np.minimum(boxes[:, 2:], back[:, 2:])
        inner = (high - low).clip(min=0).prod(1)
        areas = [(b[:, 2:] - b[:, :2]).prod(1) for b in (boxes, back)]
        self.ious += (inner / (areas[0] + areas[1] - inner)).tolist()


def mask_ceilings(files: Sequence[Path],
                  legend: LabelLegend,
                  grids: Sequence[int] = (16, 24, 32, 64),
                  tiles: Sequence[Optional[int]] = (None, ),
                  dialect: str = 'rsunivlm') -> list[MaskCeiling]:
    """IoU of encoding and decoding label rasters.

    Args:
        files (Sequence[Path]): See :func:`find_labels`.
        legend (LabelLegend): What their values mean.
        grids (Sequence[int]): Cells of a side. Defaults to 16, 24, 32, 64.
        tiles (Sequence[int or None]): Rasters are cut into squares of this
            size, each of which is one mask; what remains at the right and
            at the bottom is a smaller tile. None leaves them whole.
        dialect (str): Defaults to 'rsunivlm'.

    Returns:
        list[MaskCeiling]: One for each tile size and grid.
    """
    count = len(legend.classes)
    found = [MaskCeiling(tile, grid, np.zeros(count), np.zeros(count))
             for tile in tiles for grid in grids]
    for file in files:
        ids = legend.read(file)
        for ceiling in found:
            for part in _tiles(ids, ceiling.tile):
                ceiling.add(part, legend, dialect)
    return found


def box_ceilings(files: Sequence[Path],
                 legend: LabelLegend,
                 scales: Sequence[int] = (100, 1000),
                 tiles: Sequence[Optional[int]] = (None, ),
                 min_side: int = 8) -> list[BoxCeiling]:
    """IoU of boxes around connected parts, written and read back.

    Args:
        files (Sequence[Path]): See :func:`find_labels`.
        legend (LabelLegend): What their values mean.
        scales (Sequence[int]): Units of an image side.
        tiles (Sequence[int or None]): See :func:`mask_ceilings`.
        min_side (int): Boxes with a shorter side are left out, in pixels.
            Defaults to 8.

    Returns:
        list[BoxCeiling]: One for each tile size and scale.
    """
    found = [BoxCeiling(tile, scale) for tile in tiles for scale in scales]
    for file in files:
        ids = legend.read(file)
        for tile in tiles:
            for part in _tiles(ids, tile):
                boxes = _boxes(part, len(legend.classes), min_side)
                for ceiling in found:
                    if ceiling.tile == tile and len(boxes):
                        ceiling.add(boxes, part.shape)
    return found


def find_labels(path: Union[str, Path]) -> list[Path]:
    """Rasters of a folder and its subfolders, or one file.

    Raises:
        MissingDataError: If there are none.
    """
    path = Path(path)
    files = [path] if path.is_file() else sorted(
        file for file in path.rglob('*') if file.suffix.lower() in SUFFIXES)
    if not files:
        raise MissingDataError(f'no label rasters ({", ".join(SUFFIXES)}) at '
                               f'{path}')
    return files


def mask_table(ceilings: Sequence[MaskCeiling],
               legend: LabelLegend) -> str:
    """IoU in percent by tile, grid and class, as text."""
    widths = [max(len(name), 5) + 2 for name in legend.classes]
    head = f'{"tile":>6}{"grid":>6}' + ''.join(
        f'{name:>{width}}' for name, width in zip(legend.classes, widths))
    lines = [head + f'{"mean":>8}{"masks":>8}{"runs/mask":>11}']
    for item in ceilings:
        cells = ''.join(f'{_percent(value):>{width}}'
                        for value, width in zip(item.iou, widths))
        known = item.iou[~np.isnan(item.iou)]
        mean = known.mean() if known.size else np.nan
        lines.append(
            f'{item.tile or "whole":>6}{item.grid:>6}{cells}'
            f'{_percent(mean):>8}{item.masks:>8}'
            f'{item.runs / max(item.masks, 1):>11.1f}')
    return '\n'.join(lines)


def box_table(ceilings: Sequence[BoxCeiling]) -> str:
    """IoU of boxes in percent by tile and scale, as text."""
    lines = [f'{"tile":>6}{"scale":>7}{"boxes":>8}{"mean IoU":>10}'
             f'{">= 0.5":>8}{">= 0.7":>8}']
    for item in ceilings:
        values = [np.mean(item.ious), item.share(0.5), item.share(0.7)] \
            if item.ious else [np.nan] * 3
        lines.append(f'{item.tile or "whole":>6}{item.scale:>7}'
                     f'{len(item.ious):>8}{_percent(values[0]):>10}'
                     f'{_percent(values[1]):>8}{_percent(values[2]):>8}')
    return '\n'.join(lines)


def _percent(value: float) -> str:
    return '-' if np.isnan(value) else f'{100 * value:.1f}'


def _tiles(ids: np.ndarray, tile: Optional[int]) -> Iterator[np.ndarray]:
    if tile is None:
        yield ids
        return
    for top in range(0, ids.shape[0], tile):
        for left in range(0, ids.shape[1], tile):
            yield ids[top:top + tile, left:left + tile]


def _boxes(ids: np.ndarray, count: int, min_side: int) -> np.ndarray:
    """``(N, 4)`` x1, y1, x2, y2 around the parts of each class."""
    found = [np.empty((0, 4))]
    for index in range(1, count + 1):
        part = (ids == index).astype(np.uint8)
        stats = cv2.connectedComponentsWithStats(part)[2][1:]
        stats = stats[(stats[:, 2:4] >= min_side).all(1)]
        x, y, w, h = stats[:, :4].T.astype(np.float64)
        found.append(np.stack([x, y, x + w, y + h], 1))
    return np.concatenate(found)
