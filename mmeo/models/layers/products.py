# Copyright (c) mmeo contributors. All rights reserved.
"""Linear layers for training on a CPU: faster products, fewer copies kept.

torch multiplies float32 matrices with MKL, which on processors of other
makers leaves half of their arithmetic units idle; oneDNN, which torch has on
board for convolutions, does not. :func:`product` takes the latter.

Autograd keeps the GELU of a hidden layer and the branch that layer scale
multiplies. :func:`scaled_linear` keeps neither: GELU is taken once more, and
the gradient of the scale follows from that of the weight (our choice).

On a GPU, under autocast, inside ``torch.compile``, while a dispatch mode looks
on, in other dtypes than float32 and float64 and with
``torch.backends.mkldnn.flags(enabled=False)`` all is as torch does it.
Gradients of gradients need that last switch.
"""

from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

_ONEDNN = (torch.backends.mkldnn.is_available()
           and hasattr(torch.ops.mkldnn, '_linear_pointwise'))


def product(x: Tensor, weight: Tensor, bias: Optional[Tensor] = None
            ) -> Tensor:
    """``x @ weight.T + bias`` without autograd, through oneDNN if it can.

    Args:
        x (Tensor): ``(..., C)``.
        weight (Tensor): ``(C', C)``.
        bias (Tensor, optional): ``(C', )``. Defaults to None.

    Returns:
        Tensor: ``(..., C')``.
    """
    usable = (_ONEDNN and torch.backends.mkldnn.enabled and x.numel()
              and x.dtype == weight.dtype == torch.float32)
    if not usable:
        return F.linear(x, weight, bias)
    return torch.ops.mkldnn._linear_pointwise(
        x.contiguous(), weight.contiguous(), bias, 'none', [], '')


class _ScaledLinear(torch.autograd.Function):
    """``scale * (act(x) @ weight.T + bias)``; keeps ``x`` and no result."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Optional[Tensor],
                scale: Optional[Tensor], gelu: bool) -> Tensor:
        ctx.save_for_backward(x, weight, bias, scale)
        ctx.gelu = gelu
        out = product(F.gelu(x) if gelu else x, weight, bias)
        return out if scale is None else out.mul_(scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        x, weight, bias, scale = ctx.saved_tensors
        needs = ctx.needs_input_grad
        rows, grad = x.flatten(0, -2), grad.flatten(0, -2)
        d_weight = d_bias = d_scale = d_x = None
        if any(needs[1:4]):
            d_bias = grad.sum(0)
        if needs[1] or needs[3]:
            act = F.gelu(rows) if ctx.gelu else rows
            d_weight = product(grad.t(), act.t())
            del act
        if scale is not None:
            # sum_n grad * (act @ weight.T + bias), the first sum taken first
            if needs[3]:
                d_scale = torch.linalg.vecdot(weight, d_weight)
                if bias is not None:
                    d_scale += bias * d_bias
            if d_weight is not None:
                d_weight.mul_(scale[:, None])
            if d_bias is not None:
                d_bias = d_bias * scale
            grad = grad * scale
        if needs[0]:
            d_x = product(grad, weight.t())
            if ctx.gelu:
                d_x = torch.ops.aten.gelu_backward(d_x, rows)
            d_x = d_x.view_as(x)
        return (d_x, d_weight if needs[1] else None,
                d_bias if needs[2] else None, d_scale, None)


def own_path(x: Tensor, weight: Tensor) -> bool:
    """Whether a layer goes the ways of this file (see its head) here."""
    return (x.device.type == weight.device.type == 'cpu'
            and x.dtype == weight.dtype
            and x.dtype in (torch.float32, torch.float64) and x.dim() > 1
            and torch.backends.mkldnn.enabled
            and not torch.is_autocast_enabled('cpu')
            and not torch.compiler.is_compiling()
            and not torch.jit.is_tracing()
            and not is_in_torch_dispatch_mode())  # e.g. counters of FLOPs


def _bare(layer: nn.Module) -> bool:
    """Whether nobody has wrapped the layer or waits for its calls."""
    return type(layer) is nn.Linear and not (
        layer._forward_hooks or layer._forward_pre_hooks
        or layer._backward_hooks or layer._backward_pre_hooks)


def linear(x: Tensor, weight: Tensor, bias: Optional[Tensor] = None,
           gelu: bool = False) -> Tensor:
    """``F.linear`` of ``x``, or of its GELU, through :func:`product`."""
    if own_path(x, weight):
        return _ScaledLinear.apply(x, weight, bias, None, gelu)
    return F.linear(F.gelu(x) if gelu else x, weight, bias)


def scaled_linear(layer: nn.Linear, x: Tensor,
                  scale: Optional[Tensor] = None,
                  gelu: bool = False) -> Tensor:
    """``scale * layer(gelu(x))``.

    Args:
        layer (nn.Linear): From C to C' channels.
        x (Tensor): ``(..., C)``.
        scale (Tensor, optional): ``(C', )``; None is 1. Defaults to None.
        gelu (bool): Exact GELU of ``x`` first. Defaults to False.

    Returns:
        Tensor: ``(..., C')``.
    """
    if _bare(layer) and own_path(x, layer.weight):
        return _ScaledLinear.apply(x, layer.weight, layer.bias, scale, gelu)
    return plain_scaled_linear(layer, x, scale, gelu)


def plain_scaled_linear(layer: nn.Linear, x: Tensor,
                        scale: Optional[Tensor] = None,
                        gelu: bool = False) -> Tensor:
    """The twin of :func:`scaled_linear` in torch's own operations."""
    out = layer(F.gelu(x) if gelu else x)
    return out if scale is None else scale * out
