# Copyright (c) mmeo contributors. All rights reserved.
"""Multi-scale deformable attention (Zhu et al. 2021, eq. 3).

On the CPU mmcv's module calls a torch implementation of its own and never
comes here; these ops serve CUDA tensors and direct callers.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmeo.ops.nms import working_dtype


def attend(value: Tensor, spatial_shapes: Tensor, locations: Tensor,
           weights: Tensor) -> Tensor:
    """Differentiable form of the op.

    Args:
        value (Tensor): ``(B, keys, heads, D)``, levels one after the other.
        spatial_shapes (Tensor): ``(levels, 2)`` as height, width.
        locations (Tensor): ``(B, Q, heads, levels, points, 2)`` as x, y in
            [0, 1].
        weights (Tensor): ``(B, Q, heads, levels, points)``.

    Returns:
        Tensor: ``(B, Q, heads * D)``.
    """
    batch, _, heads, dims = value.shape
    queries = locations.size(1)
    shapes = [tuple(shape) for shape in spatial_shapes.tolist()]
    maps = value.split([height * width for height, width in shapes], dim=1)
    grids = (2 * locations - 1).permute(3, 0, 2, 1, 4, 5).flatten(1, 2)
    weights = weights.permute(3, 0, 2, 1, 4).flatten(1, 2)
    total = None
    for level, (shape, part) in enumerate(zip(shapes, maps)):
        # (B, H * W, heads, D) -> (B * heads, D, H, W)
        part = part.permute(0, 2, 3, 1).reshape(batch * heads, dims, *shape)
        sampled = F.grid_sample(part, grids[level], mode='bilinear',
                                padding_mode='zeros', align_corners=False)
        # (B * heads, D, Q, points) summed over the points
        term = (sampled * weights[level][:, None]).sum(-1)
        total = term if total is None else total + term
    return total.view(batch, heads * dims, queries).transpose(1, 2)


@torch.no_grad()
def ms_deform_attn_forward(value: Tensor, value_spatial_shapes: Tensor,
                           value_level_start_index: Tensor,
                           sampling_locations: Tensor,
                           attention_weights: Tensor,
                           im2col_step: int) -> Tensor:
    """See :func:`attend`.

    Args:
        value (Tensor): ``(B, keys, heads, D)``.
        value_spatial_shapes (Tensor): ``(levels, 2)``.
        value_level_start_index (Tensor): Known from the shapes.
        sampling_locations (Tensor): ``(B, Q, heads, levels, points, 2)``.
        attention_weights (Tensor): ``(B, Q, heads, levels, points)``.
        im2col_step (int): Not needed.

    Returns:
        Tensor: ``(B, Q, heads * D)``.
    """
    dtype = working_dtype(value)
    result = attend(value.to(dtype), value_spatial_shapes,
                    sampling_locations.to(dtype), attention_weights.to(dtype))
    return result.to(value.dtype).contiguous()


def ms_deform_attn_backward(value: Tensor, value_spatial_shapes: Tensor,
                            value_level_start_index: Tensor,
                            sampling_locations: Tensor,
                            attention_weights: Tensor, grad_output: Tensor,
                            grad_value: Tensor, grad_sampling_loc: Tensor,
                            grad_attn_weight: Tensor,
                            im2col_step: int) -> None:
    """Gradients of :func:`attend`, written into the three ``grad_`` tensors.

    Args:
        value (Tensor): See the forward op, as those that follow.
        value_spatial_shapes (Tensor): ``(levels, 2)``.
        value_level_start_index (Tensor): Known from the shapes.
        sampling_locations (Tensor): ``(B, Q, heads, levels, points, 2)``.
        attention_weights (Tensor): ``(B, Q, heads, levels, points)``.
        grad_output (Tensor): ``(B, Q, heads * D)``.
        grad_value (Tensor): Output.
        grad_sampling_loc (Tensor): Output.
        grad_attn_weight (Tensor): Output.
        im2col_step (int): Not needed.
    """
    dtype = working_dtype(value)
    leaves = [tensor.detach().to(dtype).requires_grad_()
              for tensor in (value, sampling_locations, attention_weights)]
    with torch.enable_grad():
        result = attend(leaves[0], value_spatial_shapes, *leaves[1:])
        grads = torch.autograd.grad(result, leaves, grad_output.to(dtype))
    targets = (grad_value, grad_sampling_loc, grad_attn_weight)
    for target, grad in zip(targets, grads):
        target.copy_(grad)
