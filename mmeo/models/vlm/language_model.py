# Copyright (c) mmeo contributors. All rights reserved.
"""Causal language models of transformers.

transformers is imported when a model is built: users of the other components
should not wait for it.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmeo.errors import ConfigError, MissingDataError
from mmeo.models.vlm.granularity_moe import ExpertRoute, GranularityMoE
from mmeo.models.vlm.packing import (
    PackedSequence,
    SharedPrefix,
    pad,
    unpad,
)
from mmeo.registry import MODELS
from mmeo.weights.vocabulary import EMBED, HEAD, fit_vocabulary


@MODELS.register_module()
class HFLanguageModel(nn.Module):
    """A causal language model of transformers, fed with embeddings.

    Exactly one of ``config`` and ``pretrained`` is given.

    Args:
        config (dict, optional): ``model_type`` and the arguments of that
            transformers config; weights are random. Example:
            ``dict(model_type='qwen2', hidden_size=128, ...)``.
        pretrained (str, optional): Local folder in transformers' format.
        gradient_checkpointing (bool): Recompute layers in the backward pass.
            Defaults to False.
        lora (dict, optional): Arguments of
            :func:`~mmeo.models.vlm.lora.add_lora`: train low-rank additions
            to linear layers in place of the layers. Needs `peft`.

    Attributes:
        model (transformers.PreTrainedModel): e.g. ``Qwen2ForCausalLM``.
    """

    def __init__(self,
                 config: Optional[dict] = None,
                 pretrained: Optional[str] = None,
                 gradient_checkpointing: bool = False,
                 lora: Optional[dict] = None) -> None:
        # A plain module: mmengine's `init_weights` must not descend into the
        # transformers model and draw its weights again.
        super().__init__()
        if (config is None) == (pretrained is None):
            raise ConfigError('HFLanguageModel: give either `config` (random '
                              'weights) or `pretrained` (a local folder)')
        self.model = _load(pretrained) if config is None else _create(config)
        if getattr(self.model.config, 'use_sliding_window', False):
            raise ConfigError('HFLanguageModel: sliding-window attention is '
                              'not supported, set use_sliding_window=False')
        if gradient_checkpointing:
            self.model.gradient_checkpointing_enable(
                dict(use_reentrant=False))
        if lora is not None:
            from mmeo.models.vlm.lora import add_lora
            add_lora(self.model, lora)
        self._register_load_state_dict_pre_hook(self._fit_vocabulary)
        self._moe: Optional[GranularityMoE] = None
        self._route: Optional[ExpertRoute] = None

    def add_experts(self, moe: Any) -> None:
        """Replace the feed-forward networks by a mixture of experts.

        Args:
            moe (GranularityMoE or TokenMoE): What to put there.
        """
        moe.expand(self)
        if getattr(moe, 'routed', False):
            self._moe = moe
            self.model.get_decoder().register_forward_pre_hook(
                self._add_route, with_kwargs=True)

    @property
    def layers(self) -> nn.ModuleList:
        """Decoder layers, with their feed-forward network as ``mlp``."""
        return self.model.get_decoder().layers

    @property
    def hidden_size(self) -> int:
        return self.model.config.hidden_size

    @property
    def vocab_size(self) -> int:
        return self.model.config.vocab_size

    @property
    def head(self) -> nn.Module:
        """From hidden states to logits."""
        return self.model.get_output_embeddings()

    def embed(self, input_ids: Tensor) -> Tensor:
        """Token ids of any shape to embeddings ``(..., C)``."""
        return self.model.get_input_embeddings()(input_ids)

    def forward(self, packed: PackedSequence, packing: bool = True) -> Tensor:
        """Hidden states of a packed batch.

        Args:
            packed (PackedSequence): N tokens of B samples.
            packing (bool): Run all samples in one row; otherwise in B rows,
                padded to the longest: the plain twin of the packed path.
                Defaults to True.

        Returns:
            Tensor: ``(N, C)`` after the last norm, before the head.
        """
        decoder = self.model.get_decoder()
        lengths = packed.lengths
        device = packed.embeds.device
        route = {}
        if self._moe is not None:
            route['route'] = self._moe.route(
                _levels(packed.granularity, lengths),
                lengths if packing else None)
        if packing:
            from mmeo.models.vlm.packed_attention import packed_kwargs
            return decoder(
                inputs_embeds=packed.embeds[None],
                position_ids=packed.positions[None],
                use_cache=False,
                **packed_kwargs(lengths, device),
                **route).last_hidden_state[0]
        real = torch.ones(len(packed.positions), dtype=torch.long,
                          device=device)
        rows = decoder(
            inputs_embeds=pad(packed.embeds, lengths),
            position_ids=pad(packed.positions, lengths),
            attention_mask=pad(real, lengths),
            use_cache=False,
            **route).last_hidden_state
        return unpad(rows, lengths)

    @torch.no_grad()
    def generate(self, embeds: Tensor, lengths: list[int],
                 granularity: Sequence[int] = (),
                 prefix: Optional[SharedPrefix] = None,
                 **kwargs: Any) -> list[Tensor]:
        """Continue prompts.

        Args:
            embeds (Tensor): ``(N, C)`` embeddings of all prompts.
            lengths (list[int]): Tokens of each prompt.
            granularity (Sequence[int]): 0, 1 or 2 of each; needed by a model
                with an expert for each.
            prefix (SharedPrefix, optional): What stands before the prompts.
            **kwargs: Of transformers' ``generate`` (``max_new_tokens``,
                ``num_beams``, ``eos_token_id``, ``pad_token_id``, ...).

        Returns:
            list[Tensor]: New token ids of each prompt, padded behind their
            end.
        """
        mask = _mask(lengths, embeds.device)  # (B, L)
        if prefix is not None:
            seen, kwargs['past_key_values'] = self._prefill(prefix)
            kwargs['cache_position'] = torch.arange(
                seen.shape[1], seen.shape[1] + mask.shape[1],
                device=mask.device)
            mask = torch.cat([seen, mask], 1)
        if self._moe is not None:
            self._route = self._moe.route(_levels(granularity, lengths))
        try:
            ids = self.model.generate(
                inputs_embeds=pad(embeds, lengths, left=True),
                attention_mask=mask,
                **kwargs)
        finally:
            self._route = None
        return list(ids)

    def _prefill(self, prefix: SharedPrefix) -> tuple[Tensor, Any]:
        """Mask ``(B, L)`` and cache of what stands before B prompts."""
        packed, route = prefix.packed, {}
        if self._moe is not None:
            route['route'] = self._moe.route(
                _levels(packed.granularity, packed.lengths))
        mask = _mask(packed.lengths, packed.embeds.device)
        cache = self.model.get_decoder()(
            inputs_embeds=pad(packed.embeds, packed.lengths, left=True),
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            use_cache=True,
            **route).past_key_values
        rows = torch.tensor(prefix.rows, device=mask.device)
        cache.batch_select_indices(rows)
        return mask[rows], cache

    def _fit_vocabulary(self, state_dict: dict, prefix: str,
                        *args: Any) -> None:
        """Accept files whose vocabulary has more or fewer unused rows."""
        own = self.state_dict()
        for name in (f'model.{EMBED}', f'model.{HEAD}'):
            stored = state_dict.get(prefix + name)
            if stored is None or name not in own or \
                    stored.shape == own[name].shape:
                continue
            state_dict[prefix + name] = fit_vocabulary(stored, own[name])
            print_log(
                f'{prefix}{name}: {len(stored)} rows of the vocabulary in '
                f'the checkpoint, {len(own[name])} in the model; the first '
                f'{min(len(stored), len(own[name]))} were taken', 'current',
                logging.WARNING)

    def _add_route(self, decoder: nn.Module, args: tuple,
                   kwargs: dict) -> tuple[tuple, dict]:
        """Forward pre-hook of the decoder, for calls by ``generate``.

        transformers refuses arguments that it does not know there.
        """
        if self._route is not None:
            kwargs = dict(kwargs, route=self._route)
        return args, kwargs


def _mask(lengths: Sequence[int], device: torch.device) -> Tensor:
    """``(B, max(lengths))`` int64, 1 at tokens; padding stands in front."""
    real = torch.ones(sum(lengths), dtype=torch.long, device=device)
    return pad(real, list(lengths), left=True)


def _levels(granularity: Sequence[int],
            lengths: Sequence[int]) -> Sequence[int]:
    if len(granularity) != len(lengths):
        raise ConfigError(
            f'{len(lengths)} samples with {len(granularity)} granularities: '
            'a model with experts needs one each (PackDialogue records it)')
    return granularity


def _create(config: dict) -> nn.Module:
    from transformers import AutoConfig, AutoModelForCausalLM

    from mmeo.models.vlm.packed_attention import PACKED_ATTENTION
    config = dict(config)
    if 'model_type' not in config:
        raise ConfigError("HFLanguageModel: `config` needs a `model_type`, "
                          "e.g. 'qwen2'")
    try:
        hf_config = AutoConfig.for_model(config.pop('model_type'), **config)
    except ValueError as error:
        raise ConfigError(f'HFLanguageModel: {error}') from None
    return AutoModelForCausalLM.from_config(
        hf_config, attn_implementation=PACKED_ATTENTION)


def _load(folder: Union[str, Path]) -> nn.Module:
    from transformers import AutoModelForCausalLM

    from mmeo.models.vlm.packed_attention import PACKED_ATTENTION
    if not Path(folder).is_dir():
        raise MissingDataError(
            f'no language model at {folder}: download it once and give the '
            'folder that holds its config.json')
    return AutoModelForCausalLM.from_pretrained(
        str(folder), attn_implementation=PACKED_ATTENTION,
        local_files_only=True)
