# Copyright (c) mmeo contributors. All rights reserved.
"""Transforms of change pairs.

A pair travels through the pipeline as one array of ``(H, W, 2 * C)``: date A
in the first half of the channels, date B in the second. Every geometric
transform of mmcv and mmseg (flip, rotate, crop, resize) therefore treats both
dates and the label alike without knowing about pairs.
"""

from collections.abc import Sequence
from typing import Optional, Union

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.datasets.transforms import PackSegInputs
from mmseg.datasets.transforms import RandomRotFlip as _RandomRotFlip

from mmeo.errors import DataError
from mmeo.registry import TRANSFORMS


def split_dates(img: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Halve ``(H, W, 2 * C)`` into two dates ``(H, W, C)``."""
    half = img.shape[2] // 2
    return img[..., :half], img[..., half:]


@TRANSFORMS.register_module()
class LoadChangePair(BaseTransform):
    """Load both dates and stack them along the channels.

    Required keys: ``img_path``, ``img_path2``. Added keys: those of the
    loader, with ``img`` ``(H, W, 2 * C)``.

    Args:
        loader (dict): Loader of one image. Defaults to
            ``dict(type='LoadImage')``.
    """

    def __init__(self, loader: Optional[dict] = None) -> None:
        self.loader = TRANSFORMS.build(loader or dict(type='LoadImage'))

    def transform(self, results: dict) -> dict:
        later = self.loader({**results, 'img_path': results['img_path2']})
        results = self.loader(results)
        first, second = results['img'], later['img']
        if first.shape != second.shape:
            raise DataError(
                f'the dates of a pair differ in size: {results["img_path"]} '
                f'is {first.shape}, {results["img_path2"]} is {second.shape} '
                '(height, width, bands). Co-register and crop them to the '
                'same grid.')
        results['img'] = np.concatenate((first, second), axis=2)
        if 'nodata_mask' in later:
            results['nodata_mask'] |= later['nodata_mask']
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(loader={self.loader})'


@TRANSFORMS.register_module()
class ExchangeTime(BaseTransform):
    """Swap the two dates at random; what has changed stays changed.

    Required and modified keys: ``img``. Added keys: ``exchanged`` (bool).

    Args:
        prob (float): Probability in [0, 1]. Defaults to 0.5.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    @cache_randomness
    def _draw(self) -> bool:
        return bool(np.random.rand() < self.prob)

    def transform(self, results: dict) -> dict:
        results['exchanged'] = self._draw()
        if results['exchanged']:
            first, second = split_dates(results['img'])
            results['img'] = np.concatenate((second, first), axis=2)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'


@TRANSFORMS.register_module()
class ForEachDate(BaseTransform):
    """Apply transforms of one image to each date with its own draw.

    Meant for radiometric transforms (light and season differ between dates):
    ``dict(type='ForEachDate', transforms=[dict(type=
    'mmseg.PhotoMetricDistortion')])``. They must not move pixels.

    Required and modified keys: ``img``.

    Args:
        transforms (list[dict]): The transforms.
    """

    def __init__(self, transforms: Sequence[Union[dict,
                                                  BaseTransform]]) -> None:
        self.transforms = [
            TRANSFORMS.build(t) if isinstance(t, dict) else t
            for t in transforms
        ]

    def transform(self, results: dict) -> dict:
        dates = []
        for img in split_dates(results['img']):
            date = dict(img=np.ascontiguousarray(img))
            for transform in self.transforms:
                date = transform(date)
            if date['img'].shape != img.shape:
                raise DataError(
                    'ForEachDate: the transforms changed the shape of a date '
                    f'from {img.shape} to {date["img"].shape}; put geometric '
                    'transforms outside of it.')
            dates.append(date['img'])
        results['img'] = np.concatenate(dates, axis=2)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms={self.transforms})'


@TRANSFORMS.register_module()
class RandomRotFlip(_RandomRotFlip):
    """Rotate by a small angle, or by quarter turns with a flip.

    As mmseg's, of which it corrects three things: labels are rotated without
    interpolation, corners that come into view are ignored instead of
    'unchanged', and ``img_shape`` follows a quarter turn.

    Required and modified keys: ``img``, ``seg_fields``. Modified keys:
    ``img_shape``.

    Args:
        rotate_prob (float): Probability of the rotation. Defaults to 0.5.
        flip_prob (float): Probability of turn and flip where there was no
            rotation. Defaults to 0.5.
        degree (float or tuple[float, float]): Range of the angle in degrees,
            both ways if one number. Defaults to 20.
        seg_pad_val (int): Label of the corners. Defaults to 255.
    """

    def __init__(self,
                 rotate_prob: float = 0.5,
                 flip_prob: float = 0.5,
                 degree: Union[float, tuple[float, float]] = 20,
                 seg_pad_val: int = 255) -> None:
        super().__init__(rotate_prob, flip_prob, degree)
        self.seg_pad_val = seg_pad_val

    def random_rotate(self, results: dict) -> dict:
        """Rotate image and labels about the centre."""
        angle = np.random.uniform(*self.degree)
        results['img'] = mmcv.imrotate(results['img'], angle)
        for key in results.get('seg_fields', []):
            results[key] = mmcv.imrotate(
                results[key], angle, border_value=self.seg_pad_val,
                interpolation='nearest')
        return results

    def random_rot_flip(self, results: dict) -> dict:
        """Turn by 0 to 270 degrees and flip."""
        results = super().random_rot_flip(results)
        results['img_shape'] = results['img'].shape[:2]
        return results


@TRANSFORMS.register_module()
class PackChangeInputs(PackSegInputs):
    """Pack a pair: ``inputs`` is ``(2 * C, H, W)``, the label as in mmseg.

    Args:
        meta_keys (tuple[str]): Keys kept in the data sample. Defaults to
            those of mmseg, the path of the second date, and whether the
            dates were exchanged.
    """

    def __init__(self, meta_keys: Sequence[str] = (
        'img_path', 'img_path2', 'seg_map_path', 'ori_shape', 'img_shape',
        'pad_shape', 'scale_factor', 'flip', 'flip_direction',
        'reduce_zero_label', 'exchanged')) -> None:
        super().__init__(meta_keys=meta_keys)
