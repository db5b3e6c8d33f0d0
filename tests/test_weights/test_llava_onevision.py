# Copyright (c) mmeo contributors. All rights reserved.
"""LLaVA-OneVision and RSUniVLM: equal to transformers, in every layout."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    Qwen2Config,
    Qwen2ForCausalLM,
    SiglipConfig,
    SiglipModel,
)

import mmeo
from mmeo import weights
from mmeo.datasets.transforms.image_views import ImageViews
from mmeo.errors import CheckpointError

IMAGE_ID, SIDE, ROWS = 90, 56, 96
PINPOINTS = [[SIDE * i, SIDE * j] for i in range(1, 7) for j in range(1, 7)]
VISION = dict(hidden_size=32, intermediate_size=40, num_hidden_layers=2,
              num_attention_heads=2, image_size=SIDE, patch_size=14)
TEXT = dict(vocab_size=ROWS, hidden_size=48, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2,
            intermediate_size=64, rope_theta=1e6, tie_word_embeddings=True,
            bos_token_id=None, eos_token_id=None)


@pytest.fixture(scope='module')
def theirs() -> LlavaOnevisionForConditionalGeneration:
    torch.manual_seed(0)
    model = LlavaOnevisionForConditionalGeneration(LlavaOnevisionConfig(
        vision_config=dict(model_type='siglip_vision_model',
                           vision_use_head=False, **VISION),
        text_config=dict(model_type='qwen2', **TEXT),
        image_token_index=IMAGE_ID, projector_hidden_act='gelu',
        vision_feature_select_strategy='full', vision_feature_layer=-1,
        image_grid_pinpoints=PINPOINTS, tie_word_embeddings=True)).eval()
    with torch.no_grad():
        for param in model.parameters():
            param.copy_(torch.randn_like(param) * .1)
    return model


def build(moe: bool = False, rows: int = ROWS) -> torch.nn.Module:
    extra = dict(moe=dict(type='GranularityMoE')) if moe else {}
    return mmeo.build(
        'InstructVLM', template='qwen_1_5', image_newline=True,
        vision=dict(type='SigLIPViT', img_size=SIDE, arch=dict(
            embed_dims=32, depth=2, num_heads=2, hidden_dims=40)),
        projector=dict(type='MLPProjector', in_channels=32, out_channels=48),
        llm=dict(type='HFLanguageModel', config=dict(
            TEXT, model_type='qwen2', vocab_size=rows)),
        **extra).eval()


def picture(height: int, width: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize('size', [(56, 56), (40, 130), (300, 200), (97, 55)])
def test_views_are_those_of_the_public_processor(size) -> None:
    image = picture(*size)
    wanted = LlavaOnevisionImageProcessor(
        size=dict(height=SIDE, width=SIDE), image_grid_pinpoints=PINPOINTS,
        image_mean=[.5] * 3, image_std=[.5] * 3)(image, return_tensors='np')
    ours = ImageViews('anyres', image_size=SIDE)(dict(images=[image]))
    got = (ours['tiles'].astype(np.float64) - 127.5) / 127.5
    np.testing.assert_allclose(got, wanted['pixel_values'][0], atol=1e-6)


@pytest.mark.parametrize('size', [(56, 56), (40, 130), (300, 200),
                                  (700, 650)])
def test_logits_equal_transformers(theirs, size) -> None:
    views = ImageViews('anyres', image_size=SIDE, newline=True)(
        dict(images=[picture(*size)]))
    pixels = (torch.from_numpy(views['tiles']).float() - 127.5) / 127.5
    layout, = views['image_layouts']
    ids = torch.tensor([3, 4, *[IMAGE_ID] * layout.num_tokens, 7, 8, 9])
    model = build()
    missing = model.load_state_dict(weights.convert(theirs.state_dict()))
    assert not missing.missing_keys and not missing.unexpected_keys
    with torch.no_grad():
        wanted = theirs(input_ids=ids[None], pixel_values=pixels[None],
                        image_sizes=torch.tensor([size])).logits[0]
        got = model(dict(
            input_ids=ids, labels=ids, image_mask=ids == IMAGE_ID,
            pixel_values=pixels, lengths=[len(ids)],
            image_layouts=[layout]))
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)


def as_original(state: dict, experts: bool = False) -> dict:
    """Names of LLaVA-NeXT, written down by hand."""
    out = {}
    for key, value in state.items():
        key = key.replace('model.language_model.', 'model.').replace(
            'model.vision_tower.', 'model.vision_tower.vision_tower.')
        for i, name in ((0, 'linear_1'), (2, 'linear_2')):
            key = key.replace(f'multi_modal_projector.{name}',
                              f'mm_projector.{i}')
        if experts and '.mlp.' in key and 'vision_tower' not in key:
            for e in range(3):
                out[key.replace('.mlp.', f'.mlp.{e}.')] = value + e
        elif key != 'lm_head.weight':  # tied: absent
            out[key] = value
    return out


def as_file(state: dict) -> dict:
    out = {}
    for key, value in state.items():
        for new, old in (('model.language_model.', 'language_model.model.'),
                         ('lm_head.', 'language_model.lm_head.'),
                         ('model.', '')):
            if key.startswith(new):
                key = old + key[len(new):]
                break
        out[key] = value
    return out


def as_five(state: dict) -> dict:
    return {k.replace('vision_tower.vision_model.', 'vision_tower.'): v
            for k, v in state.items()}


@pytest.mark.parametrize('rename, layout', [
    (as_original, 'original'), (as_file, 'hf_file'), (as_five, 'hf'),
    (dict, 'hf')])
def test_every_layout_gives_the_same_model(theirs, rename, layout) -> None:
    state = rename(theirs.state_dict())
    wanted = weights.convert(theirs.state_dict())
    got, report = weights.convert_with_report(state)
    assert report.family == 'llava_onevision' and report.layout == layout
    assert not report.missing and not report.unexpected
    assert got.keys() == wanted.keys()
    assert all(torch.equal(got[k], wanted[k]) for k in wanted)


@pytest.mark.parametrize('to', ['hf', 'hf_file', 'original'])
def test_round_trip(theirs, to) -> None:
    ours = weights.convert(theirs.state_dict())
    there = weights.convert(ours, to=to)
    back = weights.convert(there)
    assert all(torch.equal(back[k], ours[k]) for k in ours)
    if to == 'hf':  # transformers loads it; the unused norm is made anew
        missing = theirs.load_state_dict(
            {k: v for k, v in there.items() if 'post_layernorm' not in k},
            strict=False)
        assert all('post_layernorm' in k for k in missing.missing_keys)
        assert not missing.unexpected_keys


def test_authors_experts_convert_both_ways(theirs) -> None:
    state = as_original(theirs.state_dict(), experts=True)
    ours, report = weights.convert_with_report(state)
    assert report.family == 'rsunivlm' and not report.unexpected
    model = build(moe=True)
    missing = model.load_state_dict(ours)
    assert not missing.missing_keys and not missing.unexpected_keys
    name = 'llm.model.model.layers.1.mlp.experts.2.up_proj.weight'
    assert torch.equal(ours[name],
                       state['model.layers.1.mlp.2.up_proj.weight'])
    back = weights.convert(ours, to='original', family='rsunivlm')
    assert all(torch.equal(back[k], state[k]) for k in state
               if 'post_layernorm' not in k)
    for e in range(3):
        dense = weights.extract_expert(ours, e)
        assert weights.count_experts(dense) == 0
        torch.testing.assert_close(
            dense['llm.model.model.layers.0.mlp.down_proj.weight'],
            state['model.layers.0.mlp.0.down_proj.weight'] + e)
        build().load_state_dict(dense)
    with pytest.raises(CheckpointError, match='no model with these experts'):
        weights.convert(ours, to='hf', family='llava_onevision')
    with pytest.raises(CheckpointError, match='no expert 3 among 3'):
        weights.extract_expert(ours, 3)


def test_dense_weights_become_equal_experts(theirs) -> None:
    ours, report = weights.convert_with_report(theirs.state_dict(),
                                               family='rsunivlm')
    assert weights.count_experts(ours) == 3
    assert any('copied into three experts' in note for note in report.notes)
    ids = torch.arange(12)
    dense, moe = build(), build(moe=True)
    dense.load_state_dict(weights.convert(theirs.state_dict()))
    moe.load_state_dict(ours)
    row = dict(input_ids=ids, labels=ids, image_mask=ids < 0,
               pixel_values=torch.zeros(0, 3, SIDE, SIDE), lengths=[5, 7])
    with torch.no_grad():
        for levels in ([0, 0], [1, 2], [2, 1]):
            got = moe(dict(row, granularity=levels))
            torch.testing.assert_close(got, dense(row), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('rows', [80, 128])
def test_other_numbers_of_rows_load_and_are_said(theirs, rows, caplog):
    state = weights.convert(theirs.state_dict())
    model = build(rows=rows)
    own = model.llm.model.get_input_embeddings().weight.clone()
    with caplog.at_level('WARNING'):
        model.load_state_dict(state)
    table = model.llm.model.get_input_embeddings().weight
    kept = min(rows, ROWS)
    stored = state['llm.model.model.embed_tokens.weight']
    assert torch.equal(table[:kept], stored[:kept])
    assert torch.equal(table[kept:], own[kept:])
    with pytest.raises(CheckpointError, match='only the number of rows'):
        weights.fit_vocabulary(torch.zeros(4, 3), torch.zeros(4, 5))
    resized, notes = weights.resize_vocabulary(state, rows)
    assert len(resized['llm.model.lm_head.weight']) == rows
    assert len(notes) == 2 and str(rows) in notes[0]


def test_siglip_and_qwen2_join(tmp_path: Path, repo_root: Path) -> None:
    torch.manual_seed(0)
    tower = SiglipModel(SiglipConfig(
        vision_config=dict(VISION, num_hidden_layers=3),
        text_config=dict(vocab_size=40, hidden_size=32, num_hidden_layers=1,
                         num_attention_heads=2, intermediate_size=40)))
    llm = Qwen2ForCausalLM(Qwen2Config(**TEXT))
    llm.save_pretrained(tmp_path / 'qwen2')
    save_file({k: v.clone() for k, v in tower.state_dict().items()},
              tmp_path / 'siglip.safetensors')
    out = tmp_path / 'joined.safetensors'
    done = subprocess.run(
        [sys.executable, str(repo_root / 'tools/model_converters/convert.py'),
         str(tmp_path / 'siglip.safetensors'), str(out), '--qwen2',
         str(tmp_path / 'qwen2'), '--vocab-rows', '100'],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'block 2 and the pooling head are not used' in done.stdout
    assert '4 were drawn' in done.stdout
    state = load_file(out)
    model = build(rows=100)
    missing = model.load_state_dict(state)
    assert not missing.missing_keys and not missing.unexpected_keys
    torch.testing.assert_close(
        model.llm.model.model.layers[1].mlp.up_proj.weight,
        llm.model.layers[1].mlp.up_proj.weight)
    with pytest.raises(CheckpointError, match="not in transformers' layout"):
        weights.compose_llava(tower.state_dict(), tower.state_dict())
    with pytest.raises(CheckpointError, match='0 SigLIP towers'):
        weights.compose_llava(llm.state_dict(), llm.state_dict())


def test_tower_of_a_whole_model_loads_into_the_backbone(theirs, tmp_path):
    path = tmp_path / 'ov.safetensors'
    save_file({k: v.clone() for k, v in as_original(
        theirs.state_dict()).items()}, path)
    vit = mmeo.build(
        'SigLIPViT', img_size=SIDE,
        arch=dict(embed_dims=32, depth=2, num_heads=2, hidden_dims=40),
        init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    vit.init_weights()
    state = weights.convert(theirs.state_dict())
    assert torch.equal(vit.pos_embed, state['vision.pos_embed'])
    deep = mmeo.build(
        'SigLIPViT', img_size=SIDE,
        arch=dict(embed_dims=32, depth=3, num_heads=2, hidden_dims=40))
    with pytest.raises(CheckpointError, match=r'(?s)ov\.safetensors.*Missing'):
        deep.load_pretrained(str(path))
