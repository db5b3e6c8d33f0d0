# Copyright (c) mmeo contributors. All rights reserved.
"""Batches of what several sensors saw of the same places."""

from dataclasses import dataclass, fields, replace
from typing import Optional

import torch
from torch import Tensor

UNKNOWN_DATE = -1
NO_LABEL = 255


@dataclass
class ModalityBatch:
    """The frames of one sensor, padded to the longest series.

    A frame whose ``valid`` is False is padding, or the sensor never saw the
    place: its pixels are never read, whatever they are. A sample that lacks
    the modality has no valid frame.

    Args:
        images (Tensor): ``(B, T, C, H, W)``, normalised; T is 1 for a static
            sensor.
        valid (Tensor): ``(B, T)`` bool.
        dates (Tensor): ``(B, T)`` int64, day of the year from 0 to 365, -1
            where unknown or invalid.
    """

    images: Tensor
    valid: Tensor
    dates: Tensor

    @classmethod
    def of(cls, images: Tensor) -> 'ModalityBatch':
        """All frames valid, all dates unknown: ``(B, T, C, H, W)``."""
        shape = images.shape[:2]
        return cls(
            images,
            torch.ones(shape, dtype=torch.bool, device=images.device),
            torch.full(shape, UNKNOWN_DATE, device=images.device))

    def to(self, *args, **kwargs) -> 'ModalityBatch':
        """Move to a device; a dtype is given to the images alone."""
        images = self.images.to(*args, **kwargs)
        return ModalityBatch(images, self.valid.to(images.device),
                             self.dates.to(images.device))


@dataclass
class CropBatch:
    """One crop of each sample, cut from all its modalities alike.

    The crop was cut out, then mirrored left to right where ``flips``, then
    turned counter-clockwise by ``turns`` quarters.

    Args:
        kind (str): ``'global'`` or ``'local'``.
        modalities (dict[str, ModalityBatch]): Of equal batch size B.
        boxes (Tensor): ``(B, 4)`` float, x1, y1, x2, y2 as shares (0 to 1) of
            the sample's extent, which is the same for all modalities.
        flips (Tensor): ``(B, )`` bool.
        turns (Tensor): ``(B, )`` int64, 0 to 3.
        labels (Tensor, optional): ``(B, h, w)`` int64 class maps of the crop,
            flipped and turned with it; 255 is unlabelled. Defaults to None.
        regions (Tensor, optional): ``(B, )`` int64, region of the ground for
            the geo-context, -1 where unknown. Defaults to None.
    """

    kind: str
    modalities: dict[str, ModalityBatch]
    boxes: Tensor
    flips: Tensor
    turns: Tensor
    labels: Optional[Tensor] = None
    regions: Optional[Tensor] = None

    def to(self, *args, **kwargs) -> 'CropBatch':
        """Move to a device; a dtype is given to the images alone."""
        moved = {name: batch.to(*args, **kwargs)
                 for name, batch in self.modalities.items()}
        device = next(iter(moved.values())).images.device
        rest = {f.name: getattr(self, f.name).to(device)
                for f in fields(self) if f.name not in ('kind', 'modalities')
                and getattr(self, f.name) is not None}
        return replace(self, modalities=moved, **rest)
