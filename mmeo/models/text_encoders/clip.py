# Copyright (c) mmeo contributors. All rights reserved.
"""Class names embedded by CLIP's text model, of transformers."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Optional, Union

import torch
import torch.nn.functional as F
from mmengine.dist import is_main_process
from torch import Tensor, nn

from mmeo.codecs.tokenizers import build_tokenizer
from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS

from .base import TextEncoder
from .byte_tokenizer import CLIPByteTokenizer
from .name_cache import NameCache, model_digest
from .name_table import TEMPLATES, TOOL, check_templates, read_table
from .names import say_name

# Fits CLIPByteTokenizer.
_BYTES = dict(vocab_size=514, bos_token_id=512, eos_token_id=513,
              pad_token_id=513)


def load_clip(model: Union[str, Path]) -> tuple[nn.Module, Any]:
    """A CLIP text model in evaluation mode, and its tokenizer.

    Args:
        model (str): A folder, or a name on the model hub.

    Returns:
        tuple: ``CLIPTextModelWithProjection`` in float32 and the tokenizer.

    Raises:
        ConfigError: If the model cannot be loaded.
    """
    from transformers import AutoTokenizer, CLIPTextModelWithProjection
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(model))
        clip = CLIPTextModelWithProjection.from_pretrained(
            str(model), torch_dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise ConfigError(f'{model} holds no CLIP text model and tokenizer '
                          f'that transformers can read ({error}).') from error
    return clip.requires_grad_(False).eval(), tokenizer


@torch.no_grad()
def embed_with(clip: nn.Module, tokenizer: Any, names: Sequence[str],
               templates: Sequence[str] = TEMPLATES) -> Tensor:
    """Embed names: the mean over templates of unit vectors, at length 1.

    Args:
        clip (nn.Module): ``CLIPTextModelWithProjection``.
        tokenizer: Of transformers.
        names (Sequence[str]): K class names.
        templates (Sequence[str]): Each with one ``{}``.

    Returns:
        Tensor: ``(K, D)`` float32 on the model's device.

    Raises:
        DataError: If a name is longer than the model reads.
    """
    rows = []
    most = clip.config.max_position_embeddings
    for name in names:
        tokens = tokenizer([text.format(name) for text in templates],
                           padding=True, return_tensors='pt')
        length = tokens['input_ids'].shape[1]
        if length > most:
            raise DataError(f'class name {name!r} takes {length} tokens, the '
                            f'text model reads {most}: shorten it.')
        each = clip(
            input_ids=tokens['input_ids'].to(clip.device),
            attention_mask=tokens['attention_mask'].to(clip.device))
        rows.append(F.normalize(each.text_embeds.float(), dim=-1).mean(0))
    return F.normalize(torch.stack(rows), dim=-1)


def embed_names(names: Sequence[str],
                model: str,
                templates: Sequence[str] = TEMPLATES) -> Tensor:
    """Load a CLIP of transformers and embed names, see :func:`embed_with`.

    Underscores in a name are read as spaces.

    Args:
        names (Sequence[str]): K class names.
        model (str): A folder, or a name on the model hub.
        templates (Sequence[str]): Each with one ``{}``.

    Returns:
        Tensor: ``(K, D)`` float32, rows of length 1.

    Raises:
        ConfigError: If the model cannot be loaded.
    """
    return embed_with(*load_clip(model), [say_name(name) for name in names],
                      templates)


@MODELS.register_module()
class CLIPTextEncoder(TextEncoder):
    """CLIP's text tower, frozen, with its projection.

    Give one source: ``model``, weights of transformers; ``table``, a file of
    ``tools/dataset_converters/embed_class_names.py``, so that no CLIP is
    needed while training or predicting; or ``config``, a model of random
    weights, for tests. SkySense-VITA uses a CLIP of 149 M parameters (text
    dimension 512), which is that of ViT-B/16.

    Weights of ``model`` are loaded when a name is first embedded. They never
    change and are no part of the state dict (our choice): checkpoints do not
    repeat them, and a resumed run or a prediction reads them from the same
    place again. Those of ``config`` exist nowhere else, and are.

    Args:
        model (str, optional): A folder, or a name on the model hub.
        config (dict, optional): Of transformers' ``CLIPTextConfig``. Numbers
            of special tokens fit :class:`CLIPByteTokenizer` if not given.
        table (str, optional): File of names and embeddings.
        tokenizer (str or dict, optional): A folder, or a config of
            ``TASK_UTILS``. Defaults to None: that of ``model``;
            ``CLIPByteTokenizer`` beside ``config``.
        templates (Sequence[str]): Each with one ``{}``; our choice.
        embed_dims (int, optional): D. Defaults to None, read from the model
            or file now; a number is compared with it when it is loaded.
        cache_file (str, optional): Safetensors file that keeps the rows of
            ``model`` between runs. One file serves all processes, and is a
            ``table``, too. Defaults to None.

    Raises:
        ConfigError: If there is no source or several, or the model is not
            there.
    """

    def __init__(self,
                 model: Optional[str] = None,
                 config: Optional[Mapping] = None,
                 table: Optional[str] = None,
                 tokenizer: Union[str, Mapping, None] = None,
                 templates: Sequence[str] = TEMPLATES,
                 embed_dims: Optional[int] = None,
                 cache_file: Optional[str] = None) -> None:
        super().__init__()
        given = dict(model=model, config=config, table=table)
        names = [name for name, value in given.items() if value is not None]
        if len(names) != 1:
            raise ConfigError('CLIPTextEncoder: give one of model, config and '
                              f'table, got {" and ".join(names) or "none"}.')
        if cache_file is not None and model is None:
            raise ConfigError('CLIPTextEncoder: cache_file keeps the rows of '
                              f'a `model`; {names[0]} needs none.')
        if table is not None and tokenizer is not None:
            raise ConfigError('CLIPTextEncoder: a table needs no tokenizer.')
        self.model, self.table, self.tokenizer = model, table, tokenizer
        self.templates = check_templates(templates)
        self.cache_file = cache_file
        # In a tuple it is no submodule: not saved, moved, or trained.
        self._loaded: Optional[tuple[nn.Module, Any]] = None
        self.clip = None if config is None else self._from_config(config)
        self.embed_dims = embed_dims or self._read_dims()
        if self.clip is not None:
            self._check_dims(self.clip.config.projection_dim)

    def compute(self, names: Sequence[str]) -> Tensor:
        """Look names up in the table or the cache, or run the model.

        Args:
            names (Sequence[str]): n class names.

        Returns:
            Tensor: ``(n, D)``.

        Raises:
            DataError: If the table lacks a name, or the cache is stale.
        """
        if self.table is not None:
            return self._look_up(names)
        if self._cache is None:
            return self._embed(names)
        known = self._cache.read()
        new = [name for name in names if name not in known]
        if new:
            rows = dict(zip(new, self._embed(new).cpu()))
            known.update(rows)
            if is_main_process():
                self._cache.add(rows)
        rows = torch.stack([known[name] for name in names])
        self._check_dims(rows.shape[1])
        return rows

    def train(self, mode: bool = True) -> 'CLIPTextEncoder':
        """Set the mode; CLIP stays in evaluation mode."""
        super().train(mode)
        if self.clip is not None:
            self.clip.eval()
        return self

    def init_weights(self) -> None:
        """Nothing: transformers' own would draw other weights."""
        self._is_init = True

    def _embed(self, names: Sequence[str]) -> Tensor:
        clip, tokenizer = self._parts()
        return embed_with(clip, tokenizer, names, self.templates)

    def _parts(self) -> tuple[nn.Module, Any]:
        if self._loaded is None and self.clip is not None:
            self._loaded = (self.clip, CLIPByteTokenizer() if self.tokenizer
                            is None else build_tokenizer(self.tokenizer))
        elif self._loaded is None:
            clip, tokenizer = load_clip(self.model)
            self._check_dims(clip.config.projection_dim)
            if self.tokenizer is not None:
                tokenizer = build_tokenizer(self.tokenizer)
            self._loaded = (clip, tokenizer)
        if self.clip is None:
            self._loaded[0].to(self._anchor.device)
        return self._loaded

    def _look_up(self, names: Sequence[str]) -> Tensor:
        found, table, _ = read_table(self.table)
        self._check_dims(table.shape[1])
        place = {say_name(name): i for i, name in enumerate(found)}
        absent = [name for name in names if name not in place]
        if absent:
            raise DataError(
                f'{self.table} has no embedding of {", ".join(absent[:5])}'
                f'{" …" if len(absent) > 5 else ""}: make it anew with all '
                f'names by `python {TOOL}`, or give a CLIP by `model`.')
        return table[[place[name] for name in names]]

    @cached_property
    def _cache(self) -> Optional[NameCache]:
        if self.cache_file is None:
            return None
        return NameCache(self.cache_file, self.model,
                         model_digest(self.model), self.templates)

    @staticmethod
    def _from_config(config: Mapping) -> nn.Module:
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection
        clip = CLIPTextModelWithProjection(
            CLIPTextConfig(**{**_BYTES, **config}))
        return clip.requires_grad_(False).eval()

    def _read_dims(self) -> int:
        if self.clip is not None:
            return self.clip.config.projection_dim
        if self.table is not None:
            return read_table(self.table).table.shape[1]
        from transformers import CLIPTextConfig
        try:
            # Without a file transformers would answer with its defaults.
            found, _ = CLIPTextConfig.get_config_dict(self.model)
            if 'clip' not in str(found.get('model_type')):
                raise ValueError(f'model_type {found.get("model_type")!r}')
            return CLIPTextConfig.from_pretrained(self.model).projection_dim
        except (OSError, ValueError) as error:
            raise ConfigError(
                f'CLIPTextEncoder: {self.model} holds no CLIP that '
                f'transformers can read ({error}); give its folder, or its '
                'width as `embed_dims` if it is put there later.') from error

    def _check_dims(self, found: int) -> None:
        if found != self.embed_dims:
            raise ConfigError(
                f'{self.model or self.table or "config"} embeds into {found} '
                f'dimensions: set text_encoder.embed_dims={found}, and '
                'text_dims of the model.')
