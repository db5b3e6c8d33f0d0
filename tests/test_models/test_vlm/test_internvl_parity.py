# Copyright (c) mmeo contributors. All rights reserved.
"""Equality with transformers' InternVL, and the size of the real one."""

import pytest
import torch
from mmengine.config import Config

import mmeo
from mmeo.weights import convert

IMAGE_ID = 90


@pytest.fixture(scope='module')
def reference():
    from transformers import InternVLConfig, InternVLForConditionalGeneration
    torch.manual_seed(0)
    config = InternVLConfig(
        vision_config=dict(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, patch_size=[7, 7], image_size=[28, 28],
            attention_bias=True, use_qk_norm=False, use_mean_pooling=True),
        text_config=dict(
            model_type='qwen2', vocab_size=96, hidden_size=48,
            num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, intermediate_size=64,
            rope_theta=1e6, tie_word_embeddings=False),
        image_token_id=IMAGE_ID, image_seq_length=4,
        tie_word_embeddings=False)
    model = InternVLForConditionalGeneration(config).eval()
    with torch.no_grad():  # biases and scales start constant
        for param in model.parameters():
            param.add_(torch.randn_like(param) * 0.05)
    return model


@pytest.fixture(scope='module')
def ours(reference):
    model = mmeo.build(
        'InstructVLM',
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
                num_key_value_heads=2, intermediate_size=64,
                rope_theta=1e6, tie_word_embeddings=False)))
    state = convert(reference.state_dict(), to='mmeo', family='internvl')
    model.load_state_dict(state)
    return model.eval()


def make_inputs(batch=1):
    ids = torch.randint(0, 80, (batch, 21))
    ids[:, 3:11] = IMAGE_ID  # two tiles of four tokens
    return ids, torch.randn(2 * batch, 3, 28, 28)


@pytest.mark.parametrize('packing', [True, False])
def test_logits_equal_transformers(reference, ours, packing):
    ids, pixels = make_inputs(batch=3)
    with torch.no_grad():
        theirs = reference(input_ids=ids, pixel_values=pixels).logits
        ours.packing = packing
        logits = ours(
            dict(
                input_ids=ids.flatten(), pixel_values=pixels,
                image_mask=ids.flatten() == IMAGE_ID,
                labels=ids.flatten(), lengths=[21] * 3))
    assert theirs.std() > 0.1
    torch.testing.assert_close(logits.view(3, 21, -1), theirs, atol=1e-4,
                               rtol=1e-4)


def test_loss_equals_transformers(reference, ours):
    ids, pixels = make_inputs()
    labels = ids.clone()
    labels[:, :14] = -100
    theirs = reference(input_ids=ids, pixel_values=pixels,
                       labels=labels).loss
    loss = ours.loss(
        dict(input_ids=ids[0], pixel_values=pixels, labels=labels[0],
             image_mask=ids[0] == IMAGE_ID, lengths=[21]))['loss']
    torch.testing.assert_close(loss, theirs, atol=1e-5, rtol=1e-5)


def test_generation_equals_transformers(reference, ours):
    ids, pixels = make_inputs()
    kwargs = dict(max_new_tokens=6, do_sample=False, eos_token_id=95,
                  pad_token_id=0)
    theirs = reference.generate(
        input_ids=ids, pixel_values=pixels,
        attention_mask=torch.ones_like(ids), **kwargs)[0, ids.shape[1]:]
    packed = ours.pack(
        dict(input_ids=ids[0], pixel_values=pixels, labels=ids[0],
             image_mask=ids[0] == IMAGE_ID, lengths=[21]))
    new = ours.llm.generate(packed.embeds, packed.lengths, **kwargs)[0]
    assert new.tolist() == theirs.tolist()


def test_full_model_has_938_million_parameters(repo_root):
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/models/internvl2_5-1b.py')
    with torch.device('meta'):
        model = mmeo.build(cfg.model)

    def count(module):
        return sum(p.numel() for p in module.parameters())

    assert count(model.vision) == 304_012_288
    assert count(model.projector) == 4_482_816
    assert count(model.llm) == 493_798_016 + 135_899_904
    assert count(model) == 938_193_024
    assert model.llm.model.lm_head.weight is not \
        model.llm.model.model.embed_tokens.weight
