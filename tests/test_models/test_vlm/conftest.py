# Copyright (c) mmeo contributors. All rights reserved.
"""A model of a few thousand weights and batches for it."""

from typing import Any

import pytest
import torch

import mmeo

VOCAB = 96


def vlm_config(gradient_checkpointing: bool = False, **kwargs: Any) -> dict:
    """``InstructVLM`` whose tile of 28 pixels becomes 4 image tokens."""
    cfg = dict(
        type='InstructVLM',
        vision=dict(
            type='InternViT',
            arch=dict(embed_dims=32, depth=2, num_heads=2, mlp_ratio=2.0),
            img_size=28,
            patch_size=7),
        projector=dict(
            type='PixelShuffleProjector', in_channels=32, out_channels=48),
        llm=dict(
            type='HFLanguageModel',
            gradient_checkpointing=gradient_checkpointing,
            config=dict(
                model_type='qwen2',
                vocab_size=VOCAB,
                hidden_size=48,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                intermediate_size=64,
                max_position_embeddings=512,
                tie_word_embeddings=False,
                bos_token_id=None,
                eos_token_id=None)))
    return {**cfg, **kwargs}


def make_sample(tiles: int, text: int, answer: int, seed: int) -> dict:
    """One sample: text, 4 tokens per tile in its middle, an answer."""
    g = torch.Generator().manual_seed(seed)
    images = 4 * tiles
    length = 2 + images + text + answer
    ids = torch.randint(5, VOCAB, (length, ), generator=g)
    mask = torch.zeros(length, dtype=torch.bool)
    mask[2:2 + images] = True
    labels = torch.full((length, ), -100)
    labels[length - answer:] = ids[length - answer:]
    pixels = torch.randint(0, 256, (tiles, 3, 28, 28), generator=g)
    return dict(pixel_values=pixels.to(torch.uint8), input_ids=ids,
                labels=labels, image_mask=mask)


def collate(samples: list[dict]) -> dict:
    """What ``pseudo_collate`` makes of samples."""
    return dict(inputs={k: [s[k] for s in samples] for k in samples[0]},
                data_samples=None)


@pytest.fixture
def samples() -> list[dict]:
    return [make_sample(3, 5, 4, 0), make_sample(0, 9, 2, 1),
            make_sample(1, 3, 7, 2), make_sample(2, 6, 1, 3)]


@pytest.fixture
def build_vlm():
    def build(**kwargs: Any):
        torch.manual_seed(0)
        return mmeo.build(vlm_config(**kwargs))
    build.config = vlm_config
    return build


@pytest.fixture
def batch():
    return collate
