# Copyright (c) mmeo contributors. All rights reserved.
"""A mixture of experts in the place of a block's feed-forward network."""

from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmeo.errors import ConfigError

from .moe_dispatch import ExpertList, dispatch
from .moe_experts import ExpertMLPs
from .moe_losses import AddLoss, auxiliary_loss
from .precision import no_autocast
from .transformer_block import MLP


def _in_backward() -> bool:
    """Whether autograd is at work, i.e. a checkpoint is recomputed."""
    return (not torch.compiler.is_compiling()
            and torch._C._current_graph_task_id() != -1)


class MoEFFN(nn.Module):
    """``sum over the top k of softmax(W_g x)_i * E_i(x)``.

    Source: SkySense V2 (arXiv 2507.13812), section 3.2: eight experts, each a
    whole feed-forward network, one per token. By default the probability
    multiplies as it is: divided by the sum of the top k it would be 1 for
    k = 1, and the gate would get no gradient from the task. Router in float32
    always, balance and z-loss, jitter, noise and the way of dispatching are
    our choice; the paper gives none.

    In training with gradients ``last_aux_loss`` is the weighted auxiliary
    loss of the last call, else 0; ``last_counts`` ``(M, )`` says how many
    tokens each expert had. A recomputed call (activation checkpointing)
    changes neither.

    The auxiliary loss counts the tokens of all ranks (``sync_aux``), so all
    ranks must make as many calls in training; a call with no token will do.

    Args:
        embed_dims (int): Channels C.
        hidden_dims (int, optional): Hidden channels of each expert; needed
            unless ``experts`` are given.
        num_experts (int): M. Defaults to 8.
        top_k (int): Experts per token. Defaults to 1.
        aux_loss_weight (float): Weight of the balance loss. Defaults to 0.01.
        z_loss_weight (float): Weight of the router z-loss. Defaults to 1e-3.
        jitter (float): In training the router sees its input times a uniform
            number from 1 - jitter to 1 + jitter. Defaults to 0.01.
        noisy_gate (bool): In training choose by logits plus normal noise of
            learned width (noisy top-k, arXiv 1701.06538); adds a second
            matrix of the gate's size. Defaults to False.
        inject_aux (bool): True adds the gradient of the auxiliary loss in the
            backward pass, whatever the model's loss, times ``aux_scale``,
            which ``MoEAuxHook`` sets; ``last_aux_loss`` then is for logs,
            without gradient. False leaves it to the caller, who must call
            :meth:`pop_aux_loss` each step. Defaults to True.
        sync_aux (bool): See above. Defaults to True.
        normalize (bool): Divide the probabilities of the top k by their sum,
            so that equal experts give the output of one of them. Defaults to
            False.
        experts (Sequence[nn.Module], optional): M networks ``(n, C) ->
            (n, C)`` of another form, in place of two layers around GELU.

    Raises:
        ConfigError: If ``top_k`` is not in 1..num_experts, or not exactly one
            of ``hidden_dims`` and ``experts`` is given.
    """

    def __init__(self,
                 embed_dims: int,
                 hidden_dims: Optional[int] = None,
                 num_experts: int = 8,
                 top_k: int = 1,
                 aux_loss_weight: float = 0.01,
                 z_loss_weight: float = 1e-3,
                 jitter: float = 0.01,
                 noisy_gate: bool = False,
                 inject_aux: bool = True,
                 sync_aux: bool = True,
                 normalize: bool = False,
                 experts: Optional[Sequence[nn.Module]] = None) -> None:
        super().__init__()
        if (hidden_dims is None) == (experts is None):
            raise ConfigError('MoEFFN: give either `hidden_dims` or `experts`')
        if experts is not None:
            num_experts = len(experts)
        if not 1 <= top_k <= num_experts:
            raise ConfigError(f'MoEFFN: `top_k` is from 1 to num_experts='
                              f'{num_experts}, got {top_k}')
        self.top_k = top_k
        self.aux_loss_weight = aux_loss_weight
        self.z_loss_weight = z_loss_weight
        self.jitter = jitter
        self.inject_aux = inject_aux
        self.sync_aux = sync_aux
        self.normalize = normalize
        # Multiplies the injected gradient. A loss that is divided (gradient
        # accumulation) or multiplied (float16) calls for the same here.
        self.aux_scale = 1.0
        self.gate = nn.Linear(embed_dims, num_experts, bias=False)
        self.noise = (nn.Linear(embed_dims, num_experts, bias=False)
                      if noisy_gate else None)
        self.experts = (
            ExpertMLPs(num_experts, embed_dims, hidden_dims)
            if experts is None else ExpertList(experts))
        self.last_aux_loss = torch.zeros(())
        self.last_counts = torch.zeros(num_experts, dtype=torch.int64)
        self._collected = torch.zeros(())

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Score the experts in float32, also under autocast.

        Args:
            x (Tensor): ``(N, C)``.

        Returns:
            tuple[Tensor, Tensor]: Logits and probabilities ``(N, M)``.
        """
        with no_autocast(x.device):
            x = x.float()
            if self.training and self.jitter:
                x = x * torch.empty_like(x).uniform_(1 - self.jitter,
                                                     1 + self.jitter)
            logits = F.linear(x, self.gate.weight.float())
            if self.noise is not None and self.training:
                width = F.softplus(F.linear(x, self.noise.weight.float()))
                logits = logits + torch.randn_like(logits) * width
            return logits, logits.softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., C)`` to ``(..., C)``, each vector by its experts."""
        tokens = x.flatten(0, -2)
        logits, probs = self.route(tokens)
        weight, index = probs.topk(self.top_k, dim=-1)  # (N, k) each
        if self.normalize:
            weight = weight / weight.sum(-1, keepdim=True)
        out = dispatch(tokens, index, weight, self.experts)
        if self.training and torch.is_grad_enabled():
            out = self._balance(out, logits, probs, index)
        elif not _in_backward():
            self.last_aux_loss = out.new_zeros(())
            self.last_counts = self._count(index)
        return out.view(x.shape)

    def _count(self, index: Tensor) -> Tensor:
        return torch.bincount(index.flatten(), minlength=len(self.experts))

    def _balance(self, out: Tensor, logits: Tensor, probs: Tensor,
                 index: Tensor) -> Tensor:
        counts = self._count(index)
        loss = auxiliary_loss(logits, probs, counts, self.aux_loss_weight,
                              self.z_loss_weight, self.sync_aux)
        if self.inject_aux:
            out = AddLoss.apply(out, loss, self.aux_scale)
        if not _in_backward():
            self.last_counts = counts
            self.last_aux_loss = loss.detach() if self.inject_aux else loss
            self._collected = self.last_aux_loss + self._collected.to(loss)
        return out

    def pop_aux_loss(self) -> Tensor:
        """Sum of the auxiliary losses of all calls since the last pop."""
        total, self._collected = self._collected, torch.zeros(())
        return total

    def upcycle_(self, mlp: MLP, noise: float = 1e-2) -> None:
        """See :meth:`ExpertMLPs.upcycle_`; the gate stays as it is."""
        self.experts.upcycle_(mlp, noise)
