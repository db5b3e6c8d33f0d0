# Copyright (c) mmeo contributors. All rights reserved.
"""A model of the paper's sizes behind its encoder, and random episodes."""

import argparse
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from torch import Tensor

import mmeo
from mmeo.models.in_context import PromptCode, VITASegmentor
from mmeo.models.in_context.prompt_pooling import masked_average_pool

WIDTH, TEXT = 256, 512
STRIDES = (4, 8, 16, 32)


def build_model(args: argparse.Namespace) -> VITASegmentor:
    """Former and Decoder by default sizes; the backbone is never called."""
    init_default_scope('mmeo')
    torch.manual_seed(0)
    return mmeo.build(
        'VITASegmentor',
        backbone=dict(type='SkySenseV2', arch=dict(
            embed_dims=32, depths=(1, 1, 1, 1)), modalities=('hr', 's1')),
        neck=dict(type='ModalityFPN', in_channels=[32, 64, 128, 256],
                  out_channels=WIDTH),
        text_encoder=dict(type='HashedTextEncoder', embed_dims=TEXT),
        former=dict(type='VITAFormer', text_dims=TEXT),
        decoder=dict(type='VITADecoder')).to(args.device)


class Episode(NamedTuple):
    """What the encoders hand over, for one target and its prompts.

    Args:
        maps (tuple[Tensor, ...]): Of the target, ``(1, 256, h, w)``.
        examples (Tensor): Maps of K shots at stride 8, ``(1, K, 256, h, w)``.
        masks (Tensor): ``(1, K, N, H, W)`` bool.
        text (Tensor): ``(1, N, 512)``, unit rows.
        labels (Tensor): ``(1, H, W)`` int64, all classes are there.
        sensors (Tensor): ``(1, )`` int64.
    """

    maps: tuple[Tensor, ...]
    examples: Tensor
    masks: Tensor
    text: Tensor
    labels: Tensor
    sensors: Tensor


def patchwork(size: int, classes: int) -> Tensor:
    """Labels ``(H, W)`` of squares, each class at least once."""
    side = max(8, int(classes**0.5) + 1)
    cells = torch.cat([torch.arange(classes),
                       torch.randint(classes, (side**2 - classes, ))])
    cells = cells[torch.randperm(side**2)].view(1, 1, side, side)
    return F.interpolate(cells.float(), (size, size))[0, 0].long()


def draw_episode(size: int, classes: int, shots: int,
                 args: argparse.Namespace) -> Episode:
    """Random features of an episode."""
    torch.manual_seed(1)
    maps = tuple(torch.randn(1, WIDTH, size // s, size // s)
                 for s in STRIDES)
    examples = torch.randn(1, shots, WIDTH, size // 8, size // 8)
    masks = torch.stack([F.one_hot(patchwork(size, classes), classes)
                         .permute(2, 0, 1).bool() for _ in range(shots)])
    text = F.normalize(torch.randn(1, classes, TEXT), dim=-1)
    parts = (examples, masks[None], text, patchwork(size, classes)[None],
             torch.zeros(1, dtype=torch.long))
    return Episode(tuple(x.to(args.device) for x in maps),
                   *(x.to(args.device) for x in parts))


def encode(episode: Episode) -> PromptCode:
    """Pool the examples, as the model does behind its encoder."""
    visual, shown = masked_average_pool(episode.examples, episode.masks)
    count = episode.text.shape[1]
    valid = torch.ones(1, count, dtype=torch.bool, device=visual.device)
    sensors = visual.new_tensor([1., 0.]).expand(1, count, 2)
    names = [tuple(f'class {i}' for i in range(count))]
    return PromptCode(names, valid, visual, shown.any(1), sensors,
                      episode.text)
