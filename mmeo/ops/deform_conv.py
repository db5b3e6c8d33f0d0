# Copyright (c) mmeo contributors. All rights reserved.
"""Deformable convolution, plain and modulated, on torchvision's kernels."""

import torch
from torch import Tensor

from mmeo.ops.nms import working_dtype


def _forward(input: Tensor, weight: Tensor, offset: Tensor, mask: Tensor,
             bias: Tensor, use_mask: bool, geometry: tuple) -> Tensor:
    import torchvision  # noqa: F401  (registers the op)
    dtype = working_dtype(input)
    tensors = (t.to(dtype) for t in (input, weight, offset, mask, bias))
    return torch.ops.torchvision.deform_conv2d(*tensors, *geometry, use_mask)


def _backward(grad: Tensor, input: Tensor, weight: Tensor, offset: Tensor,
              mask: Tensor, bias: Tensor, use_mask: bool,
              geometry: tuple) -> tuple[Tensor, ...]:
    """Gradients of input, weight, offset, mask and bias."""
    import torchvision  # noqa: F401  (registers the op)
    dtype = working_dtype(input)
    tensors = (t.to(dtype) for t in (grad, input, weight, offset, mask, bias))
    return torch.ops.torchvision._deform_conv2d_backward(
        *tensors, *geometry, use_mask)


def _no_mask(input: Tensor, planes: int) -> tuple[Tensor, Tensor]:
    """Mask and bias that stand for neither."""
    return input.new_zeros(input.size(0), 1), input.new_zeros(planes)


@torch.no_grad()
def deform_conv_forward(input: Tensor, weight: Tensor, offset: Tensor,
                        output: Tensor, columns: Tensor, ones: Tensor,
                        kW: int, kH: int, dW: int, dH: int, padW: int,
                        padH: int, dilationW: int, dilationH: int, group: int,
                        deformable_group: int, im2col_step: int) -> None:
    """Deformable convolution (Dai et al. 2017, eq. 2).

    Args:
        input (Tensor): ``(B, C, H, W)``.
        weight (Tensor): ``(out, C / group, kH, kW)``.
        offset (Tensor): ``(B, 2 * deformable_group * kH * kW, h, w)`` as
            y, x per kernel entry.
        output (Tensor): Output ``(B, out, h, w)``.
        columns (Tensor): Buffer of the compiled op, not needed; nor is
            ``ones``.
        ones (Tensor): Not needed.
        kW (int): Known from ``weight``, as ``kH``.
        kH (int): Known from ``weight``.
        dW (int): Stride along x; ``dH`` along y.
        dH (int): Stride along y.
        padW (int): Padding along x.
        padH (int): Padding along y.
        dilationW (int): Dilation along x.
        dilationH (int): Dilation along y.
        group (int): Groups of channels.
        deformable_group (int): Groups of channels that share offsets.
        im2col_step (int): Not needed.
    """
    geometry = (dH, dW, padH, padW, dilationH, dilationW, group,
                deformable_group)
    output.copy_(_forward(input, weight, offset,
                          *_no_mask(input, weight.size(0)), False, geometry))


@torch.no_grad()
def deform_conv_backward_input(input: Tensor, offset: Tensor,
                               gradOutput: Tensor, gradInput: Tensor,
                               gradOffset: Tensor, weight: Tensor,
                               columns: Tensor, kW: int, kH: int, dW: int,
                               dH: int, padW: int, padH: int, dilationW: int,
                               dilationH: int, group: int,
                               deformable_group: int,
                               im2col_step: int) -> None:
    """Gradients of input and offset, added to ``gradInput, gradOffset``.

    Arguments as in :func:`deform_conv_forward`.
    """
    geometry = (dH, dW, padH, padW, dilationH, dilationW, group,
                deformable_group)
    grads = _backward(gradOutput, input, weight, offset,
                      *_no_mask(input, weight.size(0)), False, geometry)
    gradInput += grads[0]
    gradOffset += grads[2]


@torch.no_grad()
def deform_conv_backward_parameters(input: Tensor, offset: Tensor,
                                    gradOutput: Tensor, gradWeight: Tensor,
                                    columns: Tensor, ones: Tensor, kW: int,
                                    kH: int, dW: int, dH: int, padW: int,
                                    padH: int, dilationW: int,
                                    dilationH: int, group: int,
                                    deformable_group: int, scale: float,
                                    im2col_step: int) -> None:
    """Gradient of the weight times ``scale``, added to ``gradWeight``.

    Arguments as in :func:`deform_conv_forward`.
    """
    geometry = (dH, dW, padH, padW, dilationH, dilationW, group,
                deformable_group)
    # The gradient of the weight does not depend on the weight.
    grads = _backward(gradOutput, input, torch.zeros_like(gradWeight), offset,
                      *_no_mask(input, gradWeight.size(0)), False, geometry)
    gradWeight.add_(grads[1], alpha=scale)


@torch.no_grad()
def modulated_deform_conv_forward(
        input: Tensor, weight: Tensor, bias: Tensor, ones: Tensor,
        offset: Tensor, mask: Tensor, output: Tensor, columns: Tensor,
        kernel_h: int, kernel_w: int, stride_h: int, stride_w: int,
        pad_h: int, pad_w: int, dilation_h: int, dilation_w: int, group: int,
        deformable_group: int, with_bias: bool) -> None:
    """Modulated deformable convolution (Zhu et al. 2019, eq. 1).

    Args:
        input (Tensor): ``(B, C, H, W)``.
        weight (Tensor): ``(out, C / group, kernel_h, kernel_w)``.
        bias (Tensor): ``(out,)``, or empty.
        ones (Tensor): Buffer of the compiled op, not needed.
        offset (Tensor): ``(B, 2 * deformable_group * kernel_h * kernel_w, h,
            w)``.
        mask (Tensor): ``(B, deformable_group * kernel_h * kernel_w, h, w)``.
        output (Tensor): Output ``(B, out, h, w)``.
        columns (Tensor): Not needed.
        kernel_h (int): Known from ``weight``, as ``kernel_w``.
        kernel_w (int): Known from ``weight``.
        stride_h (int): Stride along y; ``stride_w`` along x.
        stride_w (int): Stride along x.
        pad_h (int): Padding along y.
        pad_w (int): Padding along x.
        dilation_h (int): Dilation along y.
        dilation_w (int): Dilation along x.
        group (int): Groups of channels.
        deformable_group (int): Groups of channels that share offsets.
        with_bias (bool): Add ``bias``.
    """
    geometry = (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w,
                group, deformable_group)
    if not with_bias:
        bias = input.new_zeros(weight.size(0))
    output.copy_(_forward(input, weight, offset, mask, bias, True, geometry))


@torch.no_grad()
def modulated_deform_conv_backward(
        input: Tensor, weight: Tensor, bias: Tensor, ones: Tensor,
        offset: Tensor, mask: Tensor, columns: Tensor, grad_input: Tensor,
        grad_weight: Tensor, grad_bias: Tensor, grad_offset: Tensor,
        grad_mask: Tensor, grad_output: Tensor, kernel_h: int, kernel_w: int,
        stride_h: int, stride_w: int, pad_h: int, pad_w: int, dilation_h: int,
        dilation_w: int, group: int, deformable_group: int,
        with_bias: bool) -> None:
    """All gradients, added to the ``grad_`` tensors.

    Arguments as in :func:`modulated_deform_conv_forward`.
    """
    geometry = (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w,
                group, deformable_group)
    if not with_bias:
        bias = input.new_zeros(weight.size(0))
    grads = _backward(grad_output, input, weight, offset, mask, bias, True,
                      geometry)
    grad_input += grads[0]
    grad_weight += grads[1]
    grad_offset += grads[2]
    grad_mask += grads[3]
    if with_bias:
        grad_bias += grads[4]
