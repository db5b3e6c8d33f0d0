# Copyright (c) mmeo contributors. All rights reserved.
"""Parameters of the shipped models; learning rates of the schedule."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

import mmeo
from mmeo.registry import MODELS

BASES = ('vita_skysense-v1', 'vita_skysense-v2-h', 'vita_vit-adapter-l',
         'vita_tiny')


def build(root: Path, name: str) -> nn.Module:
    init_default_scope('mmeo')
    cfg = Config.fromfile(root / f'configs/_base_/models/{name}.py')
    with torch.device('meta'):
        return MODELS.build(cfg.model)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_former_and_decoder_have_the_size_of_the_paper() -> None:
    with torch.device('meta'):
        former, decoder = mmeo.build('VITAFormer'), mmeo.build('VITADecoder')
    # 18 M in the paper, which leaves most sizes open.
    assert 16.5e6 < count(former) + count(decoder) < 18.5e6


def test_sizes_of_the_paper(repo_root: Path) -> None:
    model = build(repo_root, 'vita_skysense-v1')
    encoders = model.backbone.encoders
    assert count(encoders['hr']) == 655_079_632
    # The ViT-L of patch 4, and a kernel of 8 x 8 instead of 4 x 4.
    assert count(encoders['s1']) == 302_605_312 + 1024 * 2 * 48
    # 969 M in the paper: encoders and what makes maps for the queries of
    # them. Ours is 5 M, theirs would be 11.
    images = count(model.backbone) + count(model.neck)
    assert abs(images - 969e6) < 7e6
    # 1.1 B with CLIP's 149.6 M, which is loaded when it is first needed.
    assert 1.05e9 < count(model) + 149.6e6 < 1.15e9
    assert model.text_encoder.embed_dims == 512


@pytest.mark.parametrize('name', BASES)
def test_neck_and_former_fit_their_encoders(repo_root: Path,
                                            name: str) -> None:
    model = build(repo_root, name)
    found = model.backbone.out_channels
    for sensor in model.modalities:
        channels = found[sensor] if isinstance(found, dict) else found
        assert model.neck.laterals[sensor].in_channels == list(channels)
    assert set(model.neck.modalities) == set(model.modalities)
    assert model.former.text_proj.in_features == model.text_encoder.embed_dims


@pytest.mark.parametrize('name', BASES)
def test_learning_rates(repo_root: Path, name: str) -> None:
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/schedules/skysense-vita_10k.py')
    model = build(repo_root, name)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = {id(p): group for group in wrapper.optimizer.param_groups
              for p in group['params']}
    learned = {k: groups[id(p)] for k, p in model.named_parameters()
               if p.requires_grad}
    for key, group in learned.items():
        scale = 0.1 if key.startswith('backbone.') else 1.0
        assert group['lr'] == pytest.approx(1e-4 * scale), key
    decayed = {k for k, group in learned.items() if group['weight_decay']}
    params = dict(model.named_parameters())
    assert all(params[k].dim() > 1 for k in decayed)
    # Of the heads, exactly matrices and kernels decay: weights of layers.
    heads = [k for k in learned if not k.startswith('backbone.')]
    assert all(k.endswith('.weight') for k in heads if k in decayed)
    free = {k for k in heads if k not in decayed and params[k].dim() > 1}
    assert {k.split('.')[0] for k in free} == {'former', 'decoder'}
    assert all(k.count('.') == 1 for k in free), free
    assert {'former.prototypes', 'decoder.queries'} <= free
