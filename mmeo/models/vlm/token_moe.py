# Copyright (c) mmeo contributors. All rights reserved.
"""The plain mixture of experts that RSUniVLM is compared with."""

import copy
from typing import Any, Optional

import torch
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.models.layers import MoEFFN
from mmeo.models.vlm.lora import lora_layers
from mmeo.registry import MODELS


class TokenMoEFFN(MoEFFN):
    """Experts of a decoder layer behind a gate that sees each token.

    A state dict of the dense network loads into every expert that is a copy
    of it.

    Args:
        embed_dims (int): Channels C.
        experts (list[nn.Module]): Networks ``(n, C) -> (n, C)``.
        copies (bool): Whether the experts have the shapes of the dense
            network.
        **kwargs: Of :class:`~mmeo.models.layers.MoEFFN`.
    """

    def __init__(self, embed_dims: int, experts: list[nn.Module],
                 copies: bool, **kwargs: Any) -> None:
        super().__init__(embed_dims, experts=experts, **kwargs)
        #: ``(B, L)`` bool, True at tokens, False at padding; None is all.
        self.real: Optional[Tensor] = None
        if copies:
            self._register_load_state_dict_pre_hook(self._copy_dense)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, L, C)`` to the same; padding to zero.

        Padding would be weighed by the balance loss as tokens are.
        """
        if self.real is None or x.dim() < 3:
            return super().forward(x)
        # With a cache the mask is that of all tokens, x is the last ones.
        real = self.real[:, -x.shape[1]:]
        rows = super().forward(x[real])  # (N, C)
        return rows.new_zeros(x.shape).masked_scatter(real[..., None], rows)

    def _copy_dense(self, state_dict: dict, prefix: str, *args: Any) -> None:
        own = (f'{prefix}experts.', f'{prefix}gate.', f'{prefix}noise.')
        dense = [key for key in state_dict
                 if key.startswith(prefix) and not key.startswith(own)]
        for key in dense:
            tensor = state_dict.pop(key)
            for number in range(len(self.experts)):
                name = f'{own[0]}{number}.{key[len(prefix):]}'
                state_dict[name] = tensor


@MODELS.register_module()
class TokenMoE:
    """Turns each FFN of a language model into experts with a learned gate.

    The "MoE" of RSUniVLM's Table 8 (arXiv 2412.05679, section 4.4), of which
    the paper says that there are eight experts. The rest is our choice: each
    starts as a copy of the dense network, two serve a token, and the Switch
    Transformers' balance loss keeps the gate from sending all to one of them.
    With ``normalize`` the outputs right after the expansion are the dense
    model's.

    The gate learns from the balance loss at once and from the task as soon as
    the experts differ, which they do after a step, having seen other tokens.

    The table's counts (793 M trained, 779 M active, fewer than the dense 893)
    do not fit copies; they fit eight new experts of width 1536, two of them
    active: 792.9 M and 778.2 M. ``hidden_dims=1536`` is this reading.

    The balance loss enters the backward pass by itself. Add ``MoEAuxHook`` to
    ``custom_hooks``, which scales it as the model's and logs it.

    Args:
        num_experts (int): M. Defaults to 8.
        top_k (int): Experts of a token. Defaults to 2.
        hidden_dims (int, optional): Width of experts that are drawn anew, as
            transformers draws them. By default they are copies.
        aux_loss_weight (float): Of the balance loss. Defaults to 0.01.
        z_loss_weight (float): Of the router z-loss. Defaults to 1e-3.
        jitter (float): See :class:`~mmeo.models.layers.MoEFFN`. Defaults to
            0.
        normalize (bool): Weights of the chosen experts add up to 1. Defaults
            to True.

    Raises:
        ConfigError: If ``top_k`` is not in 1..num_experts, or is 1 with
            ``normalize``.
    """

    def __init__(self,
                 num_experts: int = 8,
                 top_k: int = 2,
                 hidden_dims: Optional[int] = None,
                 aux_loss_weight: float = 0.01,
                 z_loss_weight: float = 1e-3,
                 jitter: float = 0.,
                 normalize: bool = True) -> None:
        if not 1 <= top_k <= num_experts:
            raise ConfigError(f'TokenMoE: `top_k` is from 1 to num_experts='
                              f'{num_experts}, got {top_k}')
        if top_k == 1 and normalize:
            raise ConfigError(
                'TokenMoE: with top_k=1 and `normalize` every weight is 1 and '
                'the gate learns nothing from the task: set normalize=False')
        self.num_experts = num_experts
        self.hidden_dims = hidden_dims
        self.options = dict(
            top_k=top_k,
            aux_loss_weight=aux_loss_weight,
            z_loss_weight=z_loss_weight,
            jitter=jitter,
            normalize=normalize)

    def expand(self, llm: nn.Module) -> None:
        """Replace the FFNs of an :class:`HFLanguageModel`, in place.

        Raises:
            ConfigError: If they have LoRA: give one or the other.
        """
        if lora_layers(llm):
            raise ConfigError('TokenMoE: the language model has LoRA already; '
                              'give `moe` or `lora`, not both')
        for layer in llm.layers:
            layer.mlp = TokenMoEFFN(
                llm.hidden_size,
                self._experts(layer.mlp),
                copies=self.hidden_dims is None,
                **self.options)
            layer.register_forward_pre_hook(_take_mask, with_kwargs=True)
        llm.model.get_decoder().register_forward_pre_hook(
            _hand_over_mask, with_kwargs=True)

    def _experts(self, ffn: nn.Module) -> list[nn.Module]:
        if self.hidden_dims is None:
            return [ffn, *(copy.deepcopy(ffn)
                           for _ in range(self.num_experts - 1))]
        return [_narrow(ffn, self.hidden_dims)
                for _ in range(self.num_experts)]


def _narrow(ffn: nn.Module, hidden_dims: int) -> nn.Module:
    """A network as ``ffn`` of another width, with random weights."""
    config = copy.copy(ffn.config)
    config.intermediate_size = hidden_dims
    new = type(ffn)(config)
    for param in new.parameters():
        torch.nn.init.normal_(param, std=config.initializer_range)
    return new


def _hand_over_mask(decoder: nn.Module, args: tuple,
                    kwargs: dict) -> tuple[tuple, dict]:
    """Forward pre-hook of the decoder, which passes on what it does not
    know: its layers see no mask of tokens, only one of attention."""
    mask = kwargs.get('attention_mask')
    if mask is not None and mask.dim() == 2 and not mask.all():
        kwargs = dict(kwargs, real_tokens=mask.bool())
    return args, kwargs


def _take_mask(layer: nn.Module, args: tuple,
               kwargs: dict) -> tuple[tuple, dict]:
    """Forward pre-hook of a decoder layer, also when it is recomputed."""
    kwargs = dict(kwargs)
    layer.mlp.real = kwargs.pop('real_tokens', None)
    return args, kwargs
