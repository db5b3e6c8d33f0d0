# Copyright (c) mmeo contributors. All rights reserved.
"""A student picks its teacher's row out of all rows of the batch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmeo.registry import MODELS

from ..layers import no_autocast
from .dino_contrast import build_mlp
from .ranks import gather_rows


class EmbeddingHead(nn.Module):
    """MLP and L2 norm.

    Args:
        in_channels (int): Channels C.
        hidden_dims (int): Of the MLP.
        out_channels (int): Channels D of an embedding.
        num_layers (int): Linear layers of the MLP.
    """

    def __init__(self, in_channels: int, hidden_dims: int, out_channels: int,
                 num_layers: int) -> None:
        super().__init__()
        self.mlp = build_mlp(in_channels, hidden_dims, out_channels,
                             num_layers)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C)`` to unit vectors ``(N, D)``, float32."""
        return F.normalize(self.mlp(x).float(), dim=-1, eps=1e-6)


@MODELS.register_module()
class InfoNCE(nn.Module):
    """Cross-entropy over the teacher's rows of all processes.

    The alternative to :class:`DINOContrast`. Negatives are all other rows of
    the same teacher's view: other samples, and other places or queries of
    the same one.

    Args:
        embed_dims (int): Channels of an embedding. Defaults to 256.
        hidden_dims (int): Of the head's MLP. Defaults to 2048.
        num_layers (int): Of the MLP. Defaults to 3.
        temperature (float): Defaults to 0.1.
    """

    def __init__(self,
                 embed_dims: int = 256,
                 hidden_dims: int = 2048,
                 num_layers: int = 3,
                 temperature: float = 0.1) -> None:
        super().__init__()
        self.head_cfg = dict(out_channels=embed_dims, hidden_dims=hidden_dims,
                             num_layers=num_layers)
        self.temperature = temperature

    def build_head(self, in_channels: int) -> EmbeddingHead:
        """The projection that student and teacher each have one of."""
        return EmbeddingHead(in_channels, **self.head_cfg)

    @torch.no_grad()
    def targets(self, rows: Tensor, temp: float = 0.) -> Tensor:
        """The teacher's rows themselves; its temperature has no meaning."""
        return rows.detach()

    def pairwise(self, student: Tensor, targets: Tensor) -> Tensor:
        """Loss of each view of the student for each of the teacher's.

        Args:
            student (Tensor): ``(G, N, D)``, output of the head.
            targets (Tensor): ``(L, N, D)``, row n belongs to row n.

        Returns:
            Tensor: ``(G, L, N)``.
        """
        losses = []
        for view in targets:
            rows, first = gather_rows(view)
            with no_autocast(student.device):
                logits = student @ rows.T / self.temperature  # (G, N, all)
            own = first + torch.arange(len(view), device=view.device)
            logs = logits.log_softmax(-1)
            losses.append(-logs.gather(-1, own.expand(len(student), -1)
                                       .unsqueeze(-1)).squeeze(-1))
        return torch.stack(losses, 1)
