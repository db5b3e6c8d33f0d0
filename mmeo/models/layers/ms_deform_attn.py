# Copyright (c) mmeo contributors. All rights reserved.
"""Multi-scale deformable attention, always in float32."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.ops.multi_scale_deform_attn import (
    MultiScaleDeformableAttention,
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)
from torch import Tensor, nn

from mmeo.errors import ConfigError

from .checkpointing import maybe_checkpoint
from .precision import no_autocast
from .products import scaled_linear

Shapes = Sequence[tuple[int, int]]


def reference_points(shapes: Shapes, device: torch.device) -> Tensor:
    """Pixel centres of maps, in units of each map's own size.

    Args:
        shapes (Sequence[tuple[int, int]]): ``(h, w)`` of each map.
        device (torch.device): Where to put the result.

    Returns:
        Tensor: ``(1, sum(h * w), 1, 2)`` as (x, y) in 0..1, float32.
    """
    points = []
    for height, width in shapes:
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        y, x = torch.meshgrid(y, x, indexing='ij')
        points.append(torch.stack((x, y), dim=-1).reshape(-1, 2))
    return torch.cat(points)[None, :, None]


def _filled(rows: Sequence[Sequence[int]], like: Tensor,
            dtype: torch.dtype) -> Tensor:
    """Put a few numbers on a device without waiting for it.

    ``torch.tensor(..., device=...)`` copies from the host, which waits for
    everything the device still has to do.
    """
    kwargs = dict(dtype=dtype, device=like.device)
    return torch.stack([
        torch.cat([torch.full((1, ), value, **kwargs) for value in row])
        for row in rows
    ])


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    if layer.weight.dtype == x.dtype:
        return scaled_linear(layer, x)
    return F.linear(x, layer.weight.float(), layer.bias.float())


class MSDeformAttention(MultiScaleDeformableAttention):
    """mmcv's module without dropout and residual, batch first, in float32.

    mmcv's compiled op takes no bfloat16 and loses sub-pixel precision in
    float16, so this runs in float32 with autocast off, whatever the dtype
    around it. Shapes come as Python numbers: nothing waits for the device.

    Args:
        embed_dims (int): Channels C.
        num_heads (int): Heads; must divide ``embed_dims`` and the value
            channels.
        num_levels (int): Maps in the value sequence.
        num_points (int): Samples per query, head and level. Defaults to 4.
        value_proj_ratio (float): Value channels over ``embed_dims``. Defaults
            to 1.0.

    Raises:
        ConfigError: If the heads do not divide the channels.
    """

    def __init__(self,
                 embed_dims: int,
                 num_heads: int,
                 num_levels: int,
                 num_points: int = 4,
                 value_proj_ratio: float = 1.0) -> None:
        value_dims = int(embed_dims * value_proj_ratio)
        for name, dims in (('embed_dims', embed_dims),
                           ('embed_dims * deform_ratio', value_dims)):
            if dims < num_heads or dims % num_heads:
                raise ConfigError(
                    f'num_heads={num_heads} of the deformable attention does '
                    f'not divide {name}={dims}: choose a common divisor of '
                    f'{embed_dims} and {value_dims}.')
        super().__init__(
            embed_dims,
            num_heads=num_heads,
            num_levels=num_levels,
            num_points=num_points,
            dropout=0.0,
            batch_first=True,
            value_proj_ratio=value_proj_ratio)

    def forward(self, query: Tensor, value: Tensor, points: Tensor,
                shapes: Shapes) -> Tensor:
        """Sample values around each query's reference point.

        Args:
            query (Tensor): ``(B, N, C)``.
            value (Tensor): ``(B, M, C)``, the maps flattened and concatenated.
            points (Tensor): ``(1, N, 1, 2)`` from :func:`reference_points`.
            shapes (Sequence[tuple[int, int]]): ``(h, w)`` of each value map;
                ``M = sum(h * w)``.

        Returns:
            Tensor: ``(B, N, C)`` float32, without the residual.
        """
        with no_autocast(query.device):
            return self._forward(query.float(), value.float(), points, shapes)

    def _forward(self, query: Tensor, value: Tensor, points: Tensor,
                 shapes: Shapes) -> Tensor:
        batch, length, _ = query.shape
        grid = (batch, length, self.num_heads, self.num_levels,
                self.num_points)
        value = _linear(self.value_proj, value)
        # (B, M, Cv) -> (B, M, heads, Cv / heads)
        value = value.reshape(batch, value.shape[1], self.num_heads, -1)
        offsets = _linear(self.sampling_offsets, query).reshape(*grid, 2)
        # Softmax over the points of all levels together.
        weights = _linear(self.attention_weights, query).reshape(
            *grid[:3], -1).softmax(-1).reshape(grid)
        # Offsets are in pixels of each level.
        size = _filled([(w, h) for h, w in shapes], query, torch.float32)
        locations = points[:, :, None, :, None] \
            + offsets / size[None, None, None, :, None]
        out = self._sample(value, shapes, locations, weights)
        return _linear(self.output_proj, out)

    @staticmethod
    def _sample(value: Tensor, shapes: Shapes, locations: Tensor,
                weights: Tensor) -> Tensor:
        if not value.is_cuda:
            # Samples take more room than the maps they come from; like the
            # compiled op, take them again in the backward pass.
            return maybe_checkpoint(
                torch.is_grad_enabled(), multi_scale_deformable_attn_pytorch,
                value, shapes, locations, weights)
        sizes = _filled(shapes, value, torch.int64)
        area = sizes.prod(1)
        start = area.cumsum(0) - area
        # The op asks that its step divide the batch.
        batch = value.shape[0]
        step = batch if batch <= 64 else math.gcd(batch, 64)
        return MultiScaleDeformableAttnFunction.apply(value, sizes, start,
                                                      locations, weights, step)
