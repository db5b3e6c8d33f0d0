# Copyright (c) mmeo contributors. All rights reserved.
"""Whether images of several sensors lie on the same ground.

All is decided on the grid of the coarsest pixels, called cells here: the
common extent is made of whole cells, so an HR image keeps ``hr_ratio`` pixels
to each cell along both axes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

from rasterio.coords import BoundingBox, disjoint_bounds
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.transform import Affine, array_bounds
from rasterio.windows import Window

from mmeo.errors import DataError

# Relative difference of pixel sizes that is rounding: 0.07 of a pixel over
# the 64 of a full sample.
TOLERANCE = 1e-3


class Grid(NamedTuple):
    """Place of a raster on the ground."""

    path: str
    crs: Optional[CRS]
    transform: Affine
    height: int
    width: int

    @classmethod
    def of(cls, src: DatasetReader) -> 'Grid':
        return cls(src.name, src.crs, src.transform, src.height, src.width)

    @property
    def bounds(self) -> BoundingBox:
        return BoundingBox(*array_bounds(self.height, self.width,
                                         self.transform))

    def __str__(self) -> str:
        ends = ', '.join(f'{value:.10g}' for value in self.bounds)
        return (f'{self.path} ({self.crs}, bounds {ends}, {self.width} x '
                f'{self.height} px of {self.transform.a:.8g} x '
                f'{-self.transform.e:.8g})')


@dataclass
class Registration:
    """The part of each image that all of them show.

    Args:
        windows (dict[str, list[Window]]): Sensor to one window per image.
        cells (tuple[int, int]): Height and width of the common extent in the
            coarsest pixels.
        cropped (bool): Whether any image shows more than that.
        shift (float): Largest remaining offset between two grids, in cells.
        step (float): Side of a cell in units of the CRS.
    """

    windows: dict[str, list[Window]]
    cells: tuple[int, int]
    cropped: bool = False
    shift: float = 0.0
    step: float = 0.0


def register(grids: Mapping[str, Sequence[Grid]],
             ratios: Mapping[str, float]) -> Registration:
    """Find the common extent of all images of a place.

    Args:
        grids (Mapping): Sensor to the grids of its images.
        ratios (Mapping): Sensor to the number of its pixels along one of the
            coarsest sensor's, e.g. ``dict(hr=32, s2=1, s1=1)``; the label
            may be among them.

    Returns:
        Registration: Windows of equal ground.

    Raises:
        DataError: If an image has no CRS, another one, is turned, does not
            overlap, or has another pixel ratio; the message names both files
            and the fix.
    """
    every = [(name, grid) for name, many in grids.items() for grid in many]
    base_name, base = min(every, key=lambda item: ratios[item[0]])
    # The side of a cell on the ground, as the coarsest image has it.
    step_x = base.transform.a * ratios[base_name]
    step_y = base.transform.e * ratios[base_name]
    for name, grid in every:
        _check_pair(base, grid, ratios[base_name] / ratios[name])
    left, top, right, bottom = _common(every, ratios, base, step_x,
                                       step_y)
    cells = (bottom - top, right - left)
    if min(cells) < 1:
        name, other = _smallest_overlap(every, base)
        raise DataError(
            f'{base} and {other} share less than one whole pixel of the '
            'coarser grid. Remove the place, or cut the images to one extent '
            '(`gdalwarp -te`).')
    result = Registration({name: [] for name in grids}, cells,
                          step=abs(step_x))
    for name, grid in every:
        x, y = _place(grid, base, step_x, step_y)
        ratio = ratios[name]
        col, row = (left - x) * ratio, (top - y) * ratio
        window = Window(round(col), round(row), round(cells[1] * ratio),
                        round(cells[0] * ratio))
        result.windows[name].append(window)
        result.shift = max(result.shift, abs(col - round(col)) / ratio,
                           abs(row - round(row)) / ratio)
        result.cropped |= (window.height, window.width) != (
            grid.height, grid.width)
    return result


def _check_pair(base: Grid, grid: Grid, wanted: float) -> None:
    """Stop unless a grid fits the coarsest one."""
    if grid.crs is None or grid.transform.is_identity:
        raise DataError(
            f'{grid.path} has no georeference, so its place cannot be '
            'compared. Assign one (`gdal_edit.py -a_srs -a_ullr`), or set '
            "`registration='size'` if all images show the same ground.")
    if grid.transform.b or grid.transform.d or grid.transform.e > 0:
        raise DataError(f'{grid.path} is turned or upside down against its '
                        'CRS. Warp it north up with `gdalwarp`.')
    if grid.crs != base.crs:
        raise DataError(
            f'two CRS in one place: {base} and {grid}. Warp one onto the '
            f'other, e.g. `gdalwarp -t_srs {base.crs}`, or run '
            '`tools/dataset_converters/stac_to_triplets.py`.')
    if disjoint_bounds(base.bounds, grid.bounds):
        raise DataError(f'no overlap: {base} and {grid}. They show different '
                        'places: correct the folder, or remove one.')
    found = (grid.transform.a / base.transform.a,
             grid.transform.e / base.transform.e)
    if any(abs(value / wanted - 1) > TOLERANCE for value in found):
        raise DataError(
            f'wrong pixel ratio: {base} and {grid}: a pixel of the first is '
            f'{1 / found[0]:.5g} x {1 / found[1]:.5g} of the second, expected '
            f'{1 / wanted:g}. Correct `hr_ratio` (`ratios`), or resample, '
            'e.g. with `tools/dataset_converters/stac_to_triplets.py`.')


def _place(grid: Grid, base: Grid, step_x: float, step_y: float
           ) -> tuple[float, float]:
    """Upper left corner of a grid in cells of the base."""
    return ((grid.transform.c - base.transform.c) / step_x,
            (grid.transform.f - base.transform.f) / step_y)


def _common(every: Sequence[tuple[str, Grid]], ratios: Mapping[str, float],
            base: Grid, step_x: float, step_y: float
            ) -> tuple[int, int, int, int]:
    """Whole cells inside all images: left, top, right, bottom.

    An image may be moved by up to half a pixel of its own; the remainder is
    reported as ``shift``.
    """
    left = top = -10**9
    right = bottom = 10**9
    for name, grid in every:
        x, y = _place(grid, base, step_x, step_y)
        half = .499 / ratios[name]  # of its pixels, in cells
        left = max(left, math.ceil(x - half))
        top = max(top, math.ceil(y - half))
        right = min(right, math.floor(x + grid.width / ratios[name] + half))
        bottom = min(bottom,
                     math.floor(y + grid.height / ratios[name] + half))
    return left, top, right, bottom


def _smallest_overlap(every: Sequence[tuple[str, Grid]], base: Grid
                      ) -> tuple[str, Grid]:
    def shared(item: tuple[str, Grid]) -> float:
        a, b = base.bounds, item[1].bounds
        return min(min(a.right, b.right) - max(a.left, b.left),
                   min(a.top, b.top) - max(a.bottom, b.bottom))

    return min(every, key=shared)


def register_by_size(grids: Mapping[str, Sequence[Grid]],
                     ratios: Mapping[str, float]) -> Registration:
    """As :func:`register` for images without georeference: sizes must fit.

    Raises:
        DataError: If sizes do not stand in the ratio of the sensors.
    """
    every = [(name, grid) for name, many in grids.items() for grid in many]
    base_name, base = min(every, key=lambda item: ratios[item[0]])
    cells = (int(base.height / ratios[base_name]),
             int(base.width / ratios[base_name]))
    for name, grid in every:
        wanted = tuple(round(n * ratios[name]) for n in cells)
        if (grid.height, grid.width) != wanted and name != base_name:
            raise DataError(
                f'{grid.path} is {grid.height} x {grid.width} px, expected '
                f'{wanted[0]} x {wanted[1]} beside {base.path} of '
                f'{base.height} x {base.width} (ratio {ratios[name]:g} to '
                f'{ratios[base_name]:g}). Correct `hr_ratio`, or resample.')
    return Registration(
        {name: [Window(0, 0, round(cells[1] * ratios[name]),
                       round(cells[0] * ratios[name])) for _ in many]
         for name, many in grids.items()}, cells)
