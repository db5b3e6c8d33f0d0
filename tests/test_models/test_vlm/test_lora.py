# Copyright (c) mmeo contributors. All rights reserved.
"""Low-rank adapters: what they train, load and become."""

import copy
import sys

import pytest
import torch

from mmeo.apis.checkpoint import load_into
from mmeo.errors import ConfigError

pytest.importorskip('peft')

from mmeo.models.vlm.lora import (  # noqa: E402
    add_lora,
    lora_layers,
    merge_lora,
)

RSUNIVLM_LLM = dict(
    model_type='qwen2', vocab_size=151936, hidden_size=896,
    num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
    intermediate_size=4864, tie_word_embeddings=True)


def with_lora(build_vlm, **lora):
    cfg = build_vlm.config()
    cfg['llm']['lora'] = dict(dict(r=4), **lora)
    torch.manual_seed(0)
    from mmeo import build
    return build(cfg)


def loss_of(model, batch, samples):
    data = model.data_preprocessor(batch(samples), training=True)
    return model(**data, mode='loss')['loss']


def train(model, batch, samples, steps=5):
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model, batch, samples).backward()
        optimizer.step()


def logits_of(model, batch, samples):
    with torch.no_grad():
        return model.eval()(
            model.data_preprocessor(batch(samples))['inputs'])


def test_size_at_full_scale():
    """70.4 M; with the projector the 72 M of RSUniVLM's Table 8."""
    from mmeo.models.vlm import HFLanguageModel
    with torch.device('meta'):
        llm = HFLanguageModel(RSUNIVLM_LLM)
        dense = sum(p.numel() for p in llm.parameters())
        add_lora(llm.model, dict(r=128, lora_alpha=256))
    trained = sum(p.numel() for p in llm.parameters() if p.requires_grad)
    assert dense == 494_032_768
    assert trained == 70_385_664
    assert len(lora_layers(llm)) == 24 * 7
    assert not any('lm_head' in name for name in lora_layers(llm))
    projector = 1152 * 896 + 896 + 896 * 896 + 896
    assert (trained + projector) // 10**6 == 72


def test_outputs_are_those_of_the_dense_model_at_first(
        build_vlm, batch, samples):
    dense, model = build_vlm(), with_lora(build_vlm)
    load_into(model, dense.state_dict(), 'dense.pth')  # as it is
    torch.testing.assert_close(logits_of(model, batch, samples),
                               logits_of(dense, batch, samples),
                               rtol=0, atol=0)


def test_trains_adapters_only_and_merges(build_vlm, batch, samples):
    model = with_lora(build_vlm)
    before = copy.deepcopy(model.state_dict())
    first = loss_of(model, batch, samples).item()
    train(model, batch, samples)
    assert loss_of(model, batch, samples).item() < first - 0.05
    for name, value in model.state_dict().items():
        if name.startswith('llm.') and 'lora_' not in name:
            assert torch.equal(value, before[name]), name
    moved = [name for name, value in model.state_dict().items()
             if 'lora_' in name and not torch.equal(value, before[name])]
    assert len(moved) == 2 * len(lora_layers(model)) == 2 * 2 * 7
    separate = logits_of(model, batch, samples)
    assert merge_lora(model) == 14
    assert not lora_layers(model) and merge_lora(model) == 0
    torch.testing.assert_close(logits_of(model, batch, samples), separate,
                               rtol=1e-5, atol=1e-5)
    dense = build_vlm()
    dense.load_state_dict(model.state_dict())  # strict: the dense names
    torch.testing.assert_close(logits_of(dense, batch, samples), separate,
                               rtol=1e-5, atol=1e-5)


def test_checkpoint_with_adapters_comes_back(build_vlm, batch, samples):
    model, other = with_lora(build_vlm), with_lora(build_vlm)
    train(model, batch, samples, steps=1)
    load_into(other, model.state_dict(), 'lora.pth', complete=True)
    torch.testing.assert_close(logits_of(other, batch, samples),
                               logits_of(model, batch, samples),
                               rtol=0, atol=0)


def test_gradient_checkpointing_changes_nothing(build_vlm, batch, samples):
    found = []
    for checkpointing in (False, True):
        cfg = build_vlm.config(gradient_checkpointing=checkpointing)
        cfg['llm']['lora'] = dict(r=4)
        torch.manual_seed(0)
        from mmeo import build
        model = build(cfg)
        loss_of(model, batch, samples).backward()
        found.append({name: p.grad for name, p in model.named_parameters()
                      if p.requires_grad})
    assert found[0].keys() == found[1].keys()
    assert sum('lora_B' in name for name in found[0]) == 14
    for name, grad in found[0].items():
        torch.testing.assert_close(grad, found[1][name], rtol=1e-5,
                                   atol=1e-7)


@pytest.mark.parametrize(('cfg', 'text'), [
    (dict(), 'rank `r`'),
    (dict(r=4, rank=3), 'rank'),
    (dict(r=4, target_modules=['nowhere']), 'nowhere'),
])
def test_bad_options(build_vlm, cfg, text):
    with pytest.raises(ConfigError, match=text):
        add_lora(build_vlm().llm.model, cfg)


def test_second_time(build_vlm):
    model = with_lora(build_vlm)
    with pytest.raises(ConfigError, match='already'):
        add_lora(model.llm.model, dict(r=4))


def test_without_peft(build_vlm, monkeypatch):
    monkeypatch.setitem(sys.modules, 'peft', None)
    with pytest.raises(ConfigError, match='pip install'):
        add_lora(build_vlm().llm.model, dict(r=4))
