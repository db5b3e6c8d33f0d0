# Copyright (c) mmeo contributors. All rights reserved.
"""Key layouts there and back, against transformers' own models."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    Qwen2Config,
)

from mmeo import weights
from mmeo.errors import CheckpointError, ConfigError
from mmeo.models.backbones import InternViT

ARCH = dict(embed_dims=16, depth=2, num_heads=2, mlp_ratio=2.0)


@pytest.fixture(scope='module')
def vlm():
    vision = InternVLVisionConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, image_size=[56, 56], patch_size=[14, 14],
        attention_bias=True)
    text = Qwen2Config(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, intermediate_size=32, vocab_size=50,
        tie_word_embeddings=False)
    model = InternVLForConditionalGeneration(
        InternVLConfig(vision_config=vision, text_config=text,
                       tie_word_embeddings=False)).eval()
    with torch.no_grad():
        for param in model.parameters():
            param.add_(torch.randn_like(param) * 0.02)
    return model


def vit():
    return InternViT(arch=ARCH, img_size=56).eval()


def same(a, b):
    assert set(a) == set(b)
    for key in a:
        assert torch.equal(a[key], b[key]), key


def old_hf_names(state):
    """Names of the files that older transformers wrote."""
    out = {}
    for key, value in state.items():
        key = key.removeprefix('model.')
        if key.startswith('language_model.'):
            key = key.replace('language_model.', 'language_model.model.', 1)
        if key.startswith('lm_head'):
            key = 'language_model.' + key
        out[key] = value
    return out


def test_every_layout_of_the_vlm_converts_to_every_other(vlm):
    hf = vlm.state_dict()
    layouts = {to: weights.convert(hf, to=to)
               for to in ('mmeo', 'hf', 'hf_file', 'original')}
    same(layouts['hf'], hf)
    same(layouts['hf_file'], old_hf_names(hf))
    for source in layouts.values():
        for to in layouts:
            got, report = weights.convert_with_report(source, to)
            same(got, layouts[to])
            assert report.family == 'internvl'
            assert not report.missing and not report.unexpected
            assert report.matched == len(source)


def test_names_of_the_vlm(vlm):
    """Spot checks of both maps, so that a consistent mistake shows."""
    hf = vlm.state_dict()
    original = weights.convert(hf, to='original')
    ours = weights.convert(hf, to='mmeo')
    for key, first, second in [
        ('model.vision_tower.embeddings.cls_token',
         'vision_model.embeddings.class_embedding', 'vision.cls_token'),
        ('model.vision_tower.encoder.layer.1.lambda_2',
         'vision_model.encoder.layers.1.ls2', 'vision.layers.1.ls2'),
        ('model.multi_modal_projector.layer_norm.bias', 'mlp1.0.bias',
         'projector.norm.bias'),
        ('model.multi_modal_projector.linear_1.weight', 'mlp1.1.weight',
         'projector.fc1.weight'),
        ('model.multi_modal_projector.linear_2.bias', 'mlp1.3.bias',
         'projector.fc2.bias'),
        ('model.language_model.layers.0.self_attn.q_proj.bias',
         'language_model.model.layers.0.self_attn.q_proj.bias',
         'llm.model.model.layers.0.self_attn.q_proj.bias'),
        ('model.language_model.norm.weight',
         'language_model.model.norm.weight', 'llm.model.model.norm.weight'),
        ('lm_head.weight', 'language_model.lm_head.weight',
         'llm.model.lm_head.weight'),
    ]:
        assert torch.equal(hf[key], original[first])
        assert torch.equal(hf[key], ours[second])
    start = 'model.vision_tower.encoder.layer.0.attention.'
    assert torch.equal(
        original['vision_model.encoder.layers.0.attn.qkv.weight'],
        torch.cat([hf[f'{start}{p}_proj.weight'] for p in 'qkv']))


def test_extracted_vision_computes_the_same(vlm):
    x = torch.randn(2, 3, 56, 56)
    with torch.no_grad():
        expected = vlm.model.vision_tower(pixel_values=x).last_hidden_state
    hf = vlm.state_dict()
    ours = weights.convert(hf, to='mmeo')
    sources = [hf, old_hf_names(hf), weights.convert(hf, to='original'), ours,
               dict(state_dict=ours, optimizer={}, meta=dict(iter=3)),
               {f'module.{k}': v for k, v in ours.items()}]
    for source in sources:
        model = vit()
        model.load_state_dict(weights.extract_vision(source), strict=True)
        with torch.no_grad():
            out = model.forward_tokens(x)
        torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)


def test_lone_encoder_round_trip():
    ours = vit().state_dict()
    for to in ('hf', 'original'):
        there = weights.convert(ours, to=to, family='internvit')
        assert not set(there) & set(ours)
        same(weights.convert(there), ours)


def test_input_is_left_alone():
    state = vit().state_dict()
    copy = {key: value.clone() for key, value in state.items()}
    hf = weights.convert(state, to='hf')
    for value in hf.values():
        assert value.is_contiguous()
    same(state, copy)


def test_report_names_what_is_missing_and_left_over(caplog):
    state = weights.convert(vit().state_dict(), to='hf')
    del state['encoder.layer.1.lambda_1']
    state['head.weight'] = torch.ones(1)
    _, report = weights.convert_with_report(state)
    assert report.missing == ['layers.1.ls1']
    assert report.unexpected == ['head.weight']
    assert report.matched == len(state) - 1
    weights.convert(state)
    assert '1 missing, 1 unexpected' in caplog.text


def test_errors():
    state = vit().state_dict()
    with pytest.raises(ConfigError, match="family='vgg'.*internvit"):
        weights.convert(state, family='vgg')
    with pytest.raises(ConfigError, match="to='onnx'.*original"):
        weights.convert(state, to='onnx')
    with pytest.raises(CheckpointError, match='no InternVL projector'):
        weights.convert(state, family='internvl')
    with pytest.raises(CheckpointError, match='no InternViT.*conv1'):
        weights.convert({'conv1': torch.ones(1)})
    with pytest.raises(CheckpointError, match="2 vision encoders.*'ema.'"):
        weights.extract_vision({
            **state, **{'ema.' + k: v for k, v in state.items()}})
    with pytest.raises(CheckpointError, match='no tensors'):
        weights.convert({'epoch': 3})


def test_siglip_is_not_taken_for_internvit():
    state = {
        'vision_model.embeddings.patch_embedding.weight': torch.ones(1),
        'vision_model.encoder.layers.0.self_attn.q_proj.weight':
        torch.ones(1),
    }
    with pytest.raises(CheckpointError, match='no InternViT'):
        weights.extract_vision(state)


def run(root, *args):
    return subprocess.run(
        [sys.executable, str(root / 'tools/model_converters/convert.py'),
         *map(str, args)], capture_output=True, text=True)


def test_command_line(vlm, tmp_path, repo_root):
    src, dst = tmp_path / 'vlm.pth', tmp_path / 'out' / 'vit.safetensors'
    torch.save(dict(state_dict=vlm.state_dict()), src)
    done = run(repo_root, src, dst, '--to', 'mmeo', '--vision-only')
    assert done.returncode == 0, done.stderr
    assert '0 missing' in done.stdout and '32 tensors' in done.stdout
    vit().load_state_dict(load_file(dst), strict=True)
    save_file({'conv1': torch.ones(1)}, src.with_suffix('.safetensors'))
    done = run(repo_root, src.with_suffix('.safetensors'), dst)
    assert done.returncode == 1
    assert 'no InternViT' in done.stderr
    assert 'Traceback' not in done.stderr
