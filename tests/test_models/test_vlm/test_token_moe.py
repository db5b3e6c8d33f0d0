# Copyright (c) mmeo contributors. All rights reserved.
"""The plain mixture of Table 8: it starts as the dense model, and learns."""

import copy

import pytest
import torch

from mmeo.errors import ConfigError
from mmeo.models.layers import MoEFFN
from mmeo.models.vlm import HFLanguageModel
from mmeo.models.vlm.packing import PackedSequence, sample_positions
from mmeo.models.vlm.token_moe import TokenMoE, TokenMoEFFN

LENGTHS = [9, 4, 13]
SMALL = dict(
    model_type='qwen2', vocab_size=96, hidden_size=32, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, intermediate_size=48,
    tie_word_embeddings=True, bos_token_id=None, eos_token_id=None)


def build(moe=None, seed=0, **kwargs) -> HFLanguageModel:
    torch.manual_seed(seed)
    llm = HFLanguageModel(SMALL, **kwargs)
    if moe is not None:
        llm.add_experts(TokenMoE(**moe))
    return llm


def layers_of(llm) -> list[TokenMoEFFN]:
    return [m for m in llm.modules() if isinstance(m, TokenMoEFFN)]


def packed(llm, seed=1) -> PackedSequence:
    ids = torch.randint(96, (sum(LENGTHS), ),
                        generator=torch.Generator().manual_seed(seed))
    return PackedSequence(llm.embed(ids), sample_positions(LENGTHS), ids,
                          LENGTHS)


def gradients(llm, seed=1, packing=True):
    llm.train().zero_grad()
    out = llm(packed(llm, seed), packing)
    # The norm at the end fixes squares: take sums that it does not fix.
    g = torch.Generator().manual_seed(5)
    (out * torch.randn(out.shape, generator=g)).mean().backward()
    return {name: p.grad.clone() for name, p in llm.named_parameters()
            if p.grad is not None}


def diverge(llm) -> None:
    """Experts that differ, as after some steps."""
    g = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, p in llm.named_parameters():
            if '.experts.' in name:
                p.add_(0.3 * p.std() * torch.randn(p.shape, generator=g))


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize(('num', 'k'), [(8, 2), (4, 4), (3, 2)])
def test_equal_to_the_dense_model_at_first(num, k, training):
    dense = build().train(training)
    llm = build(dict(num_experts=num, top_k=k)).train(training)
    llm.load_state_dict(dense.state_dict(), strict=False)
    for packing in (True, False):
        torch.testing.assert_close(llm(packed(llm), packing),
                                   dense(packed(dense), packing),
                                   rtol=1e-5, atol=1e-5)


def test_unnormalized_weights_shrink_the_outputs():
    dense = build().eval()
    llm = build(dict(normalize=False)).eval()
    llm.load_state_dict(dense.state_dict(), strict=False)
    assert not torch.allclose(llm(packed(llm)), dense(packed(dense)),
                              atol=1e-3)


def test_dense_weights_load_into_every_copy():
    dense = build(seed=3)
    llm = build(dict(num_experts=3))
    result = llm.load_state_dict(dense.state_dict(), strict=False)
    assert not result.unexpected_keys
    assert {key.split('.mlp.')[1] for key in result.missing_keys} == {
        'gate.weight'}
    own = llm.model.model.layers[1].mlp
    for expert in own.experts:
        assert torch.equal(expert.up_proj.weight,
                           dense.model.model.layers[1].mlp.up_proj.weight)
    again = build(dict(num_experts=3), seed=5)
    again.load_state_dict(llm.state_dict())  # strict
    assert torch.equal(again.model.model.layers[1].mlp.gate.weight,
                       own.gate.weight)


def test_gate_learns_from_balance_at_once_and_from_the_task_later():
    plain = dict(aux_loss_weight=0., z_loss_weight=0.)
    gate = 'model.model.layers.0.mlp.gate.weight'
    assert gradients(build({}))[gate].abs().max() > 1e-5
    llm = build(plain)
    assert gradients(llm)[gate].abs().max() < 1e-6  # all experts are equal
    diverge(llm)
    assert gradients(llm)[gate].abs().max() > 1e-4


def test_every_expert_has_a_gradient_even_without_tokens():
    llm = build(dict(num_experts=4, top_k=2))
    with torch.no_grad():
        for layer in layers_of(llm):
            layer.gate.weight.zero_()  # ties go to the first two
    found = gradients(llm)
    counts = layers_of(llm)[0].last_counts.tolist()
    assert counts.count(0) == 2
    for number, count in enumerate(counts):
        grad = found[f'model.model.layers.0.mlp.experts.{number}'
                     '.down_proj.weight']
        assert bool(grad.any()) == (count > 0)


def test_packed_and_padded_agree():
    """Padding neither reaches an expert nor weighs in the balance."""
    llm = build({})
    diverge(llm)
    one = gradients(llm)
    counts = [layer.last_counts.tolist() for layer in layers_of(llm)]
    assert all(sum(count) == 2 * sum(LENGTHS) for count in counts)
    two = gradients(llm, packing=False)
    assert [layer.last_counts.tolist() for layer in layers_of(llm)] == counts
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4,
                                   atol=1e-6)


@pytest.mark.parametrize('packing', [True, False])
def test_gradient_checkpointing_changes_nothing(packing):
    plain = build(dict(jitter=0.05))
    saving = build(dict(jitter=0.05), gradient_checkpointing=True)
    found = []
    for llm in (plain, saving):
        diverge(llm)
        torch.manual_seed(11)
        found.append(gradients(llm, packing=packing))
    for name in found[0]:
        torch.testing.assert_close(*(grads[name] for grads in found),
                                   rtol=1e-5, atol=1e-8)
    for one, two in zip(*map(layers_of, (plain, saving))):
        assert one.last_counts.equal(two.last_counts)
        assert one.pop_aux_loss() == two.pop_aux_loss() > 0


def test_mask_of_a_batch_does_not_reach_the_next():
    llm = build({}).eval()
    whole = llm(packed(llm))
    llm(packed(llm), False)
    assert torch.equal(llm(packed(llm)), whole)


def test_cached_decoding_of_padded_prompts():
    """Greedy answers in a batch are those of each prompt alone."""
    llm = build({}, seed=2).eval()
    diverge(llm)
    rows = packed(llm).embeds.detach()
    options = dict(max_new_tokens=6, do_sample=False, pad_token_id=0)
    together = llm.generate(rows, LENGTHS, **options)
    for part, length, found in zip(rows.split(LENGTHS), LENGTHS, together):
        alone = llm.generate(part, [length], **options)[0]
        assert alone.tolist() == found.tolist()
        # and without a cache
        ids = llm.generate(part, [length], use_cache=False, **options)[0]
        assert ids.tolist() == found.tolist()


def test_narrow_experts_have_the_counts_of_the_table():
    full = dict(SMALL, vocab_size=151936, hidden_size=896,
                num_hidden_layers=24, num_attention_heads=14,
                intermediate_size=4864)
    with torch.device('meta'):
        llm = HFLanguageModel(full)
        dense = sum(p.numel() for p in llm.parameters())
        llm.add_experts(TokenMoE(hidden_dims=1536))
    trained = sum(p.numel() for name, p in llm.named_parameters()
                  if '.mlp.' in name)
    experts = sum(p.numel() for name, p in llm.named_parameters()
                  if '.experts.' in name)
    rest = 893_618_208 - dense  # vision, projector, newline
    whole = sum(p.numel() for p in llm.parameters()) + rest
    assert trained == 792_895_488  # 793 M
    assert whole - experts * 6 // 8 == 778_184_736  # 779 M


def test_narrow_experts_are_drawn_and_the_dense_ffn_is_left_over():
    dense, llm = build(), build(dict(hidden_dims=16))
    result = llm.load_state_dict(dense.state_dict(), strict=False)
    assert len(result.unexpected_keys) == 2 * 3
    experts = layers_of(llm)[0].experts
    assert experts[0].up_proj.weight.shape == (16, 32)
    std = torch.cat([p.flatten() for p in experts.parameters()]).std().item()
    assert std == pytest.approx(0.02, rel=0.05)
    assert not torch.equal(experts[0].up_proj.weight,
                           experts[1].up_proj.weight)
    assert dense.model.config.intermediate_size == 48


@pytest.mark.parametrize(('options', 'text'), [
    (dict(top_k=9), 'top_k'), (dict(top_k=1), 'normalize=False')])
def test_bad_options(options, text):
    with pytest.raises(ConfigError, match=text):
        TokenMoE(**options)
    TokenMoE(top_k=1, normalize=False)


def test_not_together_with_lora():
    pytest.importorskip('peft')
    with pytest.raises(ConfigError, match='not both'):
        build({}, lora=dict(r=2))


def test_the_layer_takes_any_experts():
    with pytest.raises(ConfigError, match='either'):
        MoEFFN(8)
    with pytest.raises(ConfigError, match='either'):
        MoEFFN(8, 16, experts=[torch.nn.Identity()])
    identity = MoEFFN(8, experts=[torch.nn.Identity(), torch.nn.Identity()],
                      top_k=2, normalize=True)
    x = torch.randn(5, 8)
    torch.testing.assert_close(identity(x), x)


def test_loss_falls(build_vlm, batch, samples):
    cfg = build_vlm.config()
    from mmeo import build as build_any
    torch.manual_seed(0)
    model = build_any(cfg)
    model.llm.add_experts(TokenMoE(num_experts=8))
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(20):
        data = model.data_preprocessor(batch(samples), training=True)
        loss = model(**data, mode='loss')['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1
    gate = 'llm.model.model.layers.1.mlp.gate.weight'
    assert not torch.equal(model.state_dict()[gate], before[gate])
