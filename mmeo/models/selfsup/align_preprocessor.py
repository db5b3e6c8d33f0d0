# Copyright (c) mmeo contributors. All rights reserved.
"""Puts pairs of SAR views and optical images onto the device."""

from collections.abc import Mapping, Sequence
from typing import Any, Union

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmeo.errors import DataError
from mmeo.registry import MODELS


@MODELS.register_module()
class AlignDataPreprocessor(BaseDataPreprocessor):
    """Stacks the samples of ``PackAlignInputs``.

    Nothing is normalised here; ``NormalizeBands`` does that in the pipeline.
    """

    def forward(self, data: Union[Mapping, Sequence[dict]],
                training: bool = False) -> dict:
        """Make the batch.

        Args:
            data (Mapping or Sequence[dict]): Of ``list_collate``,
                ``pseudo_collate`` or ``default_collate``.
            training (bool): Unused. Defaults to False.

        Returns:
            dict: ``inputs``: ``sar`` ``(B, V, C, h, w)`` and ``optical``
            ``(B, C, H, W)``; ``data_samples``, a list or None.

        Raises:
            DataError: If images of a batch differ in size or bands.
        """
        if not isinstance(data, Mapping):
            data = dict(
                inputs={key: [sample['inputs'][key] for sample in data]
                        for key in data[0]['inputs']},
                data_samples=[sample.get('data_samples') for sample in data])
        data = self.cast_data(dict(data))
        inputs = {name: self._stack(images, name)
                  for name, images in data['inputs'].items()}
        return dict(inputs=inputs, data_samples=data.get('data_samples'))

    @staticmethod
    def _stack(images: Any, name: str) -> Tensor:
        if isinstance(images, Tensor):
            return images
        shapes = {tuple(image.shape) for image in images}
        if len(shapes) > 1:
            raise DataError(
                f'{name} images of a batch have the shapes {sorted(shapes)}: '
                'set `size` and `optical_size` in AlignViews.')
        return torch.stack(list(images))
