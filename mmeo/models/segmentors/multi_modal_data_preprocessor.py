# Copyright (c) mmeo contributors. All rights reserved.
"""Batches of samples of several sensors, for segmentation and classes."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS
from mmeo.structures import NO_LABEL, ModalityBatch

from ..layers.geo_context import UNKNOWN_REGION
from ..selfsup.multi_crop_preprocessor import stack_series

Size = tuple[int, int]


class ModalityBatches(dict):
    """``dict[str, ModalityBatch]`` that may know the regions ``(B, )``."""

    regions: Optional[Tensor] = None


def largest(sizes: Sequence[Size]) -> Size:
    """The least size that holds all."""
    return max(h for h, _ in sizes), max(w for _, w in sizes)


@MODELS.register_module()
class MultiModalDataPreprocessor(BaseDataPreprocessor):
    """Stack samples of ``PackMultiModalInputs``; normalise nothing.

    Series are padded to the longest of the batch, frames and label maps on
    the right and below to the largest, labels by 255. A sensor that a sample
    lacks becomes frames that are not valid. Where predictions are made, each
    data sample learns how much was padded.

    Samples come as a list (``collate_fn=dict(type='list_collate')``):
    mmengine's ``pseudo_collate`` loses sensors that only some samples have.

    Args:
        modalities (dict[str, int], optional): Bands by name. Sensors of the
            dict that no sample of a batch has are there all the same, with
            one blank frame, so that all processes do the same. Defaults to
            None, the sensors that a batch has.
        non_blocking (bool): Copy to the device asynchronously. Defaults to
            False.
        batch_augments (dict, optional): Refused; mmpretrain's classifier
            names it. Defaults to None.

    Raises:
        ConfigError: If ``batch_augments`` is given.
    """

    def __init__(self,
                 modalities: Optional[Mapping[str, int]] = None,
                 non_blocking: bool = False,
                 batch_augments: Optional[dict] = None) -> None:
        super().__init__(non_blocking)
        if batch_augments:
            raise ConfigError('MultiModalDataPreprocessor: batches of several '
                              'sensors cannot be mixed up; remove '
                              '`train_cfg.augments`')
        self.modalities = None if modalities is None else dict(modalities)

    def forward(self, data: Sequence[dict], training: bool = False) -> dict:
        """Make a batch.

        Args:
            data (Sequence[dict]): B samples: ``inputs``, sensor to ``images``
                ``(T, C, H, W)`` and ``dates`` ``(T, )``; ``data_samples``.
            training (bool): Unused: padding is the same. Defaults to False.

        Returns:
            dict: ``inputs`` (dict[str, ModalityBatch]), ``data_samples``.

        Raises:
            ConfigError: If the samples were merged already.
            DataError: If sizes do not agree.
        """
        if isinstance(data, Mapping):
            raise ConfigError(
                "set collate_fn=dict(type='list_collate') in the dataloader: "
                'the present one merges samples, and would lose sensors that '
                'only some of them have.')
        data = self.cast_data(list(data))
        samples = [sample['inputs'] for sample in data]
        known = [sample.get('data_samples') for sample in data]
        data_samples = known if all(x is not None for x in known) else None
        shares = pad_labels(data_samples) if data_samples else None
        inputs = ModalityBatches(
            (name, self._stack(name, samples, shares))
            for name in self._names(samples))
        if any('region' in (x.metainfo if x else ()) for x in known):
            inputs.regions = torch.tensor(
                [x.metainfo.get('region', UNKNOWN_REGION) if x else
                 UNKNOWN_REGION for x in known], device=self.device)
        return dict(inputs=inputs, data_samples=data_samples)

    def _names(self, samples: Sequence[Mapping]) -> list[str]:
        found = list(dict.fromkeys(n for sample in samples for n in sample))
        if self.modalities is None:
            return found
        unknown = set(found) - set(self.modalities)
        if unknown:
            raise DataError(
                f'samples have the modalities {sorted(unknown)}, which '
                f'data_preprocessor.modalities={self.modalities} lacks: add '
                'them with their number of bands, or drop them.')
        return list(self.modalities)

    def _stack(self, name: str, samples: Sequence[Mapping],
               shares: Optional[list]) -> ModalityBatch:
        series: list[Optional[dict]] = [x.get(name) for x in samples]
        present = [x['images'] for x in series if x is not None]
        bands = self.modalities[name] if self.modalities else \
            present[0].shape[1]
        size = largest([x.shape[-2:] for x in present]) if present else (0, 0)
        for i, one in enumerate(series):
            if one is not None:
                own = tuple(one['images'].shape[-2:])
                if shares and own != size:
                    _check_share(name, own, size, *shares[i])
                series[i] = dict(one, images=pad_to(one['images'], size))
        return stack_series(series, name, bands, self.device)


def pad_to(x: Tensor, size: Size, value: float = 0) -> Tensor:
    """Pad ``(..., h, w)`` on the right and below."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, size[1] - width, 0, size[0] - height), value=value)


def _check_share(name: str, own: Size, size: Size, mine: Size,
                 canvas: Size) -> None:
    """A padded frame must end where the padded label does."""
    if any(a * d != b * c for a, b, c, d in zip(own, size, mine, canvas)):
        raise DataError(
            f'frames of {name!r} of {own} and {size} pixels are in one batch '
            f'with maps of {mine} and {canvas}: crop all samples to one '
            'extent, or use batch_size=1.')


def pad_labels(data_samples: Sequence[Any]) -> Optional[list]:
    """Bring the label maps of a batch to one size, and note the padding.

    Args:
        data_samples (Sequence): mmseg's or others; the latter stay.

    Returns:
        list, optional: For each sample its ``(H, W)`` and that of the batch,
        if these are label maps.
    """
    if not isinstance(data_samples[0], SegDataSample):
        return None
    sizes = [tuple(x.metainfo['img_shape'][:2]) for x in data_samples]
    canvas = largest(sizes)
    for sample, (height, width) in zip(data_samples, sizes):
        if 'gt_sem_seg' in sample:
            label = pad_to(sample.gt_sem_seg.data, canvas, NO_LABEL)
            sample.gt_sem_seg = PixelData(data=label)
        sample.set_metainfo(dict(
            pad_shape=canvas,
            padding_size=[0, canvas[1] - width, 0, canvas[0] - height]))
    return [(size, canvas) for size in sizes]
