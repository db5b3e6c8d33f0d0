# Copyright (c) mmeo contributors. All rights reserved.
"""Layer normalisation over the channels of a feature map."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmeo.registry import MODELS


@MODELS.register_module(name='LN2d')
class LayerNorm2d(nn.LayerNorm):
    """LayerNorm of each pixel over its channels, computed in float32.

    Args:
        num_channels (int): Channels C.
        eps (float): Added to the variance. Defaults to 1e-6.
    """

    # mmcv's ConvModule names its norm after this, hence keys `*.ln.weight`.
    _abbr_ = 'ln'

    def __init__(self, num_channels: int, eps: float = 1e-6) -> None:
        super().__init__(num_channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, H, W)``; shape, dtype and memory layout stay.

        A map in channels_last layout is normalised where it lies; in the
        other one its channels must be brought together and apart again.
        """
        out = x.permute(0, 2, 3, 1).float()  # (B, H, W, C)
        out = F.layer_norm(out, self.normalized_shape, self.weight.float(),
                           self.bias.float(), self.eps)
        out = out.permute(0, 3, 1, 2).to(x.dtype)
        if x.is_contiguous(memory_format=torch.channels_last):
            return out
        return out.contiguous()
