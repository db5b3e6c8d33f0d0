# Copyright (c) mmeo contributors. All rights reserved.
"""Rotated copies of convolution kernels (S2ANet)."""

import torch
from torch import Tensor


def _places(indices: Tensor) -> Tensor:
    """Target of each kernel entry per rotation ``(rotations, entries)``."""
    return indices.flatten(0, 2).long().T - 1


@torch.no_grad()
def active_rotated_filter_forward(input: Tensor, indices: Tensor,
                                  output: Tensor) -> None:
    """Write the rotated copies of every kernel.

    Args:
        input (Tensor): ``(out, in, orientations, H, W)``.
        indices (Tensor): ``(orientations, H, W, rotations)`` int32, places
            counted from 1.
        output (Tensor): Output ``(out * rotations, in * orientations, H,
            W)``.
    """
    places = _places(indices)
    planes, channels = input.shape[:2]
    kernel = input.reshape(planes, 1, channels, -1)
    target = output.view(planes, places.size(0), channels, -1)
    target.scatter_(3, places[None, :, None].expand_as(target),
                    kernel.expand_as(target))


@torch.no_grad()
def active_rotated_filter_backward(grad_out: Tensor, indices: Tensor,
                                   grad_in: Tensor) -> None:
    """Gradient of the forward op, written into ``grad_in``.

    Args:
        grad_out (Tensor): ``(out * rotations, in * orientations, H, W)``.
        indices (Tensor): ``(orientations, H, W, rotations)`` int32.
        grad_in (Tensor): Output ``(out, in, orientations, H, W)``.
    """
    places = _places(indices)
    planes, channels = grad_in.shape[:2]
    grad = grad_out.reshape(planes, places.size(0), channels, -1)
    picked = grad.gather(3, places[None, :, None].expand_as(grad))
    grad_in.copy_(picked.sum(1).view_as(grad_in))
