# Copyright (c) mmeo contributors. All rights reserved.
"""Random crops that show a class, elsewhere than another crop."""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
from mmcv.transforms import BaseTransform

from mmeo.errors import ConfigError
from mmeo.registry import TRANSFORMS

Window = tuple[int, int, int, int]
#: What is cut along with the image.
_KEYS = ('img', 'gt_seg_map', 'nodata_mask')


@TRANSFORMS.register_module()
class EpisodeCrop(BaseTransform):
    """Cut a window of an image and its label map.

    Anywhere by default; where the results hold ``episode_crop``, as
    ``InContextDataset`` sets it for prompts, the window contains a random
    pixel of a class and stays clear of another window. An image that is
    smaller than the window is kept whole along that side. Put it before
    flips, so that windows of one image can be compared.

    Required keys: ``img`` ``(H, W, C)``, ``gt_seg_map`` ``(H, W)``;
    ``episode_crop`` (optional): ``class_id`` (int or None) and ``avoid``, a
    ``crop_window`` or None. Modified keys: these two, ``nodata_mask`` where
    there is one, ``img_shape``. Added keys: ``crop_window``, the y1, x1, y2,
    x2 of the window as shares (0 to 1) of the image.

    Args:
        crop_size (int | tuple[int, int]): Height and width.
        num_tries (int): Windows drawn to stay clear of another; the one with
            the least overlap is taken. Defaults to 8 (our choice).
    """

    def __init__(self, crop_size: Union[int, Sequence[int]],
                 num_tries: int = 8) -> None:
        size = (crop_size, crop_size) if isinstance(crop_size, int) else \
            tuple(crop_size)
        if len(size) != 2 or min(size) < 1:
            raise ConfigError('EpisodeCrop: `crop_size` is one number or '
                              f'height and width, got {crop_size!r}')
        self.crop_size = size
        self.num_tries = num_tries

    def transform(self, results: dict) -> dict:
        wish = results.get('episode_crop') or {}
        label = results['gt_seg_map']
        pixels = None
        if wish.get('class_id') is not None:
            pixels = np.argwhere(label == wish['class_id'])
        window = self._draw(label.shape, pixels, wish.get('avoid'))
        y1, x1, y2, x2 = window
        for key in _KEYS:
            if results.get(key) is not None:
                results[key] = results[key][y1:y2, x1:x2]
        results['crop_window'] = as_shares(window, label.shape)
        results['img_shape'] = results['img'].shape[:2]
        return results

    def _draw(self, shape: tuple[int, int], pixels: Optional[np.ndarray],
              avoid: Optional[Sequence[float]]) -> Window:
        """A window y1, x1, y2, x2 in pixels."""
        if avoid is None:
            return self._window(shape, pixels)
        windows = [self._window(shape, pixels) for _ in range(self.num_tries)]
        return min(windows, key=lambda w: overlap(as_shares(w, shape), avoid))

    def _window(self, shape: tuple[int, int],
                pixels: Optional[np.ndarray]) -> Window:
        size = [min(a, b) for a, b in zip(self.crop_size, shape)]
        low, high = [0, 0], [n - m for n, m in zip(shape, size)]
        if pixels is not None and len(pixels):
            pixel = pixels[np.random.randint(len(pixels))]
            low = [max(p - m + 1, 0) for p, m in zip(pixel, size)]
            high = [min(p, end) for p, end in zip(pixel, high)]
        y, x = (int(np.random.randint(a, b + 1)) for a, b in zip(low, high))
        return y, x, y + size[0], x + size[1]

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.crop_size})'


def as_shares(window: Sequence[int], shape: Sequence[int]
              ) -> tuple[float, ...]:
    """A window y1, x1, y2, x2 in pixels as shares of height and width."""
    height, width = shape[:2]
    y1, x1, y2, x2 = window
    return y1 / height, x1 / width, y2 / height, x2 / width


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Share of the smaller window that the other covers, 0 to 1.

    Args:
        a (Sequence[float]): y1, x1, y2, x2.
        b (Sequence[float]): The same.
    """
    height = min(a[2], b[2]) - max(a[0], b[0])
    width = min(a[3], b[3]) - max(a[1], b[1])
    least = min((w[2] - w[0]) * (w[3] - w[1]) for w in (a, b))
    return max(height, 0.) * max(width, 0.) / least
