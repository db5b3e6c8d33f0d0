# Copyright (c) mmeo contributors. All rights reserved.
"""mmseg's encoder-decoder on batches of several sensors."""

from collections.abc import Mapping
from math import gcd, lcm
from typing import Optional

import torch.nn.functional as F
from mmseg.models import EncoderDecoder
from torch import Tensor

from mmeo.errors import ConfigError
from mmeo.registry import MODELS
from mmeo.structures import ModalityBatch

Batches = Mapping[str, ModalityBatch]


def starts(length: int, crop: int, stride: int) -> list[int]:
    """First pixels of windows that cover a side, the last one flush."""
    last = max(length - crop, 0)
    return [*range(0, last, stride), last]


def cut(batches: Batches, canvas: tuple[int, int],
        window: tuple[int, int, int, int]) -> dict[str, ModalityBatch]:
    """Cut the same ground out of all sensors.

    Args:
        batches (dict[str, ModalityBatch]): Name -> frames.
        canvas (tuple[int, int]): Height and width that ``window`` counts in.
        window (tuple[int, int, int, int]): y1, x1, y2, x2.

    Raises:
        ConfigError: If a border lies within a pixel of a sensor.
    """
    out = {}
    for name, batch in batches.items():
        size = batch.images.shape[-2:]
        if not batch.valid.any():  # of any size
            out[name] = batch
            continue
        ends = [(v * size[i % 2], canvas[i % 2])
                for i, v in enumerate(window)]
        if any(a % b for a, b in ends):
            unit = [lcm(*(c // gcd(c, b.images.shape[i - 2])
                          for b in batches.values() if b.valid.any()))
                    for i, c in enumerate(canvas)]
            raise ConfigError(
                f'a window {window} of {canvas} cuts pixels of {name!r} of '
                f'{tuple(size)}: set test_cfg.crop_size and stride to '
                f"multiples of {unit}, or mode='whole'.")
        y1, x1, y2, x2 = (a // b for a, b in ends)
        out[name] = ModalityBatch(batch.images[..., y1:y2, x1:x2],
                                  batch.valid, batch.dates)
    return out


@MODELS.register_module()
class MultiModalSegmentor(EncoderDecoder):
    """Segment what several sensors saw.

    ``inputs`` is a dict of :class:`ModalityBatch`. All is mmseg's
    ``EncoderDecoder`` but windows, which here count in pixels of the label
    map (``img_shape``) and cut all sensors alike.

    Args: as for ``EncoderDecoder``, with a :class:`MultiModalEncoder` as
    backbone and a :class:`MultiModalDataPreprocessor`.
    """

    def predict(self, inputs: Batches,
                data_samples: Optional[list] = None) -> list:
        """Predict label maps.

        Without data samples they have the size of the sensor of most pixels.

        Args:
            inputs (dict[str, ModalityBatch]): Name -> frames.
            data_samples (list, optional): With ``img_shape``, ``ori_shape``
                and what was padded. Defaults to None.

        Returns:
            list[SegDataSample]: With ``pred_sem_seg`` and ``seg_logits``.
        """
        if data_samples is not None:
            return super().predict(inputs, data_samples)
        images = max((b.images for b in inputs.values() if b.valid.any()),
                     key=lambda x: x.shape[-2] * x.shape[-1])
        size = tuple(images.shape[-2:])
        meta = dict(ori_shape=size, img_shape=size, pad_shape=size)
        logits = self.inference(inputs, [meta] * len(images))
        return self.postprocess_result(logits, None)

    def slide_inference(self, inputs: Batches,
                        batch_img_metas: list[dict]) -> Tensor:
        """Mean of the logits of overlapping windows.

        Args:
            inputs (dict[str, ModalityBatch]): Name -> frames.
            batch_img_metas (list[dict]): The first one's ``pad_shape``, or
                ``img_shape``, is the size of the result.

        Returns:
            Tensor: ``(B, classes, H, W)``.
        """
        meta = batch_img_metas[0]
        height, width = canvas = tuple(
            meta.get('pad_shape', meta['img_shape'])[:2])
        crop_h, crop_w = (min(c, s) for c, s in zip(self.test_cfg.crop_size,
                                                    canvas))
        step_h, step_w = self.test_cfg.stride
        total = count = 0
        for y in starts(height, crop_h, step_h):
            for x in starts(width, crop_w, step_w):
                window = (y, x, y + crop_h, x + crop_w)
                metas = [dict(m, img_shape=(crop_h, crop_w),
                              pad_shape=(crop_h, crop_w))
                         for m in batch_img_metas]
                logits = self.encode_decode(cut(inputs, canvas, window),
                                            metas)
                place = (x, width - x - crop_w, y, height - y - crop_h)
                total = total + F.pad(logits, place)
                count = count + F.pad(logits.new_ones(1, 1, crop_h, crop_w),
                                      place)
        return total / count
