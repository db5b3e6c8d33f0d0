# Copyright (c) mmeo contributors. All rights reserved.
"""Several crops of a place, each cut from all its sensors alike."""

import math
from collections.abc import Mapping
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform

from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS

from .regions import (
    cells_of,
    cut,
    mirror_and_turn,
    move_series,
    resize_frames,
    resize_label,
)
from .samples import samples_of

Box = tuple[int, int, int, int]
LOCAL = dict(hr=256, s2=8, s1=8)
GLOBAL = dict(hr=512, s2=16, s1=16)


@TRANSFORMS.register_module()
class MultiModalMultiCrop(BaseTransform):
    """Global and local crops for self-supervision.

    A crop is a box of whole cells (pixels of the coarsest sensor, 32 x 32 HR
    pixels) with a random share of the area and a random aspect ratio. All
    sensors and the label are cut with that box and resized by the same
    factors, so HR stays 32 : 1 to S2 and S1; then all are mirrored and turned
    alike. The paper gives no sizes: all numbers are our choice, after
    DINOv2's.

    Required keys: ``modalities``, ``gt_seg_map`` (optional). Added keys:
    ``crops``, a list of dicts, global ones first: ``kind`` ('global' or
    'local'), ``modalities``, ``box`` ``(4,)`` float32 x1, y1, x2, y2 as
    shares of the extent, ``flip``, ``turn``, ``label`` ``(h, w)`` uint8 or
    None. Removed keys: ``modalities``, ``gt_seg_map``.

    Args:
        num_global (int): Defaults to 2.
        num_local (int): Defaults to 4.
        global_size (dict[str, int]): Sensor to the side of a crop in pixels,
            all in the ratio of the sensors. Defaults to HR 512, S2 and S1
            16.
        local_size (dict[str, int]): Defaults to HR 256, S2 and S1 8.
        global_scale (tuple[float, float]): Share of the area. Defaults to
            (0.32, 1).
        local_scale (tuple[float, float]): Defaults to (0.05, 0.32).
        aspect (tuple[float, float]): Width by height. Defaults to
            (3 / 4, 4 / 3).
        flip_prob (float): Defaults to 0.5.
        turn (bool): Whether to turn by a random number of quarters. Defaults
            to True.
        label_stride (int): HR pixels along a pixel of the crop's label.
            Defaults to 8.

    Raises:
        ConfigError: If sizes do not stand in one ratio or numbers make no
            sense.
        DataError: If the images of a sample do not stand in that ratio.
    """

    def __init__(self,
                 num_global: int = 2,
                 num_local: int = 4,
                 global_size: Optional[Mapping[str, int]] = None,
                 local_size: Optional[Mapping[str, int]] = None,
                 global_scale: tuple[float, float] = (0.32, 1.0),
                 local_scale: tuple[float, float] = (0.05, 0.32),
                 aspect: tuple[float, float] = (3 / 4, 4 / 3),
                 flip_prob: float = 0.5,
                 turn: bool = True,
                 label_stride: int = 8) -> None:
        self.kinds = [('global', num_global, dict(global_size or GLOBAL),
                       tuple(global_scale)),
                      ('local', num_local, dict(local_size or LOCAL),
                       tuple(local_scale))]
        self.aspect = tuple(aspect)
        self.flip_prob = flip_prob
        self.turn = turn
        self.label_stride = label_stride
        self.steps = steps_of(self.kinds[0][2], 'MultiModalMultiCrop')
        self._check()

    def _check(self) -> None:
        for kind, number, size, scale in self.kinds:
            if steps_of(size, 'MultiModalMultiCrop') != self.steps:
                raise ConfigError(
                    'MultiModalMultiCrop: the sizes of global crops '
                    f'{self.kinds[0][2]} and local crops {size} stand in '
                    'different ratios')
            if number < 0 or not 0 < scale[0] <= scale[1] <= 1:
                raise ConfigError(
                    f'MultiModalMultiCrop: {number} {kind} crops with shares '
                    f'{scale} of the area make no sense')
        if not self.kinds[0][1]:
            raise ConfigError('MultiModalMultiCrop: there must be a global '
                              'crop')
        if self.label_stride < 1 or any(
                max(size.values()) % self.label_stride
                for _, _, size, _ in self.kinds):
            raise ConfigError(
                f'MultiModalMultiCrop: `label_stride` {self.label_stride} '
                'does not divide the sizes of the crops')

    def transform(self, results: dict) -> dict:
        (sample, ) = samples_of(results, 'MultiModalMultiCrop')
        what = str(results.get('place', 'sample'))
        cells = cells_of(sample['modalities'], self.steps, what)
        label = results.pop('gt_seg_map', None)
        if label is not None:
            results['seg_fields'] = [key for key in results.get(
                'seg_fields', []) if key != 'gt_seg_map']
            _check_label(label, cells, what)
        modalities = results.pop('modalities')
        results['crops'] = [
            self._crop(modalities, label, cells, kind, size, scale)
            for kind, number, size, scale in self.kinds
            for _ in range(number)]
        return results

    def _crop(self, modalities: dict, label: Optional[np.ndarray],
              cells: tuple[int, int], kind: str, size: dict,
              scale: tuple[float, float]) -> dict:
        box = draw_box(cells, scale, self.aspect)
        flip = bool(np.random.rand() < self.flip_prob)
        turn = int(np.random.randint(4)) if self.turn else 0
        crop = dict(
            kind=kind, box=_shares(box, cells), flip=flip, turn=turn,
            modalities={name: self._series(series, box, size[name], name)
                        for name, series in modalities.items()})
        for series in crop['modalities'].values():
            move_series(series, flip, turn)
        crop['label'] = None
        if label is not None:
            side = max(size.values()) // self.label_stride
            small = resize_label(cut(label, box, label.shape[0] // cells[0]),
                                 (side, side))
            crop['label'] = np.ascontiguousarray(
                mirror_and_turn(small, flip, turn, (0, 1)))
        return crop

    def _series(self, series: dict, box: Box, side: int, name: str) -> dict:
        step = self.steps[name]
        missing = series.get('nodata')
        images, missing = resize_frames(
            cut(series['images'], box, step), (side, side),
            None if missing is None else cut(missing, box, step))
        out = {key: value for key, value in series.items()
               if key not in ('images', 'nodata')}
        out.update(images=images, dates=series['dates'].copy())
        if missing is not None:
            out['nodata'] = missing
        if series.get('gsd') is not None:
            out['gsd'] = series['gsd'] * (box[3] - box[1]) * step / side
        return out

    def __repr__(self) -> str:
        return f'{type(self).__name__}(kinds={self.kinds})'


def steps_of(size: Mapping[str, int], name: str) -> dict[str, int]:
    """Pixels of each sensor along one of the coarsest.

    Raises:
        ConfigError: If a size is no multiple of the smallest.
    """
    if not size or min(size.values()) < 1:
        raise ConfigError(f'{name}: sizes are numbers from 1, got {size}')
    least = min(size.values())
    if any(side % least for side in size.values()):
        raise ConfigError(f'{name}: sizes {dict(size)} are no multiples of '
                          f'the smallest, {least}')
    return {key: side // least for key, side in size.items()}


def draw_box(cells: tuple[int, int], scale: tuple[float, float],
             aspect: tuple[float, float]) -> Box:
    """A random box of whole cells: x1, y1, x2, y2.

    Area share and the logarithm of the aspect ratio are drawn uniformly;
    sides are rounded to whole cells and cut at those of the sample.
    """
    height, width = cells
    area = np.random.uniform(*scale) * height * width
    ratio = math.exp(np.random.uniform(*np.log(aspect)))
    wide = min(max(round(math.sqrt(area * ratio)), 1), width)
    high = min(max(round(math.sqrt(area / ratio)), 1), height)
    x, y = (int(np.random.randint(n - m + 1))
            for n, m in ((width, wide), (height, high)))
    return x, y, x + wide, y + high


def _shares(box: Box, cells: tuple[int, int]) -> np.ndarray:
    height, width = cells
    return np.array(box, np.float32) / np.float32(
        [width, height, width, height])


def _check_label(label: np.ndarray, cells: tuple[int, int],
                 what: str) -> None:
    if any(n % m for n, m in zip(label.shape, cells)) or \
            label.shape[0] * cells[1] != label.shape[1] * cells[0]:
        raise DataError(f'{what}: label of {label.shape} px does not divide '
                        f'into {cells} cells')
