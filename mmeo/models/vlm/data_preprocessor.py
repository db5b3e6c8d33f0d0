# Copyright (c) mmeo contributors. All rights reserved.
"""Puts a list of dialogues onto the device as one packed batch."""

from collections.abc import Sequence
from itertools import chain

import torch
from mmengine.model import BaseDataPreprocessor

from mmeo.errors import DataError
from mmeo.registry import MODELS

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
# What TokenWeightedTrainLoop puts beside the samples of a micro-batch.
LOOP_KEYS = ('normalizer', 'sample_seeds')


@MODELS.register_module()
class VLMDataPreprocessor(BaseDataPreprocessor):
    """Concatenates and normalises.

    Args:
        mean (Sequence[float]): Per channel, RGB, range 0-255. Defaults to
            ImageNet's.
        std (Sequence[float]): Per channel. Defaults to ImageNet's.
        non_blocking (bool): Copy to the device asynchronously. Defaults to
            False.
    """

    def __init__(self,
                 mean: Sequence[float] = IMAGENET_MEAN,
                 std: Sequence[float] = IMAGENET_STD,
                 non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Make the batch.

        Args:
            data (dict): ``inputs``, a dict of lists over the B samples:
                ``pixel_values`` ``(T_i, 3, H, W)`` uint8 RGB, and
                ``input_ids``, ``labels``, ``image_mask`` of ``(L_i,)``;
                ``data_samples``, a list or None. A training loop may add
                ``normalizer``, a float, and ``sample_seeds``, B integers;
                see :meth:`InstructVLM.loss`.
            training (bool): Unused. Defaults to False.

        Returns:
            dict: ``inputs`` with ``pixel_values`` ``(sum T_i, 3, H, W)``
            float, the others ``(sum L_i,)``, ``lengths``, a list of the
            L_i, what the training loop added, and from the data samples
            ``granularity``, B integers, and ``image_layouts``, a list for
            all images, where all have them; ``data_samples``.
        """
        data = self.cast_data(data)
        inputs = data['inputs']
        sizes = {tuple(tiles.shape[-2:]) for tiles in inputs['pixel_values']}
        if len(sizes) > 1:
            raise DataError(f'tiles of different sizes in a batch: {sizes}; '
                            'use one `image_size` in DynamicTiling')
        tiles = torch.cat(inputs['pixel_values']).to(self.mean.dtype)
        out = {
            key: torch.cat(inputs[key])
            for key in ('input_ids', 'labels', 'image_mask')
        }
        out['pixel_values'] = (tiles - self.mean) / self.std
        out['lengths'] = [len(ids) for ids in inputs['input_ids']]
        out.update({key: data[key] for key in LOOP_KEYS if key in data})
        samples = data.get('data_samples')
        for key in ('granularity', 'image_layouts'):
            if samples and all(key in sample for sample in samples):
                out[key] = [sample.get(key) for sample in samples]
        if 'image_layouts' in out:
            out['image_layouts'] = list(chain(*out['image_layouts']))
        return dict(inputs=out, data_samples=samples)
