# Copyright (c) mmeo contributors. All rights reserved.
"""Folders that transformers loads, and the way back, by equal logits."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForImageTextToText,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    Qwen2Config,
)

import mmeo
from mmeo import weights
from mmeo.errors import CheckpointError, ConfigError
from mmeo.weights import spec as specs

IMAGE = 90
TINY = dict(
    type='InstructVLM',
    vision=dict(
        type='InternViT', img_size=28, patch_size=7,
        arch=dict(embed_dims=32, depth=2, num_heads=2, mlp_ratio=2.0)),
    projector=dict(
        type='PixelShuffleProjector', in_channels=32, out_channels=48),
    llm=dict(
        type='HFLanguageModel',
        config=dict(
            model_type='qwen2', vocab_size=96, hidden_size=48,
            num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, intermediate_size=64, rope_theta=1e6,
            tie_word_embeddings=False)))


def shake(model, scale=0.05):
    """Biases and scales start constant."""
    torch.manual_seed(0)
    with torch.no_grad():
        for param in model.parameters():
            param.add_(torch.randn_like(param) * scale)
    return model.eval()


def hf_model(tie=False, vision=None, text=None):
    return shake(InternVLForConditionalGeneration(InternVLConfig(
        vision_config=InternVLVisionConfig(**(vision or dict(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, patch_size=[7, 7], image_size=[28, 28],
            attention_bias=True))),
        text_config=Qwen2Config(**(text or dict(
            vocab_size=96, hidden_size=48, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2,
            intermediate_size=64, rope_theta=1e6)), tie_word_embeddings=tie),
        image_token_id=IMAGE, image_seq_length=4, tie_word_embeddings=tie)))


def samples(tokens=4, side=28, vocab=80, plan=((), (3, ), (2, 1))):
    """Text alone; one image of 3 tiles; two images of 2 and 1 tiles."""
    torch.manual_seed(1)
    out = []
    for tiles in plan:
        parts = [torch.randint(0, vocab, (5, ))]
        for count in tiles:
            parts += [torch.full((tokens * count, ), IMAGE),
                      torch.randint(0, vocab, (3, ))]
        out.append((torch.cat(parts), torch.randn(sum(tiles), 3, side, side)))
    return out


@torch.no_grad()
def assert_same_logits(theirs, ours, batch, atol=1e-4):
    ids = torch.cat([row for row, _ in batch])
    logits = ours(dict(
        input_ids=ids, labels=ids, image_mask=ids == IMAGE,
        pixel_values=torch.cat([pixels for _, pixels in batch]),
        lengths=[len(row) for row, _ in batch]))
    start = 0
    for row, pixels in batch:
        images = dict(pixel_values=pixels) if len(pixels) else {}
        expected = theirs(input_ids=row[None], **images).logits[0]
        assert expected.std() > 0.1
        torch.testing.assert_close(
            logits[start:start + len(row)], expected, atol=atol, rtol=1e-4)
        start += len(row)


def build_from(folder):
    """An mmeo model of what the folder's own config says."""
    spec = weights.read_spec(folder)
    model = mmeo.build(specs.to_mmeo(spec)).eval()
    state, report = weights.convert_with_report(weights.load(folder))
    assert not report.missing and not report.unexpected
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize('tie', [False, True])
def test_folder_of_transformers_to_mmeo(tie, tmp_path):
    theirs = hf_model(tie)
    theirs.save_pretrained(tmp_path)
    assert_same_logits(theirs, build_from(tmp_path), samples())


@pytest.mark.parametrize('to', ['hf', 'original'])
@pytest.mark.parametrize('tie', [False, True])
def test_mmeo_to_folders_and_back(tie, to, tmp_path):
    cfg = {**TINY, 'llm': dict(TINY['llm'], config=dict(
        TINY['llm']['config'], tie_word_embeddings=tie))}
    ours = shake(mmeo.build(cfg))
    spec = specs.from_mmeo(cfg)
    spec.image_token_id = IMAGE
    report = weights.save_folder(
        ours.state_dict(), tmp_path, spec, to, max_shard_size=40_000)
    assert not report.missing and not report.unexpected
    assert len(list(tmp_path.glob('*.safetensors'))) > 1
    if to == 'hf':
        theirs, info = AutoModelForImageTextToText.from_pretrained(
            tmp_path, output_loading_info=True)
        assert not info['missing_keys'] and not info['unexpected_keys']
        assert theirs.config.image_seq_length == 4
        assert_same_logits(theirs.eval(), ours, samples())
        body = AutoModel.from_pretrained(tmp_path)
        assert torch.equal(body.vision_tower.embeddings.cls_token,
                           ours.vision.cls_token)
    else:
        assert 'add the *.py files' in report.text()
    back = build_from(tmp_path)
    for key, value in ours.state_dict().items():
        assert torch.equal(back.state_dict()[key], value), key


def test_config_in_the_original_layout(tmp_path):
    weights.save_folder(
        mmeo.build(TINY).state_dict(), tmp_path, specs.from_mmeo(TINY),
        'original')
    config = json.loads((tmp_path / 'config.json').read_text())
    assert config['llm_config']['architectures'] == ['Qwen2ForCausalLM']
    assert config['vision_config']['model_type'] == 'intern_vit_6b'
    assert config['ps_version'] == 'v2' and config['downsample_ratio'] == 0.5
    assert config['force_image_size'] == 28
    assert config['tie_word_embeddings'] is False
    # From there to transformers.
    weights.save_folder(
        weights.load(tmp_path), tmp_path / 'hf', weights.read_spec(tmp_path))
    AutoModelForImageTextToText.from_pretrained(tmp_path / 'hf')


def test_old_names_and_body_only(tmp_path):
    """Files before 4.52, and what ``AutoModel`` saves."""
    theirs = hf_model()
    body = {k.removeprefix('model.'): v for k, v in
            theirs.state_dict().items() if k != 'lm_head.weight'}
    state, report = weights.convert_with_report(body)
    assert not report.missing and not report.unexpected
    assert 'no head in the file' in report.text()
    spec = specs.from_json(theirs.config.to_dict())
    with pytest.raises(CheckpointError, match='the checkpoint has none'):
        weights.save_folder(body, tmp_path, spec)
    old = {k.replace('language_model.', 'language_model.model.'): v
           for k, v in body.items()}
    old['language_model.lm_head.weight'] = theirs.lm_head.weight
    ours = mmeo.build(specs.to_mmeo(spec)).eval()
    ours.load_state_dict(weights.convert(old))
    assert_same_logits(theirs, ours, samples())


def test_vision_encoder_alone(tmp_path):
    vit = shake(mmeo.build(TINY['vision']))
    spec = specs.from_mmeo(TINY)
    spec.text = {}
    weights.save_folder(vit.state_dict(), tmp_path, spec)
    theirs = AutoModel.from_pretrained(tmp_path).eval()
    x = torch.randn(2, 3, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(
            theirs(pixel_values=x).last_hidden_state, vit.forward_tokens(x),
            atol=1e-5, rtol=1e-5)
    again = mmeo.build(specs.to_mmeo(weights.read_spec(tmp_path)))
    again.load_state_dict(weights.convert(weights.load(tmp_path)))


def test_a_config_cannot_lie_about_the_head(tmp_path):
    spec = specs.from_mmeo(TINY)
    spec.text['tie_word_embeddings'] = True
    ours = shake(mmeo.build(TINY))
    report = weights.save_folder(ours.state_dict(), tmp_path, spec)
    assert 'tie_word_embeddings=False was written' in report.text()
    theirs = AutoModelForImageTextToText.from_pretrained(tmp_path)
    assert torch.equal(theirs.lm_head.weight, ours.llm.head.weight)


@pytest.mark.parametrize('part, field, value, words', [
    ('vision', 'depth', 3, 'vision.depth is 3 in the config and 2'),
    ('vision', 'patch_size', 14, 'vision.patch_size is 14'),
    ('vision', 'qkv_bias', False, 'vision.qkv_bias is False'),
    ('text', 'vocab_size', 95, 'text.vocab_size is 95'),
    ('', 'ratio', 4, 'ratio is 4'),
])
def test_config_of_another_checkpoint(part, field, value, words, tmp_path):
    spec = specs.from_mmeo(TINY)
    if part == 'text':
        spec.text[field] = value
    else:
        setattr(spec.vision if part else spec, field, value)
    with pytest.raises(CheckpointError, match=words):
        weights.save_folder(mmeo.build(TINY).state_dict(), tmp_path, spec)
    assert not (tmp_path / 'config.json').exists()


def test_errors(tmp_path):
    state = mmeo.build(TINY).state_dict()
    spec = specs.from_mmeo(TINY)
    with pytest.raises(ConfigError, match="'hf' or 'original'"):
        weights.save_folder(state, tmp_path, spec, 'mmeo')
    del state['llm.model.model.layers.1.mlp.up_proj.weight']
    with pytest.raises(CheckpointError, match=r'1\.mlp\.up_proj'):
        weights.save_folder(state, tmp_path, spec)
    with pytest.raises(ConfigError, match='does not exist'):
        weights.read_spec(tmp_path)
    for config, words in [
        (dict(model_type='bert'), 'no config of InternVL'),
        (dict(vision_config={}, text_config={}), "lacks 'hidden_size'"),
        (dict(vision_config=dict(norm_type='rms_norm'), llm_config={}),
         'norm_type'),
        (dict(vision_config=dict(hidden_act='relu'), text_config={}),
         'hidden_act'),
        (dict(vision_config={}, llm_config={}, ps_version='v1'), 'ps_versi'),
        (dict(vision_config=dict(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, patch_size=7, image_size=28),
            llm_config=dict(model_type='internlm2')), 'InternLM2'),
    ]:
        with pytest.raises(ConfigError, match=words):
            specs.from_json(config)
    with pytest.raises(ConfigError, match="'EncoderDecoder' is no InternVL"):
        specs.from_mmeo(dict(type='mmseg.EncoderDecoder', vision={}))
    with pytest.raises(CheckpointError, match='InternLM2.*--vision-only'):
        weights.convert({
            'mlp1.0.weight': torch.ones(1),
            'language_model.model.tok_embeddings.weight': torch.ones(1)})


def run(root, *args):
    return subprocess.run(
        [sys.executable, str(root / 'tools/model_converters/convert.py'),
         *map(str, args)], capture_output=True, text=True)


def test_command_line_writes_a_folder(tmp_path, repo_root):
    ours = shake(mmeo.build(TINY))
    src, out = tmp_path / 'iter_9.pth', tmp_path / 'hf'
    torch.save(dict(state_dict=ours.state_dict()), src)
    config = tmp_path / 'config.py'
    config.write_text(f'model = {TINY!r}')
    done = run(repo_root, src, out, '--to', 'hf', '--config', config)
    assert done.returncode == 0, done.stderr
    assert '0 missing, 0 unexpected' in done.stdout
    AutoModelForImageTextToText.from_pretrained(out)
    (out / 'tokenizer.json').write_text('{}')
    done = run(repo_root, out, tmp_path / 'vit', '--to', 'hf',
               '--vision-only')
    assert done.returncode == 0, done.stderr
    assert 'tokenizer.json' in done.stdout
    AutoModel.from_pretrained(tmp_path / 'vit')


# -- the released layout of ViTP's encoder ---------------------------------
def released(variant):
    """``ViTP_ViT_L_300M_*.safetensors`` as its loader accepts it."""
    vit = mmeo.build(TINY['vision'])
    state = weights.convert(shake(vit).state_dict(), to='original')
    prefix, cut, proj = variant
    out = {}
    for key, value in state.items():
        key = key.removeprefix('encoder.') if cut else key
        if proj:
            key = key.replace('patch_embedding.', 'patch_embedding.proj.')
        out[prefix + key] = value
    return vit, out


@pytest.mark.parametrize('prefix', ['', 'vision_model.', 'encoder.',
                                    'module.vision_model.'])
@pytest.mark.parametrize('cut', [False, True])
@pytest.mark.parametrize('proj', [False, True])
def test_released_vision_weights(prefix, cut, proj, tmp_path):
    vit, state = released((prefix, cut, proj))
    if prefix == 'encoder.' and not cut:
        # Only the layers lie below `encoder.`, which is the plain layout.
        state = {k.replace('encoder.encoder.', 'encoder.'): v
                 for k, v in state.items()}
        state = {k.replace('encoder.embeddings', 'embeddings'): v
                 for k, v in state.items()}
    got, report = weights.convert_with_report(state)
    assert not report.missing and not report.unexpected
    for key, value in vit.state_dict().items():
        assert torch.equal(got[key], value), key
    # Patch and grid come from the tensors: 7 px and 4 x 4 here, not 14
    # and 32 x 32.
    path = tmp_path / 'ViTP_ViT_L_300M_rs.safetensors'
    save_file(state, path)
    adapter = mmeo.build(
        'ViTAdapter', num_heads=2, conv_inplane=8,
        vit=dict(arch=TINY['vision']['arch'], img_size=96,
                 init_cfg=dict(type='Pretrained', checkpoint=str(path))))
    adapter.init_weights()
    torch.testing.assert_close(
        adapter.vit.patch_embed.weight,
        weights.resize_patch_kernel(vit.patch_embed.weight, 16))
    torch.testing.assert_close(
        adapter.vit.pos_embed, weights.fit_position_table(vit.pos_embed, 36))
    assert adapter.vit.patch_embed.weight.shape[-1] == 16
    assert len(load_file(path)) == len(state)


# -- wrappers that training leaves in names --------------------------------
@pytest.mark.parametrize('wrap', [
    lambda k: f'module.{k}',
    lambda k: f'_fsdp_wrapped_module.{k}',
    lambda k: f'_orig_mod.{k}',
    lambda k: k.replace('layers.1.', 'layers.1._checkpoint_wrapped_module.'),
    lambda k: 'module._orig_mod.' + k.replace(
        'layers.', '_fsdp_wrapped_module.layers.'),
])
def test_names_of_wrappers_are_undone(wrap):
    ours = mmeo.build(TINY)
    state = {wrap(k): v for k, v in ours.state_dict().items()}
    vit = weights.extract_vision(dict(module=state, ds_version='0.16'))
    for key, value in ours.vision.state_dict().items():
        assert torch.equal(vit[key], value)
    assert set(weights.convert(state)) == set(ours.state_dict())


# -- the real size ----------------------------------------------------------
@pytest.mark.slow
def test_full_size(tmp_path, repo_root):
    """InternVL2.5-1B: transformers' folder -> mmeo, equal logits, and back.

    Needs 10 GB of memory and 8 GB of disk, two minutes on two cores.
    """
    from mmengine.config import Config
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/models/internvl2_5-1b.py').model
    cfg.vision.update(with_cp=False)
    cfg.llm.update(gradient_checkpointing=False)
    spec = specs.from_mmeo(cfg)
    with torch.device('meta'):
        theirs = InternVLForConditionalGeneration(
            InternVLConfig(**specs.to_json(spec, 'hf')))
    theirs = theirs.to_empty(device='cpu').eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for param in theirs.parameters():
            scale = 1.0 if param.ndim == 1 else 0.0
            param.normal_(scale * 0.5, 0.02)
    for module in theirs.modules():
        if 'rotary' in type(module).__name__.lower():
            module.inv_freq = module.rope_init_fn(module.config, None)[0]
    theirs.save_pretrained(tmp_path / 'a', max_shard_size='2GB')
    batch = samples(tokens=256, side=448, plan=((), (2, ), (1, 1)))
    expected = []
    with torch.no_grad():
        for row, pixels in batch:
            row = torch.where(row == IMAGE, spec.image_token_id, row)
            images = dict(pixel_values=pixels) if len(pixels) else {}
            expected.append(theirs(input_ids=row[None], **images).logits[0])
    state = theirs.state_dict()
    got, report = weights.convert_with_report(state)
    assert report.matched == len(state) == 340 + 24 * 4 + 6 + 291
    assert not report.missing and not report.unexpected
    del theirs, state
    ours = mmeo.build(cfg).eval()
    ours.load_state_dict(got, assign=True)
    ids = torch.cat([row for row, _ in batch])
    with torch.no_grad():
        logits = ours(dict(
            input_ids=ids, labels=ids, image_mask=ids == IMAGE,
            pixel_values=torch.cat([pixels for _, pixels in batch]),
            lengths=[len(row) for row, _ in batch]))
    torch.testing.assert_close(logits, torch.cat(expected), atol=1e-4,
                               rtol=1e-4)
    weights.save_folder(ours.state_dict(), tmp_path / 'b', spec,
                        max_shard_size='1GB')
    del ours, got
    a, b = (where_keys_lie(tmp_path / name) for name in 'ab')
    assert set(a) == set(b) and len(a) == report.matched
    for key in a:
        with safe_open(a[key], 'pt') as one, safe_open(b[key], 'pt') as two:
            assert torch.equal(one.get_tensor(key), two.get_tensor(key)), key


def where_keys_lie(folder):
    found = {}
    for path in folder.glob('*.safetensors'):
        with safe_open(path, 'pt') as file:
            found.update(dict.fromkeys(file.keys(), path))
    return found
