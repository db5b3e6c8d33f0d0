# Copyright (c) mmeo contributors. All rights reserved.
"""A student names the prototypes that its teacher sees, as DINO does."""

import math

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from torch import Tensor, nn
from torch.nn.parameter import Parameter

from mmeo.errors import ConfigError
from mmeo.registry import MODELS

from ..layers import no_autocast, sinkhorn


def build_mlp(in_channels: int, hidden_dims: int, out_channels: int,
              num_layers: int) -> nn.Sequential:
    """Linear layers with GELU between them, which keep the variance.

    Weights begin with a deviation of one over the root of the width: that is
    DINO's 0.02 at the width of 2048. Narrow layers of 0.02 would shrink what
    passes them to nothing, and the L2 norm behind them blow up its gradient.
    """
    widths = [in_channels, *[hidden_dims] * (num_layers - 1), out_channels]
    layers: list[nn.Module] = []
    for wide, narrow in zip(widths, widths[1:]):
        layers += [nn.Linear(wide, narrow), nn.GELU()]
    for layer in layers[::2]:
        nn.init.trunc_normal_(layer.weight, std=layer.in_features**-0.5)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers[:-1])


class PrototypeHead(nn.Module):
    """MLP, L2 norm, and the cosine to each prototype.

    Args:
        in_channels (int): Channels C.
        num_prototypes (int): K.
        hidden_dims (int): Of the MLP.
        bottleneck_dims (int): Channels of a prototype.
        num_layers (int): Linear layers of the MLP.
    """

    def __init__(self, in_channels: int, num_prototypes: int,
                 hidden_dims: int, bottleneck_dims: int,
                 num_layers: int) -> None:
        super().__init__()
        self.mlp = build_mlp(in_channels, hidden_dims, bottleneck_dims,
                             num_layers)
        self.prototypes = Parameter(
            torch.empty(num_prototypes, bottleneck_dims))
        nn.init.trunc_normal_(self.prototypes, std=0.02)
        # Set by the model in the first iterations.
        self.frozen = False

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C)`` to cosines ``(N, K)``, float32."""
        x = F.normalize(self.mlp(x).float(), dim=-1, eps=1e-6)
        rows = self.prototypes
        if self.frozen:
            # Gradients of exactly 0, which DDP does not wait for in vain.
            rows = rows.detach() + 0 * rows
        rows = F.normalize(rows.float(), dim=-1, eps=1e-6)
        # A temperature of 0.04 would make much of bfloat16's rounding.
        with no_autocast(x.device):
            return F.linear(x, rows)


@MODELS.register_module()
class DINOContrast(nn.Module):
    """Cross-entropy between the prototypes of teacher and student.

    The paper's ``L_CL`` has positive pairs only and comes from DINOv2; the
    numbers are DINOv2's (our choice).

    Args:
        num_prototypes (int): K. Defaults to 65536.
        hidden_dims (int): Of the head's MLP. Defaults to 2048.
        bottleneck_dims (int): Defaults to 256.
        num_layers (int): Of the MLP. Defaults to 3.
        student_temp (float): Defaults to 0.1.
        centering (str): How the teacher's prototypes are kept in use:
            ``'sinkhorn'``, or ``'ema'``, subtracting a running mean. Defaults
            to 'sinkhorn'.
        sinkhorn_iters (int): Defaults to 3.
        center_momentum (float): Of ``'ema'``. Defaults to 0.9.

    Raises:
        ConfigError: If ``centering`` is unknown.
    """

    def __init__(self,
                 num_prototypes: int = 65536,
                 hidden_dims: int = 2048,
                 bottleneck_dims: int = 256,
                 num_layers: int = 3,
                 student_temp: float = 0.1,
                 centering: str = 'sinkhorn',
                 sinkhorn_iters: int = 3,
                 center_momentum: float = 0.9) -> None:
        super().__init__()
        if centering not in ('sinkhorn', 'ema'):
            raise ConfigError(f"centering={centering!r} must be 'sinkhorn' or "
                              "'ema'.")
        self.head_cfg = dict(
            num_prototypes=num_prototypes, hidden_dims=hidden_dims,
            bottleneck_dims=bottleneck_dims, num_layers=num_layers)
        self.student_temp = student_temp
        self.centering = centering
        self.sinkhorn_iters = sinkhorn_iters
        self.center_momentum = center_momentum
        if centering == 'ema':
            self.register_buffer('center', torch.zeros(num_prototypes))

    def build_head(self, in_channels: int) -> PrototypeHead:
        """The projection that student and teacher each have one of."""
        return PrototypeHead(in_channels, **self.head_cfg)

    @torch.no_grad()
    def targets(self, logits: Tensor, temp: float) -> Tensor:
        """What the student should say.

        Args:
            logits (Tensor): ``(N, K)`` of the teacher's head. All processes
                must call, with any N.
            temp (float): The teacher's temperature.

        Returns:
            Tensor: ``(N, K)``, each row a distribution.
        """
        if self.centering == 'sinkhorn':
            return sinkhorn(logits, temp, self.sinkhorn_iters)
        probs = ((logits.float() - self.center) / temp).softmax(-1)
        if self.training:
            self._move_center(logits)
        return probs

    def _move_center(self, logits: Tensor) -> None:
        total, count = logits.float().sum(0), logits.new_tensor(
            [float(len(logits))])
        all_reduce(total)
        all_reduce(count)
        if count > 0:
            self.center.lerp_(total / count, 1 - self.center_momentum)

    def pairwise(self, student: Tensor, targets: Tensor) -> Tensor:
        """Loss of each view of the student for each of the teacher's.

        Args:
            student (Tensor): ``(G, N, K)``, output of the head.
            targets (Tensor): ``(L, N, K)``, row n belongs to row n.

        Returns:
            Tensor: ``(G, L, N)``.
        """
        logs = (student.float() / self.student_temp).log_softmax(-1)
        with no_autocast(logs.device):
            return -torch.einsum('gnk,lnk->gln', logs, targets.to(logs))

    @staticmethod
    def entropy(targets: Tensor) -> Tensor:
        """Mean entropy of the rows over that of equal shares, 0 to 1.

        Args:
            targets (Tensor): ``(..., K)``.
        """
        rows = -torch.special.xlogy(targets, targets).sum(-1)
        most = math.log(targets.shape[-1])
        return rows.sum() / max(rows.numel(), 1) / most
