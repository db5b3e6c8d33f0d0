# Copyright (c) mmeo contributors. All rights reserved.
"""Read label maps and check them."""

from pathlib import Path
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform

from mmeo.errors import DataError, MissingDataError
from mmeo.geo import open_raster
from mmeo.registry import TRANSFORMS

from .load_image import read_picture


@TRANSFORMS.register_module()
class LoadGeoAnnotations(BaseTransform):
    """Load a label map from a picture or a GeoTIFF, and check it.

    The image has to be loaded first: the label must have its size, and
    follows its window. Steps, in this order: ``value_map`` (or
    ``threshold``), ``reduce_zero_label``, range check, custom classes
    (``label_map``), pixels without image data.

    Required keys: ``seg_map_path``, ``ori_shape``; ``num_classes`` and
    ``reduce_zero_label`` as set by :class:`GeoSegDataset`. Added keys:
    ``gt_seg_map`` ``(H, W)`` uint8, ``seg_fields``.

    Args:
        value_map (dict[int, int], optional): Raw value to class id, e.g.
            ``{-1: 255}`` for a negative no-data value. Values not in the map
            stay. Defaults to None.
        threshold (int, optional): For masks drawn in grey values: below it
            class 0, else class 1. Such a mask may be stored as RGB with equal
            bands. Defaults to None.
        ignore_index (int): Class id that training and metrics ignore.
            Defaults to 255.
        ignore_nodata (bool): Give pixels without image data (key
            ``nodata_mask``) the ``ignore_index``. Defaults to False.
    """

    def __init__(self,
                 value_map: Optional[dict[int, int]] = None,
                 threshold: Optional[int] = None,
                 ignore_index: int = 255,
                 ignore_nodata: bool = False) -> None:
        self.value_map = value_map
        self.threshold = threshold
        self.ignore_index = ignore_index
        self.ignore_nodata = ignore_nodata

    def transform(self, results: dict) -> dict:
        path = results['seg_map_path']
        label = self._crop(self.read(path), results)
        if self.threshold is not None:
            label = self._binarise(label, path)
        elif self.value_map is not None:
            raw = label.copy()
            for old, new in self.value_map.items():
                label[raw == old] = new
        self._check_range(label, results)
        if results.get('reduce_zero_label', False):
            valid = label != self.ignore_index
            label[valid] -= 1
            label[label == -1] = self.ignore_index
        if results.get('label_map') is not None:
            raw = label.copy()
            for old, new in results['label_map'].items():
                label[raw == old] = new
        if self.ignore_nodata and results.get('nodata_mask') is not None:
            label[results['nodata_mask']] = self.ignore_index
        results['gt_seg_map'] = label.astype(np.uint8)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results

    def read(self, path: str) -> np.ndarray:
        """Read raw ids ``(H, W)`` int64."""
        return read_label(path, allow_grey_rgb=self.threshold is not None)

    def _crop(self, label: np.ndarray, results: dict) -> np.ndarray:
        """Check the size against the image's file and follow its window."""
        expected = results.get('file_shape') or results['ori_shape']
        if label.shape != tuple(expected[:2]):
            raise DataError(
                f'label {results["seg_map_path"]} has {label.shape[0]} x '
                f'{label.shape[1]} pixels (height x width), its image '
                f'{results["img_path"]} has {expected[0]} x {expected[1]}. '
                'They must cover the same pixels: export one of them again, '
                'or correct the folders or suffixes that pair them.')
        window = results.get('window')
        if window is not None:
            row, col, height, width = window
            label = label[row:row + height, col:col + width].copy()
        return label

    def _binarise(self, label: np.ndarray, path: str) -> np.ndarray:
        lossless = Path(path).suffix.lower() not in ('.jpg', '.jpeg')
        if lossless and label.max() == 1 and self.threshold > 1:
            raise DataError(
                f'mask {path} holds the values 0 and 1, but is read with '
                f'threshold {self.threshold}, which would make all of it '
                'class 0. Set `threshold=1` in LoadGeoAnnotations.')
        return (label >= self.threshold).astype(np.int64)

    def _check_range(self, label: np.ndarray, results: dict) -> None:
        num_classes = results.get('num_classes')
        if num_classes is None:
            return
        # Under `reduce_zero_label` the file counts from 1, and 0 is no data.
        high = num_classes - (not results.get('reduce_zero_label', False))
        wrong = ((label < 0) | (label > high)) & (label != self.ignore_index)
        if wrong.any():
            row, col = np.argwhere(wrong)[0]
            values = np.unique(label[wrong])[:10].tolist()
            raise DataError(
                f'label {results["seg_map_path"]} holds the class id(s) '
                f'{values}, first at row {row}, column {col}; allowed are 0 '
                f'to {high} and {self.ignore_index} (ignored) for '
                f'{num_classes} classes. Correct `metainfo.classes` or '
                '`reduce_zero_label`, or map the values with `value_map` in '
                'LoadGeoAnnotations.')

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(value_map={self.value_map}, '
                f'threshold={self.threshold})')


def read_label(path: str, allow_grey_rgb: bool = False) -> np.ndarray:
    """Read a label file as ``(H, W)`` int64.

    Args:
        path: Picture or GeoTIFF of one band.
        allow_grey_rgb: Also take a picture of three equal bands, as grey
            masks are often saved. Defaults to False.

    Raises:
        MissingDataError: If the file does not exist.
        DataError: If it cannot be read, or has several bands.
    """
    if not Path(path).is_file():
        raise MissingDataError(f'label {path} does not exist. Check '
                               '`data_prefix` and `seg_map_suffix`.')
    if Path(path).suffix.lower() in ('.tif', '.tiff'):
        with open_raster(path) as src:
            if src.count != 1:
                raise _many_bands(path, src.count)
            label = src.read(1)
    else:
        picture = read_picture(path)
        label = np.asarray(picture)  # a palette picture already holds ids
        if allow_grey_rgb and picture.mode == 'RGB':
            label = _grey(label, path)
        elif label.ndim != 2:
            raise _many_bands(path, label.shape[2])
    if not np.isfinite(label).all() or (label != label.astype(int)).any():
        raise DataError(f'label {path} holds fractional or non-finite '
                        'values; class ids are integers. Export it again as '
                        'an integer raster.')
    return label.astype(np.int64)


def _grey(label: np.ndarray, path: str) -> np.ndarray:
    """One of three equal bands, ``(H, W, 3)`` to ``(H, W)``."""
    if (label != label[..., :1]).any():
        row, col = np.argwhere((label != label[..., :1]).any(2))[0]
        raise DataError(
            f'mask {path} is coloured, e.g. {label[row, col].tolist()} at row '
            f'{row}, column {col}; a threshold needs grey values. Convert the '
            'colours to class ids first.')
    return label[..., 0]


def _many_bands(path: str, count: int) -> DataError:
    return DataError(
        f'label {path} has {count} bands; a label map has one band of class '
        'ids. Convert the colour-coded map first.')
