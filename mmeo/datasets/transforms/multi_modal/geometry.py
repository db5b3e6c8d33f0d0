# Copyright (c) mmeo contributors. All rights reserved.
"""Crop, resize, mirror and turn a sample of several sensors with its label.

For fine-tuning: one crop of a place, whose sensors keep their pixel ratio.
"""

from collections.abc import Mapping
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform

from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS

from .multi_crop import steps_of
from .regions import (
    cells_of,
    cut,
    mirror_and_turn,
    move_series,
    resize_frames,
    resize_label,
)
from .samples import samples_of


def _whole(results: dict, name: str) -> dict:
    (sample, ) = samples_of(results, name)
    if 'crops' in results:
        raise ConfigError(f'{name} works on a whole sample, not on the crops '
                          'of MultiModalMultiCrop')
    return sample


@TRANSFORMS.register_module()
class MultiModalRandomCrop(BaseTransform):
    """Cut the same random part out of all sensors and the label.

    A sample smaller than the crop is an error: nothing is padded.

    Required keys: ``modalities``, ``gt_seg_map`` (optional). Modified keys:
    these.

    Args:
        size (dict[str, int | tuple[int, int]]): Sensor to height and width
            (or side) in pixels, in the ratio of the sensors. May name
            sensors that a sample lacks.
        cat_max_ratio (float): Largest share of one class in the label; up to
            ten crops are tried. Defaults to 1, no check.
        ignore_index (int): Not counted as a class. Defaults to 255.
        center (bool): Cut the middle instead. Defaults to False.

    Raises:
        ConfigError: If sizes do not stand in one ratio.
        DataError: If a sample is smaller, or has another ratio.
    """

    def __init__(self,
                 size: Mapping[str, int | tuple[int, int]],
                 cat_max_ratio: float = 1.0,
                 ignore_index: int = 255,
                 center: bool = False) -> None:
        pairs = {name: (side, side) if isinstance(side, int) else tuple(side)
                 for name, side in size.items()}
        self.steps = steps_of({n: p[0] for n, p in pairs.items()},
                              'MultiModalRandomCrop')
        if steps_of({n: p[1] for n, p in pairs.items()},
                    'MultiModalRandomCrop') != self.steps:
            raise ConfigError('MultiModalRandomCrop: heights and widths in '
                              f'{dict(size)} stand in different ratios')
        self.cells = tuple(min(p[i] for p in pairs.values()) for i in (0, 1))
        self.cat_max_ratio = cat_max_ratio
        self.ignore_index = ignore_index
        self.center = center

    def transform(self, results: dict) -> dict:
        sample = _whole(results, 'MultiModalRandomCrop')
        what = str(results.get('place', results.get('img_path', 'sample')))
        # Cells are pixels of the coarsest sensor named, or fractions of it.
        cells = cells_of(sample['modalities'], self.steps, what)
        if cells[0] < self.cells[0] or cells[1] < self.cells[1]:
            raise DataError(
                f'{what}: {cells[0]} x {cells[1]} coarse pixels are fewer '
                f'than the {self.cells[0]} x {self.cells[1]} of the crop')
        label = results.get('gt_seg_map')
        box = self._draw(cells, label)
        for name, series in sample['modalities'].items():
            for key in ('images', 'nodata'):
                if key in series:
                    series[key] = cut(series[key], box, self.steps[name])
        if label is not None:
            results['gt_seg_map'] = cut(label, box, _step(label, cells, what))
        results['crop_box'] = box
        return results

    def _draw(self, cells: tuple[int, int], label: Optional[np.ndarray]
              ) -> tuple[int, int, int, int]:
        for _ in range(10):
            y, x = (int(np.random.randint(n - m + 1)) if not self.center
                    else (n - m) // 2 for n, m in zip(cells, self.cells))
            box = (x, y, x + self.cells[1], y + self.cells[0])
            if label is None or self.cat_max_ratio >= 1 or self.center:
                break
            values, counts = np.unique(
                cut(label, box, label.shape[0] // cells[0]),
                return_counts=True)
            counts = counts[values != self.ignore_index]
            if len(counts) > 1 and \
                    counts.max() < self.cat_max_ratio * counts.sum():
                break
        return box

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(cells={self.cells}, '
                f'steps={self.steps})')


def _step(label: np.ndarray, cells: tuple[int, int], what: str) -> int:
    """Label pixels along a cell."""
    step = label.shape[0] // cells[0]
    if label.shape != (step * cells[0], step * cells[1]):
        raise DataError(f'{what}: label of {label.shape} px does not divide '
                        f'into {cells} cells')
    return step


@TRANSFORMS.register_module()
class MultiModalRandomFlip(BaseTransform):
    """Mirror and turn all sensors and the label alike.

    Required keys: ``modalities``, ``gt_seg_map`` (optional). Modified keys:
    these. Added keys: ``flip``, ``flip_direction``, ``turn``.

    Args:
        horizontal (float): Probability of mirroring left to right. Defaults
            to 0.5.
        vertical (float): Probability of mirroring top to bottom. Defaults to
            0.5.
        turn (float): Probability of a quarter turn. Square samples only.
            Defaults to 0.

    Raises:
        DataError: If a sample that is not square should be turned.
    """

    def __init__(self, horizontal: float = 0.5, vertical: float = 0.5,
                 turn: float = 0.0) -> None:
        if not all(0 <= p <= 1 for p in (horizontal, vertical, turn)):
            raise ConfigError('MultiModalRandomFlip: give probabilities')
        self.probs = (horizontal, vertical, turn)

    def transform(self, results: dict) -> dict:
        sample = _whole(results, 'MultiModalRandomFlip')
        left, up, quarter = (bool(np.random.rand() < p) for p in self.probs)
        # Top to bottom = left to right and half a turn.
        flip, turns = left != up, (2 * up + quarter) % 4
        for series in sample['modalities'].values():
            shape = series['images'].shape[1:3]
            if quarter and shape[0] != shape[1]:
                raise DataError(f'a sample of {shape} px cannot be turned by '
                                'a quarter; set `turn=0` or crop a square')
            move_series(series, flip, turns)
        if results.get('gt_seg_map') is not None:
            results['gt_seg_map'] = np.ascontiguousarray(mirror_and_turn(
                results['gt_seg_map'], flip, turns, (0, 1)))
        results.update(flip=flip, turn=turns, flip_direction='horizontal'
                       if flip else None)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(probs={self.probs})'


@TRANSFORMS.register_module()
class MultiModalResize(BaseTransform):
    """Resize each sensor to a size of its own.

    Required keys: ``modalities``, ``gt_seg_map`` (if ``label`` is given).
    Modified keys: these, with ``gsd``.

    Args:
        size (dict[str, int | tuple[int, int]]): Sensor to height and width
            (or side). Sensors that are not named stay.
        label (int | tuple[int, int], optional): Of the label, by nearest
            neighbour. Defaults to None, as it is.
    """

    def __init__(self, size: Mapping[str, int | tuple[int, int]],
                 label: Optional[int | tuple[int, int]] = None) -> None:
        self.size = {name: _pair(side) for name, side in size.items()}
        self.label = None if label is None else _pair(label)

    def transform(self, results: dict) -> dict:
        sample = _whole(results, 'MultiModalResize')
        for name, series in sample['modalities'].items():
            if name not in self.size:
                continue
            height = series['images'].shape[1]
            images, missing = resize_frames(
                series['images'], self.size[name], series.pop('nodata', None))
            series['images'] = images
            if missing is not None:
                series['nodata'] = missing
            if series.get('gsd') is not None:
                series['gsd'] *= height / self.size[name][0]
        if self.label and results.get('gt_seg_map') is not None:
            results['gt_seg_map'] = resize_label(results['gt_seg_map'],
                                                 self.label)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, label={self.label})'


def _pair(side: int | tuple[int, int]) -> tuple[int, int]:
    return (side, side) if isinstance(side, int) else tuple(side)
