# Copyright (c) mmeo contributors. All rights reserved.
"""Augmentation of HR colours, by torchvision. Numbers are DINOv2's."""

from collections.abc import Sequence
from typing import Union

import numpy as np
import torch
from torchvision.transforms import v2

from mmeo.registry import TRANSFORMS

from .samples import Series, SeriesTransform


class _ColourTransform(SeriesTransform):
    """Apply a torchvision transform to RGB frames of 0 to 255."""

    def __init__(self, transform: v2.Transform,
                 modalities: Union[str, Sequence[str]], prob: float) -> None:
        super().__init__(modalities, prob)
        self.apply = transform

    def change(self, series: Series) -> None:
        # (T, H, W, 3) of 0 to 255 -> (T, 3, H, W) of 0 to 1
        frames = torch.from_numpy(np.ascontiguousarray(
            series['images'].transpose(0, 3, 1, 2), dtype=np.float32)) / 255
        frames = self.apply(frames) * 255
        series['images'] = np.ascontiguousarray(
            frames.numpy().transpose(0, 2, 3, 1))


@TRANSFORMS.register_module()
class HRColorJitter(_ColourTransform):
    """Change brightness, contrast, saturation and hue.

    Args:
        brightness (float): Defaults to 0.4.
        contrast (float): Defaults to 0.4.
        saturation (float): Defaults to 0.2.
        hue (float): Defaults to 0.1.
        prob (float): Defaults to 0.8.
        modalities (str or Sequence[str]): Defaults to 'hr'.
    """

    def __init__(self, brightness: float = 0.4, contrast: float = 0.4,
                 saturation: float = 0.2, hue: float = 0.1,
                 prob: float = 0.8,
                 modalities: Union[str, Sequence[str]] = 'hr') -> None:
        super().__init__(
            v2.ColorJitter(brightness, contrast, saturation, hue),
            modalities, prob)


@TRANSFORMS.register_module()
class HRGrayscale(_ColourTransform):
    """Take the colour away.

    Args:
        prob (float): Defaults to 0.2.
        modalities (str or Sequence[str]): Defaults to 'hr'.
    """

    def __init__(self, prob: float = 0.2,
                 modalities: Union[str, Sequence[str]] = 'hr') -> None:
        super().__init__(v2.Grayscale(3), modalities, prob)


@TRANSFORMS.register_module()
class HRBlur(_ColourTransform):
    """Blur with a Gaussian.

    Args:
        kernel_size (int): In pixels, odd. Defaults to 9.
        sigma (tuple[float, float]): Range in pixels. Defaults to (0.1, 2).
        prob (float): Defaults to 0.5.
        modalities (str or Sequence[str]): Defaults to 'hr'.
    """

    def __init__(self, kernel_size: int = 9,
                 sigma: tuple[float, float] = (0.1, 2.0), prob: float = 0.5,
                 modalities: Union[str, Sequence[str]] = 'hr') -> None:
        super().__init__(v2.GaussianBlur(kernel_size, tuple(sigma)),
                         modalities, prob)


@TRANSFORMS.register_module()
class HRSolarize(_ColourTransform):
    """Invert colours above a threshold.

    Args:
        threshold (float): From 0 to 255. Defaults to 128.
        prob (float): Defaults to 0.2.
        modalities (str or Sequence[str]): Defaults to 'hr'.
    """

    def __init__(self, threshold: float = 128.0, prob: float = 0.2,
                 modalities: Union[str, Sequence[str]] = 'hr') -> None:
        super().__init__(v2.RandomSolarize(threshold / 255, p=1.0),
                         modalities, prob)
