# Copyright (c) mmeo contributors. All rights reserved.
"""Sizes, learning rates and arguments of SkySense V1's encoders."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import MODELS as ROOT
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmeo.errors import ConfigError
from mmeo.models.backbones import SkySenseV1, SkySenseV1Encoders
from mmeo.models.necks import SkySenseV1Fusion
from mmeo.structures import ModalityBatch

SWIN = dict(embed_dims=16, depths=(2, 2, 6, 2), num_heads=(2, 4, 8, 16),
            extra_norm_every=3)
VIT = dict(embed_dims=32, depth=4, num_heads=4)
TINY = dict(hr=dict(arch=SWIN, window_size=4),
            s2=dict(arch=VIT, out_indices=(0, 1, 2, 3)))


def block(d: int, heads: int) -> int:
    """Parameters of a Swin V2 block, by hand."""
    attention = 4 * d * d + 3 * d + heads + 1024 + 512 + 512 * heads
    return attention + 8 * d * d + 5 * d + 4 * d


def test_parameters_of_the_released_sizes():
    widths, heads = [352 * 2**i for i in range(4)], (8, 16, 32, 64)
    swin = 352 * (3 * 16 + 1) + 2 * 352
    for depth, d, h in zip((2, 2, 18, 2), widths, heads):
        swin += depth * block(d, h) + depth // 6 * 2 * d + 2 * d
    swin += sum(8 * d * d + 4 * d for d in widths[:3])
    layers = 24 * (12 * 1024**2 + 13 * 1024)
    want = dict(
        hr=swin, s2=layers + 1024 * (160 + 1) + 256 * 1024,
        s1=layers + 1024 * (32 + 1) + 256 * 1024)
    assert swin == 655_079_632
    with torch.device('meta'):
        for part, count in want.items():
            model = SkySenseV1(part)
            assert sum(p.numel() for p in model.parameters()) == count
        fusion = SkySenseV1Fusion()
    heads = 2 * 45056 * (1024 + 1)
    assert sum(p.numel() for p in fusion.parameters()) == (
        layers + 1024 * (2816 + 1) + 1024 + heads + 365 * 2816)


@pytest.mark.parametrize(('part', 'strides'), [
    ('hr', (4, 8, 16, 32)), ('s2', (4, 4, 4, 4))])
@pytest.mark.parametrize('size', [(64, 96), (70, 33)])
def test_maps_of_any_size(part, strides, size):
    model = SkySenseV1(part, **TINY[part]).eval()
    with torch.no_grad():
        outs = model(torch.randn(1, 3 if part == 'hr' else 10, *size))
    assert [x.shape[1] for x in outs] == model.out_channels
    for x, stride in zip(outs, strides):
        assert x.shape[2:] == tuple(-(-n // stride) for n in size)


@pytest.mark.parametrize('part', ['hr', 's2'])
def test_every_parameter_is_trained(part):
    model = SkySenseV1(part, with_cp=True, drop_path_rate=0.1,
                       **TINY[part]).train()
    x = torch.randn(2, 3 if part == 'hr' else 10, 64, 64)
    sum(y.square().sum() for y in model(x)).backward()
    assert not [n for n, p in model.named_parameters()
                if p.grad is None or not p.grad.any()]


def test_depths_for_learning_rates():
    model = SkySenseV1('hr', **TINY['hr'])
    depth = {
        'tokenizer.projection.weight': 0, 'stages.0.0.attn.qkv.weight': 1,
        'stages.1.1.norm1.bias': 4, 'merges.1.reduction.weight': 5,
        'stages.2.0.attn.q_bias': 5, 'stages.3.1.mlp.fc1.bias': 12,
        'norms.3.weight': 13}
    for name, wanted in depth.items():
        full = f'backbone.encoder.{name}'
        assert model.get_layer_depth(full, 'backbone.') == (wanted, 14), name
    assert model.get_layer_depth('neck.x', 'backbone.') == (13, 14)
    vit = SkySenseV1('s2', **TINY['s2'])
    for name, wanted in {'encoder.pos_embed': 0,
                         'encoder.layers.3.attn.qkv.bias': 4}.items():
        assert vit.get_layer_depth(name) == (wanted, 6)


def test_frozen_stages():
    model = SkySenseV1('hr', frozen_stages=2, **TINY['hr']).train()
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert all(n.startswith(('encoder.stages.2.', 'encoder.stages.3.',
                             'encoder.merges.1.', 'encoder.merges.2.',
                             'encoder.norms.2.', 'encoder.norms.3.'))
               for n in trained)
    assert any(n.startswith('encoder.merges.1.') for n in trained)
    assert not model.encoder.stages[1].training
    assert model.encoder.stages[2].training
    none = SkySenseV1('hr', frozen_stages=4, **TINY['hr'])
    assert not any(p.requires_grad for p in none.parameters())


def test_wrong_arguments():
    for kwargs, message in (
            (dict(part='nir'), "part='nir' must be one of"),
            (dict(arch=dict(depth=3)), 'arch takes embed_dims'),
            (dict(window_size=(8, 8)), 'a value for each of the four'),
            (dict(out_indices=(4, )), 'stages of 0..3'),
            (dict(frozen_stages=5), 'must be -1..4')):
        with pytest.raises(ConfigError, match=message):
            SkySenseV1(**kwargs)
    with pytest.raises(ConfigError, match='takes .B, 10, H, W.*band_init'):
        SkySenseV1('s2', **TINY['s2'])(torch.zeros(1, 4, 8, 8))
    with pytest.raises(ConfigError, match="modality 'nir' must be one of"):
        SkySenseV1Encoders(('nir', ))
    with pytest.raises(ConfigError, match="must be 'hr' and some of"):
        SkySenseV1Fusion(modalities=('s2', ))


def test_whole_model_in_a_segmentor():
    """The pyramid and the fused map feed an UPerHead of mmseg."""
    head = dict(type='mmseg.UPerHead', in_channels=[16, 32, 64, 128, 24],
                in_index=[0, 1, 2, 3, 4], channels=8, num_classes=3,
                loss_decode=dict(type='mmseg.CrossEntropyLoss'))
    model = ROOT.build(dict(
        type='mmeo.SkySenseV1MultiModal',
        encoders=dict(modalities=('hr', 's2'), **TINY),
        fusion=dict(in_channels=dict(hr=128, s2=32), embed_dims=24,
                    num_layers=1, num_heads=2))).eval()
    decode = MODELS.build(head).eval()
    batches = dict(
        hr=ModalityBatch.of(torch.randn(2, 1, 3, 128, 128)),
        s2=ModalityBatch.of(torch.randn(2, 3, 10, 8, 8)))
    batches['s2'].valid[1] = False  # the second sample has no Sentinel-2
    with torch.no_grad():
        outs = model(batches)
        logits = decode(outs)
    assert model.out_channels == [16, 32, 64, 128, 24]
    assert logits.shape == (2, 3, 32, 32) and logits.isfinite().all()


SMALL = {
    'isaid/skysense-v1-hr_upernet_80k_isaid-896': dict(
        backbone=TINY['hr'], decode_head=dict(in_channels=[16, 32, 64, 128]),
        auxiliary_head=dict(in_channels=64)),
    'dynamicearthnet/skysense-v1-s2_upernet_20k_dynamicearthnet-s2-256': dict(
        backbone=TINY['s2'], neck=dict(in_channels=[32] * 4)),
    'dior/skysense-v1-hr_faster-rcnn_1x_dior-800': dict(
        backbone=TINY['hr'], neck=dict(in_channels=[16, 32, 64, 128])),
}


@pytest.mark.parametrize('name', SMALL)
def test_models_of_the_configs_train(name, repo_root):
    cfg = Config.fromfile(repo_root / f'configs/skysense_v1/{name}.py')
    init_default_scope(cfg.default_scope)
    cfg.merge_from_dict(dict(model=SMALL[name]))
    model = cfg.model
    model.backbone.init_cfg = None
    for head in ('decode_head', 'auxiliary_head'):
        if head in model:
            model[head].norm_cfg = dict(type='GN', num_groups=1)
    model = ROOT.build(model).train()
    bands = model.backbone.encoder.in_channels
    side = 64 if bands == 3 else 32
    x = torch.randn(2, bands, side, side)
    if hasattr(model, 'decode_head'):
        labels = PixelData(data=torch.randint(0, 6, (1, side, side)))
        samples = [SegDataSample(gt_sem_seg=labels) for _ in range(2)]
    else:
        boxes = InstanceData(bboxes=torch.tensor([[4., 4., 40., 40.]]),
                             labels=torch.tensor([3]))
        meta = dict(img_shape=(64, 64), pad_shape=(64, 64))
        samples = [DetDataSample(gt_instances=boxes, metainfo=meta)
                   for _ in range(2)]
    losses, _ = model.parse_losses(model.loss(x, samples))
    losses.backward()
    stem = model.backbone.encoder
    stem = getattr(stem, 'tokenizer', None) or stem.patch_embed
    assert losses > 0 and all(p.grad.any() for p in stem.parameters())
