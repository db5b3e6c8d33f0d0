# Copyright (c) mmeo contributors. All rights reserved.
"""Learning-rate scales worked out by hand."""

import logging

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmeo.engine.optimizers import LayerDecayOptimizerConstructor
from mmeo.engine.optimizers.layer_decay import find_backbones
from mmeo.errors import ConfigError
from mmeo.models.backbones import InternViT, ViTAdapter

LR, WD = 1e-3, 0.05


def vit_cfg(depth=4, dims=16):
    return dict(
        arch=dict(embed_dims=dims, depth=depth, num_heads=2, mlp_ratio=1.0),
        img_size=32)


class Detector(nn.Module):
    """The shape of a model of mmdet or mmseg."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(4, 4)


def adapter_model(depth=4, **kwargs):
    return Detector(ViTAdapter(vit=vit_cfg(depth), num_heads=4, conv_inplane=4,
                               **kwargs))


def settings(model, optimizer=None, **paramwise):
    """Map each parameter's name to (scale, weight decay)."""
    constructor = LayerDecayOptimizerConstructor(
        dict(type='OptimWrapper',
             optimizer=dict(type='AdamW', lr=LR, weight_decay=WD)),
        dict(layer_decay_rate=0.9, **paramwise))
    groups = constructor(model).optimizer.param_groups
    by_id = {id(p): g for g in groups for p in g['params']}
    assert len(by_id) == sum(len(g['params']) for g in groups)
    inner = getattr(model, 'module', model)
    out = {}
    for name, param in inner.named_parameters():
        if param.requires_grad:
            group = by_id[id(param)]
            assert group['lr'] == pytest.approx(LR * group['lr_scale'])
            out[name] = (group['lr_scale'], group['weight_decay'])
    assert len(out) == len(by_id)
    return out


def test_scales_of_24_blocks():
    """Facts of ViTP's schedule: embeddings .072, first block .080."""
    found = settings(adapter_model(24))
    scale = {name: value[0] for name, value in found.items()}
    vit = 'backbone.vit.'
    assert scale[vit + 'patch_embed.weight'] == pytest.approx(0.9**25)
    assert scale[vit + 'pos_embed'] == pytest.approx(0.0718, abs=1e-4)
    assert scale['backbone.level_embed'] == pytest.approx(0.9**25)
    assert scale[vit + 'layers.0.ls1'] == pytest.approx(0.0798, abs=1e-4)
    assert scale[vit + 'layers.23.mlp.fc1.weight'] == pytest.approx(0.9)
    assert scale[vit + 'layers.10.norm1.bias'] == pytest.approx(0.9**14)
    assert scale['backbone.spm.fc1.weight'] == 1
    assert scale['backbone.interactions.0.injector.gamma'] == 1
    assert scale['head.weight'] == 1


def test_weight_decay():
    for preset, decay in (('paper', 0), ('released', WD)):
        found = settings(adapter_model(), preset=preset)
        for name in ('backbone.level_embed', 'backbone.vit.pos_embed'):
            assert found[name][1] == decay
        for name, param in adapter_model().named_parameters():
            if param.ndim == 1:
                assert found[name][1] == 0, name
        assert found['head.weight'][1] == WD
        assert found['backbone.vit.layers.0.attn.qkv.weight'][1] == WD
    assert settings(InternViT(**vit_cfg(), patch_size=16))['cls_token'][1] == 0


def test_number_of_layers_may_be_given():
    """SVCD's released schedule counts 39 layers above 24 blocks."""
    scale = settings(adapter_model(), num_layers=39)
    assert scale['backbone.vit.layers.3.ls1'][0] == pytest.approx(0.9**36)
    assert scale['head.weight'][0] == 1
    with pytest.raises(ConfigError, match='less than the 4 blocks'):
        settings(adapter_model(), num_layers=3)


def test_wrapped_and_plain_models_agree():
    class Parallel(nn.Module):
        """What DistributedDataParallel looks like to mmengine."""

        def __init__(self, module):
            super().__init__()
            self.module = module

    model = adapter_model()
    assert settings(Parallel(model)) == settings(model)
    vit = InternViT(**vit_cfg(), patch_size=16)
    bare = settings(vit)
    inside = settings(Detector(vit))
    for name, value in bare.items():
        assert inside['backbone.' + name] == value


def test_two_backbones():
    model = nn.ModuleDict(
        dict(a=InternViT(**vit_cfg(2), patch_size=16),
             b=InternViT(**vit_cfg(3), patch_size=16), c=nn.Linear(2, 2)))
    scale = settings(model)
    assert scale['a.layers.1.ls1'][0] == pytest.approx(0.9)
    assert scale['b.layers.1.ls1'][0] == pytest.approx(0.81)
    assert scale['c.weight'][0] == 1


def test_classifier_of_mmpretrain_is_no_backbone():
    """Its own get_layer_depth takes no prefix and asks the backbone."""
    from mmeo.builder import build
    model = build(
        'mmpretrain.ImageClassifier',
        backbone=dict(type='InternViT', patch_size=16, **vit_cfg(2)),
        head=dict(type='mmpretrain.LinearClsHead', num_classes=2,
                  in_channels=16,
                  loss=dict(type='mmpretrain.CrossEntropyLoss')),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'))
    assert list(find_backbones(model)) == ['backbone.']
    scale = settings(model)
    assert scale['backbone.layers.0.ls1'][0] == pytest.approx(0.81)
    assert scale['head.fc.weight'][0] == 1


def test_frozen_parameters_are_left_out_and_keys_customised():
    model = adapter_model(freeze_vit=True)
    found = settings(model, custom_keys={
        'head': dict(lr_mult=10),
        'head.bias': dict(lr_mult=2, decay_mult=1.0)
    })
    assert not any('vit.' in name for name in found)
    assert found['head.weight'] == (10, WD)
    assert found['head.bias'] == (2, WD)


def test_runs_through_mmengine_and_prints_its_table():
    model = adapter_model()
    seen = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    wrapper = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor='mmeo.LayerDecayOptimizerConstructor',
            optimizer=dict(type='AdamW', lr=LR, weight_decay=WD),
            paramwise_cfg=dict(layer_decay_rate=0.9)))
    logger.removeHandler(handler)
    tables = [text for text in seen if 'layer-wise' in text]
    assert len(tables) == 1
    assert '0.590' in tables[0]  # 0.9 ** 5, the embeddings of 4 blocks
    before = model.head.weight.clone()
    loss = sum(o.square().mean() for o in
               model.backbone(torch.randn(1, 3, 32, 32)))
    wrapper.update_params(loss + model.head(torch.ones(1, 4)).sum())
    assert not torch.equal(before, model.head.weight)


@pytest.mark.parametrize('paramwise, words', [
    (dict(decay_rate=0.9), 'unknown options'),
    (dict(layer_decay_rate=1.5), 'at most 1'),
    (dict(layer_decay_rate=0.9, preset='mine'), 'released'),
])
def test_bad_options(paramwise, words):
    with pytest.raises(ConfigError, match=words):
        LayerDecayOptimizerConstructor(
            dict(optimizer=dict(type='AdamW', lr=LR)), paramwise)


def test_model_without_depth():
    with pytest.raises(ConfigError, match='Linear has get_layer_depth'):
        settings(nn.Linear(2, 2))
