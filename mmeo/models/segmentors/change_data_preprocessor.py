# Copyright (c) mmeo contributors. All rights reserved.
"""Batches of change pairs."""

from collections.abc import Sequence
from typing import Any, Optional

import torch
from mmseg.models import SegDataPreProcessor
from torch import Tensor

from mmeo.errors import ConfigError
from mmeo.registry import MODELS


@MODELS.register_module()
class ChangeDataPreProcessor(SegDataPreProcessor):
    """mmseg's preprocessor for pairs ``(2 * C, H, W)``.

    The statistics of one date serve both; padding, stacking and test-time
    padding are mmseg's.

    Args:
        mean (Sequence[float], optional): C values of one date, in the order
            after ``bgr_to_rgb``. Defaults to None, no normalisation.
        std (Sequence[float], optional): C values. Defaults to None.
        bgr_to_rgb (bool): Swap the channels of both dates, of three bands
            each. Defaults to False.
        **kwargs: As for ``SegDataPreProcessor``.

    Raises:
        ConfigError: If only one of ``mean`` and ``std`` is given, their
            lengths differ, or a swap of other than three bands is asked for.
    """

    def __init__(self,
                 mean: Optional[Sequence[float]] = None,
                 std: Optional[Sequence[float]] = None,
                 bgr_to_rgb: bool = False,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if (mean is None) != (std is None) or (mean is not None
                                               and len(mean) != len(std)):
            raise ConfigError('ChangeDataPreProcessor: give `mean` and `std` '
                              'of one length, a value per band of one date')
        self.swap = bgr_to_rgb
        self._enable_normalize = mean is not None
        if mean is not None:
            if bgr_to_rgb and len(mean) != 3:
                raise ConfigError('ChangeDataPreProcessor: `bgr_to_rgb` is '
                                  f'for 3 bands, not {len(mean)}')
            for name, values in (('mean', mean), ('std', std)):
                both = torch.tensor(list(values) * 2, dtype=torch.float32)
                self.register_buffer(name, both.view(-1, 1, 1), False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise, pad and stack.

        Args:
            data (dict): ``inputs``, a list of ``(2 * C, H, W)``, and
                ``data_samples``.
            training (bool): Pad as for training. Defaults to False.

        Returns:
            dict: ``inputs`` ``(B, 2 * C, H, W)``, ``data_samples``.
        """
        if self.swap:
            data = {**data, 'inputs': [_swap(x) for x in data['inputs']]}
        return super().forward(data, training)


def _swap(pair: Tensor) -> Tensor:
    """Reverse the channels of each date, ``(6, H, W)``."""
    return pair[[2, 1, 0, 5, 4, 3]]
