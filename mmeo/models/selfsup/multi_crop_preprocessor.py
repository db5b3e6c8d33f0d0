# Copyright (c) mmeo contributors. All rights reserved.
"""Puts the crops of several samples onto the device as batches."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS
from mmeo.structures import CropBatch, ModalityBatch
from mmeo.structures.modality import NO_LABEL, UNKNOWN_DATE

from ..layers.geo_context import UNKNOWN_REGION

BLANK = 32  # pixels of a frame of a sensor that no sample of the batch has


@MODELS.register_module()
class MultiCropDataPreprocessor(BaseDataPreprocessor):
    """Stacks crop i of all samples, global crops first.

    Series are padded to the longest of the batch; a modality that a sample
    lacks becomes frames that are not valid, and one that no sample has a
    single such frame, so that all processes do the same work. Nothing is
    normalised here; ``NormalizeBands`` does that in the pipeline.

    Args:
        modalities (dict[str, int]): Bands by name. Defaults to 3, 10 and 2 of
            'hr', 's2', 's1'.
        non_blocking (bool): Copy to the device asynchronously. Defaults to
            False.
    """

    def __init__(self,
                 modalities: Optional[Mapping[str, int]] = None,
                 non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        self.modalities = dict(modalities or dict(hr=3, s2=10, s1=2))

    def forward(self, data: Sequence[dict],
                training: bool = False) -> dict:
        """Make the batches.

        Args:
            data (Sequence[dict]): B samples of ``PackMultiModalCrops``, each
                with ``inputs``, one dict per crop, and ``data_samples``; of
                ``list_collate``. ``metainfo['region']`` of a data sample, if
                any, is its region of the geo-context.
            training (bool): Unused. Defaults to False.

        Returns:
            dict: ``inputs``, a list of :class:`CropBatch`, and
            ``data_samples``, a list.

        Raises:
            ConfigError: If the samples were merged.
            DataError: If samples have different crops, or a modality frames
                of different sizes.
        """
        if isinstance(data, Mapping):
            raise ConfigError(
                "set train_dataloader.collate_fn=dict(type='list_collate'): "
                'the present one merges samples, and would lose modalities '
                'that only some of them have.')
        samples = self.cast_data([sample['inputs'] for sample in data])
        others = [sample.get('data_samples') for sample in data]
        kinds = [[crop['kind'] for crop in crops] for crops in samples]
        if any(other != kinds[0] for other in kinds):
            raise DataError(f'samples of a batch have different crops: '
                            f'{kinds}; use one MultiModalMultiCrop for all.')
        regions = [UNKNOWN_REGION if other is None else other.metainfo.get(
            'region', UNKNOWN_REGION) for other in others]
        batches = [self._stack(crops, regions) for crops in zip(*samples)]
        batches.sort(key=lambda batch: batch.kind != 'global')
        return dict(inputs=batches, data_samples=others)

    def _stack(self, crops: Sequence[dict],
               regions: Sequence[int]) -> CropBatch:
        unknown = {name for crop in crops for name in crop['modalities']}
        unknown -= set(self.modalities)
        if unknown:
            raise DataError(
                f'samples have the modalities {sorted(unknown)}, which '
                f'data_preprocessor.modalities={self.modalities} lacks: add '
                'them with their number of bands, or drop them.')
        first = crops[0]
        device = next(iter(first['modalities'].values()))['images'].device
        modalities = {
            name: stack_series([crop['modalities'].get(name)
                                for crop in crops], name, bands, device)
            for name, bands in self.modalities.items()}

        def column(name: str, dtype: torch.dtype) -> Tensor:
            return torch.stack([torch.as_tensor(crop[name], dtype=dtype)
                                for crop in crops]).to(device)

        return CropBatch(
            first['kind'], modalities, column('box', torch.float32),
            column('flip', torch.bool), column('turn', torch.int64),
            stack_labels([crop.get('label') for crop in crops], device),
            torch.tensor(regions, device=device))


def stack_series(series: Sequence[Optional[Mapping[str, Any]]], name: str,
                 bands: int, device: torch.device) -> ModalityBatch:
    """Stack one modality of B samples, None where a sample lacks it.

    Args:
        series (Sequence[dict]): ``images`` ``(T_i, C, H, W)`` and ``dates``
            ``(T_i, )``.
        name (str): Of the modality, for messages.
        bands (int): C.
        device (torch.device): Where to.

    Raises:
        DataError: If sizes or bands differ.
    """
    present = [x['images'] for x in series if x is not None]
    shapes = {tuple(images.shape[1:]) for images in present}
    if len(shapes) > 1 or any(shape[0] != bands for shape in shapes):
        raise DataError(
            f'frames of {name!r} have the shapes {sorted(shapes)}, and must '
            f'all be ({bands}, H, W): mend the crop sizes or '
            'data_preprocessor.modalities.')
    shape = shapes.pop() if shapes else (bands, BLANK, BLANK)
    longest = max([len(images) for images in present], default=1)
    images = torch.zeros(len(series), longest, *shape, device=device)
    valid = torch.zeros(images.shape[:2], dtype=torch.bool, device=device)
    dates = torch.full_like(valid, UNKNOWN_DATE, dtype=torch.int64)
    for i, found in enumerate(series):
        if found is not None:
            count = len(found['images'])
            images[i, :count] = found['images']
            dates[i, :count] = found['dates']
            valid[i, :count] = True
    return ModalityBatch(images, valid, dates)


def stack_labels(labels: Sequence[Optional[Tensor]],
                 device: torch.device) -> Optional[Tensor]:
    """Stack label maps; a sample without one is unlabelled."""
    present = [torch.as_tensor(x) for x in labels if x is not None]
    if not present:
        return None
    out = torch.full((len(labels), *present[0].shape), NO_LABEL,
                     dtype=torch.int64, device=device)
    for i, label in enumerate(labels):
        if label is not None:
            out[i] = torch.as_tensor(label).to(device)
    return out
