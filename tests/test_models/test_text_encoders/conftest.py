# Copyright (c) mmeo contributors. All rights reserved.
"""A CLIP text model of random weights in a folder."""

import json
from pathlib import Path

import pytest
import torch


def make_clip(folder: Path, seed: int = 0, dims: int = 12) -> Path:
    """Model and tokenizer as transformers saves them; no merges."""
    from transformers import (
        CLIPTextConfig,
        CLIPTextModelWithProjection,
        CLIPTokenizer,
    )
    from transformers.models.clip.tokenization_clip import bytes_to_unicode
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(bytes_to_unicode().values())
    vocab = [*letters, *(x + '</w>' for x in letters), '<|startoftext|>',
             '<|endoftext|>']
    (folder / 'vocab.json').write_text(
        json.dumps({word: i for i, word in enumerate(vocab)}))
    (folder / 'merges.txt').write_text('#version: 0.2\n')
    CLIPTokenizer(str(folder / 'vocab.json'), str(folder / 'merges.txt'),
                  pad_token='<|endoftext|>').save_pretrained(folder)
    torch.manual_seed(seed)
    CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=len(vocab), hidden_size=16, intermediate_size=16,
        num_hidden_layers=2, num_attention_heads=2, projection_dim=dims,
        bos_token_id=len(vocab) - 2, eos_token_id=len(vocab) - 1,
        pad_token_id=len(vocab) - 1)).save_pretrained(folder)
    return folder


@pytest.fixture(scope='module')
def clip_folder(tmp_path_factory) -> Path:
    return make_clip(tmp_path_factory.mktemp('clip'))


@pytest.fixture(scope='session')
def new_clip():
    """The function that makes such a folder."""
    return make_clip
