# Copyright (c) mmeo contributors. All rights reserved.
"""The contrasts against loops."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmeo import build
from mmeo.errors import ConfigError
from mmeo.models.losses import koleo_loss, mean_over_ranks


def naive_sinkhorn(logits, temp, iterations):
    q = (logits / temp).double().exp()
    for _ in range(iterations):
        q = q / q.sum(0)
        q = q / q.sum(1, keepdim=True)
    return q


@pytest.mark.parametrize('student_views, teacher_views', [(1, 1), (2, 3)])
@pytest.mark.parametrize('centering', ['sinkhorn', 'ema'])
def test_dino_loss_is_that_of_a_loop(student_views, teacher_views,
                                     centering):
    dino = build('DINOContrast', num_prototypes=6, centering=centering)
    student = torch.randn(student_views, 5, 6)
    teacher = torch.randn(teacher_views, 5, 6)
    temp = .06
    targets = dino.targets(teacher.flatten(0, 1), temp).view_as(teacher)
    if centering == 'sinkhorn':
        wanted = naive_sinkhorn(teacher.flatten(0, 1), temp, 3)
    else:
        wanted = (teacher.flatten(0, 1) / temp).softmax(-1).double()
    torch.testing.assert_close(targets.flatten(0, 1).double(), wanted,
                               atol=1e-5, rtol=1e-4)
    losses = dino.pairwise(student, targets)
    for g in range(student_views):
        for m in range(teacher_views):
            for n in range(5):
                exps = [math.exp(float(v) / .1) for v in student[g, n]]
                loss = -sum(float(t) * math.log(e / sum(exps))
                            for t, e in zip(targets[m, n], exps))
                assert float(losses[g, m, n]) == pytest.approx(
                    loss, rel=1e-4, abs=1e-6)


def test_teacher_targets_are_balanced():
    """Marginals: rows are distributions, prototypes get equal shares."""
    dino = build('DINOContrast', num_prototypes=8, sinkhorn_iters=30)
    logits = torch.randn(64, 8)
    logits[:, 2] += 5  # without balance all would take prototype 2
    targets = dino.targets(logits, .5)
    torch.testing.assert_close(targets.sum(1), torch.ones(64))
    torch.testing.assert_close(targets.sum(0), torch.full((8, ), 8.),
                               rtol=1e-2, atol=0)
    assert float(dino.entropy(torch.full((3, 8), 1 / 8))) == pytest.approx(1)
    assert float(dino.entropy(torch.eye(8))) == 0


def test_running_center():
    dino = build('DINOContrast', num_prototypes=3, centering='ema').train()
    logits = torch.tensor([[3., 0., 0.], [1., 0., 2.]])
    dino.targets(logits, .1)
    torch.testing.assert_close(dino.center, torch.tensor([.2, 0., .1]))
    assert not dino.targets(logits[:0], .1).numel()
    torch.testing.assert_close(dino.center, torch.tensor([.2, 0., .1]))
    dino.eval().targets(logits, .1)
    torch.testing.assert_close(dino.center, torch.tensor([.2, 0., .1]))
    with pytest.raises(ConfigError, match="'sinkhorn' or 'ema'"):
        build('DINOContrast', centering='mean')


def test_head_is_a_cosine_and_can_be_frozen():
    head = build('DINOContrast', num_prototypes=7, hidden_dims=16,
                 bottleneck_dims=4).build_head(5)
    x = torch.randn(9, 5)
    out = head(x)
    assert out.shape == (9, 7) and out.abs().max() <= 1 + 1e-6
    with torch.no_grad():
        head.prototypes.mul_(torch.rand(7, 1) + .5)  # only directions count
    torch.testing.assert_close(head(x), out)
    head.frozen = True
    frozen = head(x)
    torch.testing.assert_close(frozen, out)
    frozen.square().sum().backward()
    assert head.prototypes.grad is not None
    assert not head.prototypes.grad.any()
    assert head.mlp[0].weight.grad.any()


def test_info_nce_is_that_of_a_loop():
    info = build('InfoNCE', embed_dims=4, temperature=.2)
    student = F.normalize(torch.randn(2, 5, 4), dim=-1)
    teacher = F.normalize(torch.randn(3, 5, 4), dim=-1)
    losses = info.pairwise(student, info.targets(teacher))
    for g in range(2):
        for m in range(3):
            for n in range(5):
                logits = [float(student[g, n] @ teacher[m, k]) / .2
                          for k in range(5)]
                loss = -math.log(math.exp(logits[n])
                                 / sum(map(math.exp, logits)))
                assert float(losses[g, m, n]) == pytest.approx(loss, rel=1e-4)


def test_koleo_is_that_of_a_loop():
    rows = torch.randn(6, 3)
    unit = F.normalize(rows, dim=-1)
    total = 0.
    for i in range(6):
        nearest = min(float((unit[i] - unit[j]).norm())
                      for j in range(6) if j != i)
        total -= math.log(nearest)
    assert float(koleo_loss(rows)) == pytest.approx(total / 6, rel=1e-4)
    assert float(koleo_loss(rows[:1])) == 0


def test_mean_without_values_is_zero_with_a_gradient():
    x = torch.randn(4, requires_grad=True)
    mean_over_ranks(x[:0] * 2).backward()
    assert x.grad is not None and not x.grad.any()
    weights = torch.tensor([1., 0., 3., 0.])
    torch.testing.assert_close(mean_over_ranks(x, weights),
                               (x[0] + 3 * x[2]) / 4)
