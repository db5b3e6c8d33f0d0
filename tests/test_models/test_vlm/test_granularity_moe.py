# Copyright (c) mmeo contributors. All rights reserved.
"""One expert per granularity: equal to dense at first, right for mixtures."""

import copy

import pytest
import torch
from torch import nn

import mmeo
from mmeo.errors import ConfigError
from mmeo.models.vlm.granularity_moe import (
    ExpertRoute,
    GranularityFFN,
    GranularityMoE,
)
from mmeo.models.vlm.packing import PackedSequence, sample_positions

MIXED = [2, 0, 1, 2]
LENGTHS = [5, 9, 3, 7]


def llm_config(**kwargs) -> dict:
    return dict(
        type='HFLanguageModel',
        config=dict(
            model_type='qwen2', vocab_size=64, hidden_size=32,
            num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, intermediate_size=48,
            max_position_embeddings=256, tie_word_embeddings=False,
            bos_token_id=None, eos_token_id=None), **kwargs)


def build(experts: bool = True, distinct: bool = True, routes=None, **kwargs):
    torch.manual_seed(0)
    llm = mmeo.build(llm_config(**kwargs))
    for param in llm.parameters():
        nn.init.normal_(param, std=.2)
    if experts:
        llm.add_experts(GranularityMoE(routes=routes))
    if experts and distinct:
        for layer in llm.layers:
            for param in layer.mlp.parameters():
                nn.init.normal_(param, std=.2)
    return llm


def packed(llm, lengths=LENGTHS, levels=MIXED) -> PackedSequence:
    g = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 64, (sum(lengths), ), generator=g)
    return PackedSequence(llm.embed(ids), sample_positions(lengths), ids,
                          list(lengths), list(levels))


def one_by_one(llm, batch: PackedSequence) -> torch.Tensor:
    outs = []
    for embeds, labels, n, level in zip(
            batch.embeds.split(batch.lengths),
            batch.labels.split(batch.lengths), batch.lengths,
            batch.granularity):
        outs.append(llm(PackedSequence(
            embeds, sample_positions([n]), labels, [n], [level])))
    return torch.cat(outs)


@pytest.mark.parametrize('level', [0, 1, 2])
def test_fresh_experts_are_the_dense_model(level: int) -> None:
    dense, moe = build(experts=False), build(distinct=False)
    batch = packed(dense, levels=[level] * 4)
    with torch.no_grad():
        for packing in (True, False):
            assert torch.equal(moe(batch, packing), dense(batch, packing))


@pytest.mark.parametrize('packing', [True, False])
def test_mixed_batch_equals_its_samples(packing: bool) -> None:
    llm = build()
    batch = packed(llm)
    with torch.no_grad():
        mixed = llm(batch, packing)
        torch.testing.assert_close(mixed, one_by_one(llm, batch), rtol=1e-5,
                                   atol=1e-5)
        other = llm(packed(llm, levels=[0, 0, 1, 2]), packing)
    # Sample 0 alone changed its expert.
    assert not torch.allclose(mixed[:5], other[:5], atol=1e-2)
    torch.testing.assert_close(mixed[5:], other[5:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('beams', [1, 3])
def test_generation_of_a_mixed_batch_equals_one_by_one(beams: int) -> None:
    llm = build().eval()
    batch = packed(llm)
    options = dict(max_new_tokens=12, do_sample=False, pad_token_id=0,
                   eos_token_id=None, num_beams=beams)
    together = llm.generate(batch.embeds, LENGTHS, MIXED, **options)
    alone = [
        llm.generate(embeds, [n], [level], **options)[0] for embeds, n, level
        in zip(batch.embeds.split(LENGTHS), LENGTHS, MIXED)]
    assert torch.equal(torch.stack(together), torch.stack(alone))
    uncached = llm.generate(batch.embeds, LENGTHS, MIXED, use_cache=False,
                            **options)
    assert torch.equal(torch.stack(together), torch.stack(uncached))
    other = llm.generate(batch.embeds, LENGTHS, [0, 0, 1, 2], **options)
    assert not torch.equal(other[0], together[0])
    assert torch.equal(torch.stack(other[1:]), torch.stack(together[1:]))


def grads(llm, batches) -> dict:
    """Gradients of several batches, their losses run before any backward."""
    llm.train().zero_grad()
    losses = [llm(batch).square().mean() for batch in batches]
    for loss in losses:
        loss.backward()
    return {n: p.grad.clone() for n, p in llm.named_parameters()
            if p.grad is not None}


def test_recomputing_uses_the_route_of_its_own_batch() -> None:
    plain, recomputing = build(), build(gradient_checkpointing=True)
    found = []
    for llm in (plain, recomputing):
        # The second batch has another route when the first is recomputed.
        batches = [packed(llm), packed(llm, levels=[1, 1, 0, 0])]
        batches[1].embeds = batches[1].embeds.detach()
        found.append(grads(llm, batches))
    assert found[0].keys() == found[1].keys()
    for name, grad in found[0].items():
        torch.testing.assert_close(found[1][name], grad, rtol=1e-5,
                                   atol=1e-6)


def test_absent_experts_get_a_gradient_of_zero() -> None:
    llm = build()
    found = grads(llm, [packed(llm, levels=[1] * 4)])
    experts = {n: g for n, g in found.items() if '.experts.' in n}
    assert len(experts) == 2 * 3 * 3  # layers, experts, projections
    for name, grad in experts.items():
        assert (grad.abs().max() > 0) == ('.experts.1.' in name), name


def test_shared_expert_of_two_granularities() -> None:
    llm = build(routes=(0, 0, 1))
    with torch.no_grad():
        same = [llm(packed(llm, levels=[level] * 4)) for level in (0, 1, 2)]
    assert torch.equal(same[0], same[1])
    assert not torch.allclose(same[0], same[2], atol=1e-2)


def test_dense_weights_load_into_every_expert() -> None:
    dense, llm = build(experts=False), build()
    missing = llm.load_state_dict(dense.state_dict())
    assert not missing.missing_keys and not missing.unexpected_keys
    batch = packed(dense)
    with torch.no_grad():
        torch.testing.assert_close(llm(batch), dense(batch), rtol=1e-5,
                                   atol=1e-5)
    experts = llm.layers[0].mlp.experts
    assert experts[0].up_proj.weight is not experts[1].up_proj.weight
    # ... and a state with experts loads as it is.
    twin = build()
    trained = copy.deepcopy(llm.state_dict())
    twin.load_state_dict(trained)
    assert all(torch.equal(v, trained[k])
               for k, v in twin.state_dict().items())


def test_route_merges_neighbours() -> None:
    assert ExpertRoute.of([1, 1, 0], [4, 2, 3]) == ExpertRoute(
        (1, 0), (6, 3), True)
    assert ExpertRoute.of([2, 2]) == ExpertRoute((2, ), (2, ), False)


def test_errors_say_what_is_wrong() -> None:
    llm = build()
    with pytest.raises(ConfigError, match='4 samples with 0 granularities'):
        llm(packed(llm, levels=[]))
    with pytest.raises(ConfigError, match='1 samples with 2'):
        llm.generate(torch.zeros(3, 32), [3], [0, 1], max_new_tokens=1)
    with pytest.raises(ConfigError, match='without a route'):
        llm.model(inputs_embeds=torch.zeros(1, 3, 32))
    ffn = GranularityFFN(nn.Linear(4, 4), 2)
    ffn.route = ExpertRoute.of([0, 1])
    with pytest.raises(ConfigError, match='route of 2 for a batch of shape'):
        ffn(torch.zeros(3, 5, 4))
    pytest.importorskip('peft')
    with pytest.raises(ConfigError, match='`moe` or `lora`, not both'):
        build(lora=dict(r=2))
    for routes in ((0, 1), (0, 1, 3), (0, -1, 1)):
        with pytest.raises(ConfigError, match='for each of'):
            GranularityMoE(routes=routes)
