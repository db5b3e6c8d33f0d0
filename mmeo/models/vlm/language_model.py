# Copyright (c) mmeo contributors. All rights reserved.
"""Causal language models of transformers.

transformers is imported when a model is built: users of the other components
should not wait for it.
"""

from pathlib import Path
from typing import Any, Optional, Union

import torch
from torch import Tensor, nn

from mmeo.errors import ConfigError, MissingDataError
from mmeo.models.vlm.packing import PackedSequence, pad, unpad
from mmeo.registry import MODELS


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

    Attributes:
        model (transformers.PreTrainedModel): e.g. ``Qwen2ForCausalLM``.
    """

    def __init__(self,
                 config: Optional[dict] = None,
                 pretrained: Optional[str] = None,
                 gradient_checkpointing: bool = False) -> None:
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
        if packing:
            from mmeo.models.vlm.packed_attention import packed_kwargs
            return decoder(
                inputs_embeds=packed.embeds[None],
                position_ids=packed.positions[None],
                use_cache=False,
                **packed_kwargs(lengths, device)).last_hidden_state[0]
        real = torch.ones(len(packed.positions), dtype=torch.long,
                          device=device)
        rows = decoder(
            inputs_embeds=pad(packed.embeds, lengths),
            position_ids=pad(packed.positions, lengths),
            attention_mask=pad(real, lengths),
            use_cache=False).last_hidden_state
        return unpad(rows, lengths)

    @torch.no_grad()
    def generate(self, embeds: Tensor, lengths: list[int],
                 **kwargs: Any) -> list[Tensor]:
        """Continue prompts.

        Args:
            embeds (Tensor): ``(N, C)`` embeddings of all prompts.
            lengths (list[int]): Tokens of each prompt.
            **kwargs: Of transformers' ``generate`` (``max_new_tokens``,
                ``num_beams``, ``eos_token_id``, ``pad_token_id``, ...).

        Returns:
            list[Tensor]: New token ids of each prompt, padded behind their
            end.
        """
        real = torch.ones(len(embeds), dtype=torch.long, device=embeds.device)
        ids = self.model.generate(
            inputs_embeds=pad(embeds, lengths, left=True),
            attention_mask=pad(real, lengths, left=True),
            **kwargs)
        return list(ids)


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
