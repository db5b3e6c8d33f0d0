# Copyright (c) mmeo contributors. All rights reserved.
"""InternViT against transformers' model, and how its weights load."""

import pytest
import torch
from mmengine.runner import load_checkpoint, save_checkpoint
from safetensors.torch import save_file
from torch import nn
from transformers import InternVLVisionConfig, InternVLVisionModel

from mmeo import weights
from mmeo.errors import CheckpointError, ConfigError
from mmeo.models.backbones import InternViT
from mmeo.models.backbones.intern_vit import ARCHS

ARCH = dict(embed_dims=32, depth=3, num_heads=4, mlp_ratio=2.0)


def tiny(**kwargs) -> InternViT:
    return InternViT(**{**dict(arch=ARCH, img_size=56), **kwargs}).eval()


def hf_model(arch=ARCH, img_size=56, patch=14, **kwargs):
    config = InternVLVisionConfig(
        hidden_size=arch['embed_dims'],
        num_hidden_layers=arch['depth'],
        num_attention_heads=arch['num_heads'],
        intermediate_size=int(arch['embed_dims'] * arch['mlp_ratio']),
        image_size=[img_size] * 2,
        patch_size=[patch] * 2,
        attention_bias=True,
        layer_scale_init_value=0.1,
        **kwargs)
    model = InternVLVisionModel(config).eval()
    # transformers starts some tables at zero, which would hide mistakes.
    with torch.no_grad():
        for name, param in model.named_parameters():
            if param.ndim == 1 or 'embeddings' in name:
                param.add_(torch.randn_like(param) * 0.05)
    return model


@torch.no_grad()
def max_difference(ours, theirs, x) -> float:
    a = ours.forward_tokens(x)
    b = theirs(pixel_values=x).last_hidden_state
    assert a.shape == b.shape
    return (a - b).abs().max().item()


@pytest.mark.parametrize('size', [56, 84])
@pytest.mark.parametrize('qk_norm', [False, True])
def test_equals_transformers(size, qk_norm):
    theirs = hf_model(use_qk_norm=qk_norm)
    for fused in (True, False):
        ours = tiny(qk_norm=qk_norm, fused_attention=fused)
        ours.load_state_dict(
            weights.convert(theirs.state_dict(), to='mmeo'), strict=True)
        assert max_difference(ours, theirs, torch.randn(2, 3, size, size)) \
            < 1e-5


def test_300m_equals_transformers():
    with torch.device('meta'):  # initialising 600 M values takes longest
        theirs = hf_model(ARCHS['300m'], 448)
        ours = InternViT('300m').eval()
    assert sum(p.numel() for p in ours.parameters()) == 304_012_288
    theirs.to_empty(device='cpu')
    with torch.no_grad():
        for name, param in theirs.named_parameters():
            param.uniform_(-0.03, 0.03)
            if name.endswith(('before.weight', 'after.weight')):
                param.add_(1)
            if 'lambda' in name:
                param.add_(0.1)
    ours.load_state_dict(
        weights.convert(theirs.state_dict(), to='mmeo', family='internvit'),
        assign=True)
    assert max_difference(ours, theirs, torch.randn(1, 3, 224, 224)) < 1e-5


def test_map_is_the_tokens_without_cls():
    model = tiny(out_indices=(0, -1))
    assert model.out_channels == [32, 32]
    x = torch.randn(2, 3, 28, 70)  # rectangular, table kept for 56 x 56
    first, last = model(x)
    assert first.shape == last.shape == (2, 32, 2, 5)
    tokens = model.forward_tokens(x)
    assert tokens.shape == (2, 11, 32)
    torch.testing.assert_close(last.flatten(2), tokens[:, 1:].transpose(1, 2))


def test_positions_of_a_rectangle():
    """Doubling one side only leaves a table that varies along the other."""
    model = tiny(with_cls_token=False)
    side = torch.linspace(-1, 1, 4)
    with torch.no_grad():  # positions tell the row only
        model.pos_embed.copy_(
            side.repeat_interleave(4)[None, :, None].expand(1, 16, 32))
        model.patch_embed.weight.zero_()
        model.patch_embed.bias.zero_()
    tokens, size = model.embed(torch.zeros(1, 3, 56, 112))
    assert size == (4, 8)
    grid = tokens.reshape(4, 8, 32)
    torch.testing.assert_close(grid, side[:, None, None].expand(4, 8, 32))


def test_a_sample_does_not_see_its_batch():
    model = tiny(out_indices=(1, 2))
    x = torch.randn(3, 3, 56, 56)
    for whole, single in zip(model(x), model(x[1:2])):
        torch.testing.assert_close(whole[1:2], single)


def test_checkpointing_changes_nothing():
    outs = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        model = tiny(with_cp=with_cp, drop_path_rate=0.5).train()
        torch.manual_seed(1)
        out = model(torch.randn(2, 3, 56, 56))[0]
        out.square().sum().backward()
        outs.append([out.detach()] + [p.grad for p in model.parameters()])
    for a, b in zip(*outs):
        torch.testing.assert_close(a, b)


def test_drop_path_rises_to_the_last_block():
    rates = [layer.drop_path.drop_prob
             for layer in tiny(drop_path_rate=0.2).layers]
    assert rates == pytest.approx([0, 0.1, 0.2])


def test_frozen_stages():
    model = tiny(frozen_stages=2, drop_path_rate=0.3).train()
    trained = {n.split('.')[1] for n, p in model.named_parameters()
               if p.requires_grad}
    assert trained == {'2'}
    assert [layer.training for layer in model.layers] == [False, False, True]
    assert not any(p.requires_grad for p in
                   tiny(frozen_stages=3).parameters())


def hf_file_state(theirs) -> dict:
    return {f'vision_tower.{k}': v for k, v in theirs.state_dict().items()}


def original_state(theirs, prefix='') -> dict:
    state = weights.convert(theirs.state_dict(), to='original')
    return {prefix + k: v for k, v in state.items()}


def fine_tuned_state(theirs) -> dict:
    state = {'backbone.' + k.replace('encoder.', ''): v
             for k, v in original_state(theirs).items()}
    return {**state, 'backbone.spm.fc1.weight': torch.ones(2, 2)}


LAYOUTS = {
    'hf': lambda m: m.state_dict(),
    'hf-old': hf_file_state,
    'hf-new': lambda m: {f'model.{k}': v
                         for k, v in hf_file_state(m).items()},
    'vitp': original_state,
    'original': lambda m: original_state(m, 'vision_model.'),
    'proj': lambda m: {k.replace('patch_embedding.', 'patch_embedding.proj.'):
                       v for k, v in original_state(m).items()},
    'fine-tuned': fine_tuned_state,
    'mmeo': lambda m: weights.convert(m.state_dict()),
    'adapter': lambda m: {f'module.backbone.vit.{k}': v for k, v in
                          weights.convert(m.state_dict()).items()},
}


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_loads_every_layout(layout, suffix, tmp_path):
    theirs = hf_model()
    state = {k: v.contiguous().clone()
             for k, v in LAYOUTS[layout](theirs).items()}
    path = tmp_path / f'weights{suffix}'
    if suffix == '.pth':
        torch.save(dict(state_dict=state, meta=dict(epoch=1)), path)
    else:
        save_file(state, path)
    model = tiny(init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    model.init_weights()
    assert max_difference(model, theirs, torch.randn(1, 3, 56, 56)) < 1e-5


def saved(tmp_path, **kwargs):
    path = tmp_path / 'vit.safetensors'
    model = tiny(**kwargs)
    save_file(model.state_dict(), path)
    return model, str(path)


def pretrained(path, **kwargs):
    model = tiny(init_cfg=dict(type='Pretrained', checkpoint=path), **kwargs)
    model.init_weights()
    return model


@pytest.mark.parametrize('method', ['bicubic', 'pinv'])
def test_other_patch_and_image_size(method, tmp_path):
    source, path = saved(tmp_path)
    model = pretrained(path, patch_size=16, img_size=96, kernel_resize=method,
                       with_cls_token=False)
    assert model.pos_embed.shape == (1, 36, 32)
    torch.testing.assert_close(
        model.pos_embed,
        weights.resize_position_table(source.pos_embed[:, 1:], 0, (6, 6)))
    torch.testing.assert_close(
        model.patch_embed.weight,
        weights.resize_patch_kernel(source.patch_embed.weight, 16, method))
    assert model.patch_embed.weight.shape[-1] == 16


def test_runner_checkpoint_of_another_size(tmp_path):
    """mmengine's loader, used by load_from and --resume, goes the same way."""

    class Wrapper(nn.Module):

        def __init__(self, **kwargs):
            super().__init__()
            self.backbone = tiny(**kwargs)

    source, target = Wrapper(), Wrapper(img_size=112)
    path = str(tmp_path / 'epoch_1.pth')
    save_checkpoint(dict(state_dict=source.state_dict()), path)
    load_checkpoint(target, path, strict=True)
    # Same size in, same tokens out, though the table is another one now.
    table = target.backbone.pos_embed
    assert table.shape == (1, 65, 32)
    torch.testing.assert_close(
        table, weights.resize_position_table(source.backbone.pos_embed, 1,
                                             (8, 8)))
    wide = dict(arch={**ARCH, 'embed_dims': 64})
    words = r'backbone.cls_token.*1, 32.*1, 64'
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(Wrapper(**wide), path)


def test_bands(tmp_path):
    source, path = saved(tmp_path)
    with pytest.raises(CheckpointError, match='3 bands.*5.*band_init'):
        pretrained(path, in_channels=5)
    # All bands alike: the size of the embedding must not change.
    model = pretrained(path, in_channels=5, band_init='mean')
    gray = torch.randn(1, 1, 56, 56)
    torch.testing.assert_close(
        model(gray.expand(1, 5, -1, -1))[0],
        source(gray.expand(1, 3, -1, -1))[0], atol=1e-5, rtol=1e-4)
    # Reordered bands: the kernels move with them.
    model = pretrained(path, in_channels=3)
    kernel = weights.fit_bands(source.patch_embed.weight, 4, (2, 1, 0, -1))
    torch.testing.assert_close(kernel[:, 0] * 4 / 3, model.patch_embed.weight
                               [:, 2])
    with pytest.raises(CheckpointError, match='5 numbers'):
        pretrained(path, in_channels=5, band_init=(0, 1))


@pytest.mark.parametrize('arch, words', [
    (dict(embed_dims=64), ['cls_token', '(1, 1, 32)', '(1, 1, 64)', 'arch']),
    (dict(mlp_ratio=4.0), ['layers.0.mlp.fc1.weight', '(64, 32)']),
    (dict(depth=4), ['lacks', 'layers.3']),
    (dict(depth=2), ['layers.2', 'depth']),
])
def test_shapes_that_do_not_fit(arch, words, tmp_path):
    _, path = saved(tmp_path)
    with pytest.raises(CheckpointError) as error:
        pretrained(path, arch={**ARCH, **arch})
    for word in [path, *words]:
        assert word in str(error.value)


def test_checkpoints_that_hold_something_else(tmp_path):
    path = str(tmp_path / 'resnet.safetensors')
    save_file({'conv1.weight': torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match='no InternViT.*conv1.weight'):
        pretrained(path)
    both = {prefix + k: v for prefix in ('a.', 'b.')
            for k, v in tiny().state_dict().items()}
    save_file({k: v.clone() for k, v in both.items()}, path)
    with pytest.raises(CheckpointError, match="2 vision enc.*'a.', 'b.'"):
        pretrained(path)
    model = tiny(init_cfg=dict(type='Pretrained', checkpoint=path,
                               prefix='b.'))
    model.init_weights()
    assert torch.equal(model.pos_embed, both['b.pos_embed'])
    _, path = saved(tmp_path, with_cls_token=False)
    with pytest.raises(CheckpointError, match='with_cls_token=False'):
        pretrained(path)


@pytest.mark.parametrize('kwargs, word', [
    (dict(arch='giant'), '300m'),
    (dict(arch=dict(embed_dims=8)), 'depth'),
    (dict(img_size=60), 'multiple'),
    (dict(out_indices=(3, )), 'out_indices'),
    (dict(arch={**ARCH, 'num_heads': 5}), 'num_heads'),
    (dict(frozen_stages=9), 'frozen_stages'),
    (dict(kernel_resize='area'), 'pinv'),
])
def test_bad_arguments(kwargs, word):
    with pytest.raises(ConfigError, match=word):
        tiny(**kwargs)


def test_bad_images():
    with pytest.raises(ConfigError, match='60 x 56'):
        tiny()(torch.zeros(1, 3, 60, 56))
    with pytest.raises(ConfigError, match='4 bands'):
        tiny()(torch.zeros(1, 4, 56, 56))
