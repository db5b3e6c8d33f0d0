# Copyright (c) mmeo contributors. All rights reserved.
"""The experts of a mixture as few large parameters."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from mmeo.errors import ConfigError

from .moe_cpu import GroupedMLPs
from .products import linear, own_path
from .transformer_block import MLP

# torch >= 2.10 has it under this public name; before that slices are taken
_grouped_mm = getattr(F, 'grouped_mm', None)


def _can_group(rows: Tensor, weight: Tensor) -> bool:
    """Whether torch has one kernel for all groups: bfloat16 on a GPU."""
    if _grouped_mm is None or not rows.is_cuda or not len(rows):
        return False
    device = rows.device.type
    dtype = (torch.get_autocast_dtype(device)
             if torch.is_autocast_enabled(device) else rows.dtype)
    # rows must start at multiples of 16 bytes
    return (dtype == torch.bfloat16 and weight.shape[1] % 8 == 0
            and weight.shape[2] % 8 == 0
            and torch.cuda.get_device_capability(rows.device) >= (8, 0))


def grouped_linear(rows: Tensor, weight: Tensor, bias: Tensor,
                   counts: Tensor) -> Tensor:
    """A linear layer per group of rows, in one kernel.

    Args:
        rows (Tensor): ``(N, C)``, those of the first group first.
        weight (Tensor): ``(M, C', C)``.
        bias (Tensor): ``(M, C')``.
        counts (Tensor): ``(M, )``, rows of each group; sums to N.

    Returns:
        Tensor: ``(N, C')`` bfloat16.
    """
    rows, weight = rows.bfloat16(), weight.bfloat16()
    ends = counts.cumsum(0, dtype=torch.int32)
    out = _grouped_mm(rows, weight.transpose(1, 2), offs=ends)
    groups = torch.arange(len(counts), device=rows.device)
    groups = groups.repeat_interleave(counts, output_size=len(rows))
    return out + bias.bfloat16().index_select(0, groups)


class GroupedLinear(nn.Module):
    """``num_experts`` linear layers in one weight ``(M, C', C)``.

    Each starts as an ``nn.Linear`` does.
    """

    def __init__(self, num_experts: int, in_dims: int, out_dims: int) -> None:
        super().__init__()
        self.weight = Parameter(torch.empty(num_experts, out_dims, in_dims))
        self.bias = Parameter(torch.empty(num_experts, out_dims))
        bound = 1 / math.sqrt(in_dims)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)


class ExpertMLPs(nn.Module):
    """M two-layer networks with an exact GELU, as :class:`MLP` is one.

    Args:
        num_experts (int): M.
        embed_dims (int): Channels C in and out.
        hidden_dims (int): Channels between.
    """

    def __init__(self, num_experts: int, embed_dims: int,
                 hidden_dims: int) -> None:
        super().__init__()
        self.fc1 = GroupedLinear(num_experts, embed_dims, hidden_dims)
        self.fc2 = GroupedLinear(num_experts, hidden_dims, embed_dims)

    def __len__(self) -> int:
        return len(self.fc1.weight)

    def forward(self, rows: Tensor, counts: Tensor) -> Tensor:
        """Let each expert have its rows.

        Args:
            rows (Tensor): ``(N, C)``, those of the first expert first.
            counts (Tensor): ``(M, )`` int64, rows of each; sums to N.

        Returns:
            Tensor: ``(N, C)``.
        """
        if _can_group(rows, self.fc1.weight):
            hidden = grouped_linear(rows, self.fc1.weight, self.fc1.bias,
                                    counts)
            return grouped_linear(F.gelu(hidden), self.fc2.weight,
                                  self.fc2.bias, counts)
        if own_path(rows, self.fc1.weight):
            return GroupedMLPs.apply(
                rows, self.fc1.weight, self.fc1.bias, self.fc2.weight,
                self.fc2.bias, counts.tolist())
        parts = rows.split(counts.tolist())
        return torch.cat([expert(part) for expert, part in zip(
            self.functions(), parts)])

    def functions(self) -> list[Callable[[Tensor], Tensor]]:
        """Each expert as a function ``(n, C) -> (n, C)`` of its slices.

        The slices come from one ``unbind``, whose gradient is one stack:
        experts without rows get zeros, as an optimizer expects.
        """
        slices = zip(self.fc1.weight.unbind(), self.fc1.bias.unbind(),
                     self.fc2.weight.unbind(), self.fc2.bias.unbind())
        return [self._expert(*tensors) for tensors in slices]

    @staticmethod
    def _expert(w1: Tensor, b1: Tensor, w2: Tensor,
                b2: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda x: linear(linear(x, w1, b1), w2, b2, gelu=True)

    @torch.no_grad()
    def upcycle_(self, mlp: MLP, noise: float = 1e-2) -> None:
        """Start every expert as a copy of a dense network.

        Args:
            mlp (MLP): Of the same size.
            noise (float): Standard deviation of what is added to each weight
                and bias, as a share of the tensor's own; experts that are
                exactly equal would stay so. Defaults to 1e-2 (our choice).

        Raises:
            ConfigError: If the sizes differ.
        """
        for ours, dense in ((self.fc1, mlp.fc1), (self.fc2, mlp.fc2)):
            for name in ('weight', 'bias'):
                target, source = getattr(ours, name), getattr(dense, name)
                if target.shape[1:] != source.shape:
                    raise ConfigError(
                        f'upcycling: the dense {name} is of the shape '
                        f"{tuple(source.shape)}, an expert's of "
                        f'{tuple(target.shape[1:])}. Set `hidden_dims` and '
                        '`embed_dims` to those of the dense network.')
                target.copy_(source)  # the same for all M
                if noise:
                    spread = noise * source.std(correction=0)
                    target.add_(torch.randn_like(target) * spread)
