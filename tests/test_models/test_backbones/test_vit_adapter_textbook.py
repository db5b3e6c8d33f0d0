# Copyright (c) mmeo contributors. All rights reserved.
"""The adapter against the textbook one of ``benchmarks/vit_adapter.py``."""

import importlib.util

import pytest
import torch

from mmeo.models.backbones import ViTAdapter


@pytest.fixture(scope='module')
def benchmark(repo_root):
    path = repo_root / 'benchmarks' / 'vit_adapter.py'
    spec = importlib.util.spec_from_file_location('bench_vit_adapter', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('size, with_cp', [(64, False), (96, True)])
def test_outputs_and_gradients_equal_the_textbook(benchmark, size, with_cp):
    groups = [(0, 0), (1, 2)]
    ours = ViTAdapter(
        vit=dict(arch=dict(embed_dims=64, depth=3, num_heads=4,
                           mlp_ratio=4.0), img_size=size),
        interaction_indexes=groups, with_cp=with_cp).train()
    with torch.no_grad():
        for param in ours.parameters():
            param.add_(torch.randn_like(param) * 0.03)
    book = benchmark.Textbook(64, 3, 4, size // 16, groups)
    book.load_state_dict(benchmark.textbook_state(ours.state_dict()))
    image = torch.randn(2, 3, size, size)
    results = []
    for model in (ours, book):
        leaf = image.clone().requires_grad_()
        outs = model(leaf)
        torch.manual_seed(1)
        sum((out * torch.randn(out.shape)).sum() for out in outs).backward()
        results.append((*outs, leaf.grad))
    for a, b in zip(*results):
        assert a.is_contiguous()
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    grads = benchmark.textbook_state({
        name: param.grad for name, param in ours.named_parameters()})
    for name, param in book.named_parameters():
        scale = param.grad.abs().max().clamp(min=1)
        torch.testing.assert_close(grads[name] / scale, param.grad / scale,
                                   rtol=1e-3, atol=1e-4, msg=name)
