# Copyright (c) mmeo contributors. All rights reserved.
"""Mixture of experts: what it computes, what it learns from, what it drops."""

from collections.abc import Callable

import pytest
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor, distributed, nn
from torch.utils.checkpoint import checkpoint

from mmeo.errors import ConfigError
from mmeo.models.layers import (
    MLP,
    ExpertList,
    MoEFFN,
    dispatch,
    masked_dispatch,
)
from mmeo.models.layers.moe_experts import grouped_linear

C, HIDDEN, M = 16, 32, 4


def moe(**kwargs) -> MoEFFN:
    return MoEFFN(C, HIDDEN, **{'num_experts': M, **kwargs})


def grads(model: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def plain(model: MoEFFN) -> Callable[[Tensor], Tensor]:
    """The definition, token by token."""

    def forward(x: Tensor) -> Tensor:
        outs = []
        functions = model.experts.functions()
        for token in x:
            probs = (model.gate.weight @ token).softmax(0)
            chosen = probs.topk(model.top_k).indices
            outs.append(sum(probs[i] * functions[i](token[None])[0]
                            for i in chosen))
        return torch.stack(outs)

    return forward


@pytest.mark.parametrize('top_k', [1, 2, M])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_equals_the_definition(top_k: int, dtype: torch.dtype) -> None:
    model = moe(top_k=top_k, inject_aux=False, jitter=0.).to(dtype)
    if dtype == torch.float64:  # the router stays in float32
        with torch.no_grad():
            model.gate.weight.copy_(model.gate.weight.float())
    x = torch.randn(3, 7, C, dtype=torch.float32).to(dtype)
    x.requires_grad_()
    out, expected = model(x), plain(model)(x.flatten(0, 1)).view_as(x)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-6)
    seed = torch.randn_like(out)
    ours = grads(model, (out * seed).sum())
    x_grad, x.grad = x.grad, None
    theirs = grads(model, (plain(model)(x.flatten(0, 1)).view_as(x)
                           * seed).sum())
    torch.testing.assert_close(x_grad, x.grad, rtol=1e-4, atol=1e-5)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4,
                                   atol=1e-5)


def test_equal_experts_are_the_dense_network() -> None:
    dense, x = MLP(C, HIDDEN), torch.randn(50, C)
    one, all_ = moe().eval(), moe(top_k=M).eval()
    for model in (one, all_):
        model.upcycle_(dense, noise=0)
    prob = (x @ one.gate.weight.T).softmax(-1).amax(-1, keepdim=True)
    assert torch.allclose(one(x), prob * dense(x), atol=1e-6)
    assert torch.allclose(all_(x), dense(x), atol=1e-6)


def test_upcycling_noise_is_relative() -> None:
    dense, model = MLP(C, 4096), MoEFFN(C, 4096, 2)
    with torch.no_grad():
        dense.fc1.weight.mul_(50)
    model.upcycle_(dense, noise=0.1)
    for i in range(2):
        change = model.experts.fc1.weight[i] - dense.fc1.weight
        ratio = (change.std() / dense.fc1.weight.std()).item()
        assert ratio == pytest.approx(0.1, rel=0.02)
    assert not torch.equal(*model.experts.fc1.weight.unbind())
    with pytest.raises(ConfigError, match='hidden_dims'):
        model.upcycle_(MLP(C, HIDDEN))


def test_gate_learns_from_the_task_at_k_1() -> None:
    model = moe(aux_loss_weight=0., z_loss_weight=0.)
    found = grads(model, model(torch.randn(30, C)).square().sum())
    assert found['gate.weight'].abs().max() > 1e-3


def test_order_of_tokens_does_not_matter() -> None:
    model, x = moe(top_k=2).eval(), torch.randn(40, C)
    order = torch.randperm(40)
    assert torch.allclose(model(x)[order], model(x[order]), atol=1e-6)


def test_nothing_is_dropped_when_all_want_one() -> None:
    model, x = moe(inject_aux=False), torch.rand(100, C) + 0.1
    with torch.no_grad():
        model.gate.weight.fill_(0)[2] += 1.  # the third expert always wins
    model.jitter = 0.
    out = model(x)
    assert model.last_counts.tolist() == [0, 0, 100, 0]
    assert torch.allclose(out, plain(model)(x), atol=1e-6)
    found = grads(model, out.sum())
    for name in ('experts.fc1.weight', 'experts.fc1.bias',
                 'experts.fc2.weight', 'experts.fc2.bias'):
        assert not found[name][[0, 1, 3]].any() and found[name][2].any()


def test_no_tokens() -> None:
    model = moe()
    out = model(torch.zeros(2, 0, C, requires_grad=True))
    assert out.shape == (2, 0, C)
    found = grads(model, out.sum())
    assert not any(grad.any() for grad in found.values())


@pytest.mark.parametrize('frozen', [False, True])
def test_way_of_the_cpu_equals_that_of_slices(frozen: bool) -> None:
    x = torch.randn(37, C, requires_grad=True)
    model = moe(inject_aux=False, jitter=0.)
    model.experts.requires_grad_(not frozen)
    found = []
    for enabled in (True, False):
        model.zero_grad()
        x.grad = None
        with torch.backends.mkldnn.flags(enabled=enabled):
            out = model(x)
            out.square().sum().backward()
        found.append([out, x.grad, *(p.grad for p in model.parameters()
                                     if p.requires_grad)])
    assert 'GroupedMLPs' in str(model.experts(
        x, torch.tensor([37, 0, 0, 0])).grad_fn)
    for a, b in zip(*found):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('top_k', [1, 2])
def test_aux_loss_of_a_naive_loop(top_k: int) -> None:
    model, x = moe(top_k=top_k, inject_aux=False, jitter=0.), torch.randn(
        60, C)
    model(x)
    counts, probs, z = [0] * M, [0.] * M, 0.
    for token in x:
        logits = model.gate.weight @ token
        p = logits.softmax(0).detach()
        for i in p.topk(top_k).indices.tolist():
            counts[i] += 1
        probs = [total + float(q) for total, q in zip(probs, p)]
        z += float(logits.detach().exp().sum().log())**2
    switch = M * sum(n / (60 * top_k) * p / 60
                     for n, p in zip(counts, probs))
    expected = 0.01 * switch + 1e-3 * z / 60
    assert model.last_aux_loss.item() == pytest.approx(expected, rel=1e-5)
    assert model.last_counts.tolist() == counts


def test_aux_loss_is_least_when_balanced() -> None:
    model = moe(z_loss_weight=0., inject_aux=False)
    with torch.no_grad():
        model.gate.weight.zero_()
    model(torch.randn(64, C))
    assert model.last_aux_loss.item() == pytest.approx(0.01)


def test_router_is_float32_under_autocast() -> None:
    model, x = moe(jitter=0.), torch.randn(64, C)
    logits, probs = model.route(x)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(model.route(x)[0], logits)
        assert model(x).dtype == torch.bfloat16
        assert model.last_aux_loss.dtype == torch.float32
    half = moe().bfloat16()
    assert half.route(x.bfloat16())[0].dtype == torch.float32


def test_jitter_and_noise_in_training_only() -> None:
    x = torch.randn(20, C)
    for kwargs in (dict(jitter=0.1), dict(jitter=0., noisy_gate=True)):
        model = moe(**kwargs)
        assert not torch.equal(model.route(x)[0], model.route(x)[0])
        model.eval()
        assert torch.equal(model.route(x)[0], x @ model.gate.weight.T)
        assert not model(x).isnan().any() and model.last_aux_loss == 0


def test_jitter_is_multiplicative_and_bounded() -> None:
    model, x = moe(jitter=0.01), torch.ones(500, C)
    with torch.no_grad():
        model.gate.weight.zero_()[:, 0] = 1.
    logits = model.route(x)[0]
    assert 0.99 <= logits.min() < 0.992 and 1.008 < logits.max() <= 1.01


def test_noise_learns() -> None:
    model = moe(noisy_gate=True, jitter=0.)
    found = grads(model, model(torch.randn(30, C)).square().sum())
    assert found['noise.weight'].any()


@pytest.mark.parametrize('checkpointed', [False, True])
def test_injected_gradient_is_the_collected_one(checkpointed: bool) -> None:
    x = torch.randn(40, C)
    inject, collect = moe(jitter=0.), moe(jitter=0., inject_aux=False)
    collect.load_state_dict(inject.state_dict())

    def forward(model: MoEFFN) -> Tensor:
        for _ in range(2):  # e.g. two modalities in one step
            out = (checkpoint(model, x, use_reentrant=False) if checkpointed
                   else model(x))
            total.append(out.square().sum())
        return sum(total)

    total: list[Tensor] = []
    first = grads(inject, forward(inject))
    total = []
    loss = forward(collect)
    aux = collect.pop_aux_loss()
    assert aux.requires_grad
    second = grads(collect, loss + aux)
    for name in first:
        torch.testing.assert_close(first[name], second[name])
    # the recomputed forward passes left nothing behind
    assert collect.pop_aux_loss() == 0
    popped = inject.pop_aux_loss()
    assert torch.allclose(popped, aux) and not popped.requires_grad
    # and the auxiliary part is there, once
    inject.aux_scale = 0.
    total = []
    without = grads(inject, forward(inject))
    collect.zero_grad()
    total = []
    forward(collect)
    only = torch.autograd.grad(collect.pop_aux_loss(),
                               collect.gate.weight)[0]
    torch.testing.assert_close(
        first['gate.weight'] - without['gate.weight'], only,
        rtol=1e-3, atol=1e-5)


def test_aux_loss_balances_a_skewed_router() -> None:
    model = moe(aux_loss_weight=1., jitter=0.)
    x = torch.randn(256, C) + 1
    with torch.no_grad():
        model.gate.weight[0] += 0.5
    optimizer = torch.optim.SGD([model.gate.weight], lr=0.5)
    model(x)
    before = model.last_counts.max().item()
    for _ in range(60):
        optimizer.zero_grad()
        (model(x).sum() * 0).backward()  # the injected gradient alone
        optimizer.step()
    assert before > 220 and model.last_counts.max().item() < 120


def test_dispatch_with_a_given_index() -> None:
    """As a model whose task, not a router, names the expert."""
    experts = ExpertList(nn.Linear(C, 5) for _ in range(3))
    x = torch.randn(11, C, requires_grad=True)
    index = torch.randint(2, (11, 1))  # nobody takes the third
    out = dispatch(x, index, None, experts)
    expected = torch.stack([experts[i](token)
                            for token, (i, ) in zip(x, index.tolist())])
    torch.testing.assert_close(out, expected)
    out.sum().backward()
    assert experts[2].weight.grad is not None
    assert not experts[2].weight.grad.any()
    twin = masked_dispatch(x, index, None, experts)
    torch.testing.assert_close(out, twin)


def test_same_expert_twice_counts_twice() -> None:
    experts = ExpertList([nn.Linear(C, C), nn.Linear(C, C)])
    x, index = torch.randn(6, C), torch.ones(6, 2, dtype=torch.int64)
    weight = torch.rand(6, 2)
    expected = weight.sum(1, keepdim=True) * experts[1](x)
    torch.testing.assert_close(dispatch(x, index, weight, experts), expected)


@pytest.mark.skipif(not hasattr(F, 'grouped_mm'), reason='torch < 2.10')
def test_one_kernel_for_all_groups() -> None:
    """What a GPU runs, on the CPU: bfloat16, with an empty group."""
    counts = torch.tensor([5, 0, 11])
    rows = torch.randn(16, 16).bfloat16().requires_grad_()
    weight = torch.randn(3, 24, 16).bfloat16().requires_grad_()
    bias = torch.randn(3, 24).bfloat16().requires_grad_()
    out = grouped_linear(rows, weight, bias, counts)
    parts = rows.split(counts.tolist())
    expected = torch.cat([F.linear(*p) for p in zip(parts, weight, bias)])
    torch.testing.assert_close(out, expected, rtol=2e-2, atol=5e-2)
    seed = torch.randn_like(out)
    inputs = (rows, weight, bias)
    for a, b in zip(torch.autograd.grad(out, inputs, seed),
                    torch.autograd.grad(expected, inputs, seed)):
        torch.testing.assert_close(a, b, rtol=2e-2, atol=1e-1)


def test_size_of_the_paper() -> None:
    """The arithmetic that the published table confirms."""
    with torch.device('meta'):
        delta = sum(
            count(MoEFFN(d, 4 * d)) - count(MLP(d, 4 * d))
            for d in (1408, ) * 4 + (2816, ) * 2)
    assert delta == 1_332_700_160


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_top_k_is_checked() -> None:
    with pytest.raises(ConfigError, match='top_k'):
        moe(top_k=5)


def _rank(rank: int, store: str, state: dict, x: Tensor, cuts: list,
          queue: mp.Queue) -> None:
    distributed.init_process_group('gloo', f'file://{store}', rank=rank,
                                   world_size=2)
    model = moe(jitter=0., aux_loss_weight=1., z_loss_weight=0.1)
    model.load_state_dict(state)
    (model(x.split(cuts)[rank]).sum() * 0).backward()
    grad = model.gate.weight.grad
    distributed.all_reduce(grad)  # as a distributed optimizer does it
    queue.put((grad / 2).tolist() + [model.last_aux_loss.item()])
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize('cuts', [[40, 20], [60, 0]])
def test_ranks_balance_together(cuts: list, tmp_path) -> None:
    """Two ranks, whatever each has, learn as one with all tokens."""
    model = moe(jitter=0., aux_loss_weight=1., z_loss_weight=0.1)
    x = torch.randn(60, C)
    context = mp.get_context('spawn')
    queue = context.SimpleQueue()
    processes = [context.Process(target=_rank, args=(
        rank, tmp_path / 'store', model.state_dict(), x, cuts, queue))
        for rank in range(2)]
    for process in processes:
        process.start()
    found = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    (model(x).sum() * 0).backward()
    for *grad, loss in found:
        assert loss == pytest.approx(model.last_aux_loss.item(), rel=1e-5)
        torch.testing.assert_close(torch.tensor(grad),
                                   model.gate.weight.grad)
