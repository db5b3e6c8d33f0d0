# Copyright (c) mmeo contributors. All rights reserved.
"""The transform."""

import zlib
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.random import Generator

from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS

from .appearance import FUNCTIONS
from .geometric import (
    centre_inside,
    draw_matrix,
    move_bbox,
    move_mask,
    move_points,
    warp,
)
from .severities import APPEARANCE, CORRUPTIONS, GEOMETRIC, SEVERITIES


def image_rng(seed: int, corruption: str, img_path: Any) -> Generator:
    """Random numbers that depend on the image's name, not on the order.

    All severities of an image share them, so that a severer cloud is the
    same cloud, larger.
    """
    name = Path(str(img_path)).name.encode()
    return np.random.default_rng(
        [seed, zlib.crc32(corruption.encode()), zlib.crc32(name)])


@TRANSFORMS.register_module()
class Corrupt(BaseTransform):
    """Corrupt an image as REOBench does (arXiv 2505.16793).

    Put it right after the image is loaded: severities are meant for the
    image's own pixels. Rotation, scaling and translation move whatever
    annotations the sample holds, loaded or not.

    Required keys: ``img`` ``(H, W, C)``, ``img_path``. Changed where present:
    ``instances`` (``bbox`` with 4 or 8 numbers, ``mask``), ``gt_bboxes``,
    ``gt_masks``, ``gt_seg_map``, and with ``outside='remove'`` also
    ``gt_bboxes_labels`` and ``gt_ignore_flags``. Added: ``corruption``, a
    tuple of name and severity.

    Args:
        corruption (str): One of
            :data:`mmeo.datasets.transforms.corrupt.CORRUPTIONS`.
        severity (int): 1 to 5. Defaults to 3.
        seed (int): Together with the image's file name it fixes every random
            choice. Defaults to 0.
        outside (str): What becomes of objects whose centre leaves the image:
            ``'keep'`` counts them as missed, as REOBench's label files do,
            ``'remove'`` takes them out. Defaults to 'keep'.
        value_range (float, optional): Largest value of the image; 255 for
            8-bit images, needed for others.
        seg_pad_val (int): Label outside a scaled image. Defaults to 255.

    Raises:
        ConfigError: If an argument does not exist.
    """

    def __init__(self,
                 corruption: str,
                 severity: int = 3,
                 seed: int = 0,
                 outside: str = 'keep',
                 value_range: Optional[float] = None,
                 seg_pad_val: int = 255) -> None:
        if corruption not in CORRUPTIONS:
            raise ConfigError(f'Corrupt: corruption={corruption!r} is '
                              f'unknown: choose {", ".join(CORRUPTIONS)}.')
        if severity not in SEVERITIES:
            raise ConfigError(f'Corrupt: severity={severity!r}: choose 1, 2, '
                              '3, 4 or 5.')
        if outside not in ('keep', 'remove'):
            raise ConfigError(f'Corrupt: outside={outside!r}: choose keep or '
                              'remove.')
        self.corruption = corruption
        self.severity = severity
        self.seed = seed
        self.outside = outside
        self.value_range = value_range
        self.seg_pad_val = seg_pad_val

    def transform(self, results: dict) -> dict:
        """Corrupt one sample."""
        rng = image_rng(self.seed, self.corruption, results['img_path'])
        results['corruption'] = (self.corruption, self.severity)
        if self.corruption in APPEARANCE:
            results['img'] = self._change(results['img'], rng)
            return results
        height, width = results['img'].shape[:2]
        matrix = draw_matrix(self.corruption, self.severity, height, width,
                             rng)
        reflect = self.corruption != 'scale'
        results['img'] = warp(results['img'], matrix, reflect)
        if results.get('gt_seg_map') is not None:
            results['gt_seg_map'] = warp(
                results['gt_seg_map'], matrix, reflect, self.seg_pad_val,
                nearest=True)
        self._move_raw(results, matrix, (height, width))
        self._move_loaded(results, matrix, (height, width))
        return results

    def _change(self, img: np.ndarray, rng: Generator) -> np.ndarray:
        top = self.value_range
        if top is None:
            if img.dtype != np.uint8:
                raise ConfigError(
                    f'Corrupt: the image is {img.dtype}, not 8-bit: set '
                    '`value_range` to its largest value, e.g. 10000.')
            top = 255
        function = FUNCTIONS[self.corruption]
        level = APPEARANCE[self.corruption][self.severity - 1]
        # A 2-D image gets its band axis for a while.
        unit = np.atleast_3d(img).astype(np.float32) / np.float32(top)
        out = function(unit, level, rng).clip(0, 1) * top
        if np.issubdtype(img.dtype, np.integer):
            out = out.round()
        return out.astype(img.dtype).reshape(img.shape)

    def _move_raw(self, results: dict, matrix: np.ndarray,
                  size: tuple[int, int]) -> None:
        """Annotations that the pipeline has still to load."""
        if 'instances' not in results:
            return
        moved = [move_instance(instance, matrix, size)
                 for instance in results['instances']]
        if self.outside == 'remove':
            moved = [instance for instance in moved
                     if centre_inside(instance['bbox'], size)]
        results['instances'] = moved

    def _move_loaded(self, results: dict, matrix: np.ndarray,
                     size: tuple[int, int]) -> None:
        """Annotations in mmdet's structures."""
        keep = None
        if results.get('gt_bboxes') is not None:
            boxes = results['gt_bboxes']
            if isinstance(boxes, np.ndarray):
                boxes = np.array([move_bbox(list(box), matrix)
                                  for box in boxes], boxes.dtype).reshape(
                                      boxes.shape)
                centres = boxes.reshape(len(boxes), -1, 2).mean(1)
            else:
                boxes = boxes.clone()
                boxes.project_(matrix)
                centres = boxes.centers.numpy()
            results['gt_bboxes'] = boxes
            keep = ((centres >= 0) & (centres < size[::-1])).all(1)
        if results.get('gt_masks') is not None:
            results['gt_masks'] = _move_masks(results['gt_masks'], matrix)
        if keep is not None and self.outside == 'remove':
            for key in ('gt_bboxes', 'gt_masks', 'gt_bboxes_labels',
                        'gt_ignore_flags'):
                if results.get(key) is not None:
                    results[key] = results[key][keep]

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(corruption={self.corruption!r}, '
                f'severity={self.severity}, seed={self.seed}, '
                f'outside={self.outside!r})')


def move_instance(instance: dict, matrix: np.ndarray,
                  size: tuple[int, int]) -> dict:
    """Move one annotation of mmengine's dataset format.

    Args:
        instance (dict): With ``bbox`` (4 or 8 numbers) and perhaps ``mask``.
        matrix (np.ndarray): ``(3, 3)``.
        size (tuple[int, int]): Height and width of the image.

    Returns:
        dict: A copy.

    Raises:
        DataError: If the box has another form.
    """
    instance = dict(instance)
    if len(instance['bbox']) not in (4, 8):
        raise DataError(
            f'Corrupt: cannot move a box of {len(instance["bbox"])} numbers '
            f'({instance["bbox"]}): load boxes as 4 corners (x1 y1 x2 y2) or '
            '8 coordinates.')
    if instance.get('mask'):
        instance['mask'] = move_mask(instance['mask'], matrix, size)
    instance['bbox'] = move_bbox(instance['bbox'], matrix,
                                 instance.get('mask'))
    return instance


def _move_masks(masks: Any, matrix: np.ndarray) -> Any:
    """Move mmdet's ``PolygonMasks`` or ``BitmapMasks``."""
    if hasattr(masks, 'masks') and isinstance(masks.masks, list):
        polygons = [[move_points(polygon.reshape(-1, 2), matrix).reshape(-1)
                     for polygon in item] for item in masks.masks]
        return type(masks)(polygons, masks.height, masks.width)
    maps = [warp(each, matrix, False, nearest=True) for each in masks.masks]
    maps = np.stack(maps) if maps else masks.masks
    return type(masks)(maps, masks.height, masks.width)


def is_geometric(corruption: str) -> bool:
    """Whether a corruption moves objects."""
    return corruption in GEOMETRIC
