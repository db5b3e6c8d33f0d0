# Copyright (c) mmeo contributors. All rights reserved.
"""Queries, and pairs of the same query."""

import math

import pytest
import torch
from torch import nn

from mmeo import build
from mmeo.errors import ConfigError
from mmeo.models.selfsup.branch import SelfSupBranch, Views
from mmeo.models.selfsup.view_contrast import ViewContrast

CONTRAST = dict(type='DINOContrast', num_prototypes=6, hidden_dims=16,
                bottleneck_dims=4)
M, B = 3, 2


@pytest.fixture
def head():
    return build('QSACLHead', in_channels=6, contrast=CONTRAST,
                 num_queries=M, embed_dims=8, num_heads=2)


@pytest.fixture
def contrast():
    branch = SelfSupBranch(
        dict(type='SkySenseV2', modalities=('hr', ),
             arch=dict(embed_dims=8, depths=(1, 1, 1, 1), head_dim=8)),
        qsacl=dict(contrast=CONTRAST, num_queries=M, embed_dims=8,
                   num_heads=2))
    return ViewContrast(branch, None, dict(contrast=CONTRAST))


def outputs(rows: torch.Tensor, num_global: int = 2) -> dict:
    valid = torch.ones(num_global, B, 1).bool()
    return dict(mgcl={}, qsacl=dict(hr=rows), views={
        'global': dict(hr=Views(torch.zeros(num_global, B, 1, 1, 1, 1),
                                valid))})


def test_loss_against_a_loop(contrast):
    """1 / (2m) sum_i [L(z_i^g, z_i^l') + L(z_i^l, z_i^g')], mean over all."""
    student, teacher = torch.randn(2, 5, B * M, 6).unbind(0)  # 2 g, 3 l
    loss = contrast(outputs(student), outputs(teacher), .05)['loss_qsacl_hr']
    targets = build('DINOContrast', num_prototypes=6).targets(
        teacher.flatten(0, 1), .05).view_as(teacher)

    def cross(s, t):
        exps = [math.exp(float(v) / .1) for v in s]
        return -sum(float(p) * math.log(e / sum(exps))
                    for p, e in zip(t, exps))

    total, count = 0., 0
    for b in range(B):
        for g in range(2):
            for m in range(2, 5):
                pair = 0.
                for i in range(M):
                    row = b * M + i
                    pair += cross(student[g, row], targets[m, row])
                    pair += cross(student[m, row], targets[g, row])
                total, count = total + pair / (2 * M), count + 1
    assert float(loss) == pytest.approx(total / count, rel=1e-4)


def test_pairs_share_the_query(contrast):
    student, teacher = torch.randn(2, 4, B * M, 6).unbind(0)
    before = contrast(outputs(student), outputs(teacher), .05)
    order = torch.tensor([2, 0, 1, 3, 4, 5])  # queries of the first sample
    both = contrast(outputs(student[:, order]), outputs(teacher[:, order]),
                    .05)
    one = contrast(outputs(student), outputs(teacher[:, order]), .05)
    torch.testing.assert_close(both['loss_qsacl_hr'],
                               before['loss_qsacl_hr'])
    assert abs(one['loss_qsacl_hr'] - before['loss_qsacl_hr']) > 1e-3


def test_without_local_crops(contrast):
    rows = torch.randn(2, B * M, 6)
    with pytest.raises(ConfigError, match='num_local'):
        contrast(outputs(rows), outputs(rows), .05)


def test_attention_against_a_module_of_torch(head):
    attn = head.cross_attn
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat((attn.q.weight,
                                               attn.kv.weight)))
        theirs.in_proj_bias.copy_(torch.cat((attn.q.bias, attn.kv.bias)))
        theirs.out_proj.weight.copy_(attn.proj.weight)
        theirs.out_proj.bias.copy_(attn.proj.bias)
    q, x = torch.randn(2, M, 8), torch.randn(2, 5, 8)
    mask = torch.tensor([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]]).bool()
    wanted, _ = theirs(q, x, x, key_padding_mask=~mask)
    torch.testing.assert_close(attn(q, x, mask), wanted)


def test_queries_do_not_see_each_other(head):
    tokens = torch.randn(2, 5, 6)
    before = head.aggregate(tokens)
    assert before.shape == (2, M, 8)
    with torch.no_grad():
        head.queries[0] += torch.randn(8)
    after = head.aggregate(tokens)
    torch.testing.assert_close(after[:, 1:], before[:, 1:])
    assert not torch.allclose(after[:, 0], before[:, 0])
    mixing = build('QSACLHead', in_channels=6, contrast=CONTRAST,
                   num_queries=M, embed_dims=8, num_heads=2,
                   self_attention=True)
    before = mixing.aggregate(tokens)
    with torch.no_grad():
        mixing.queries[0] += torch.randn(8)
    assert not torch.allclose(mixing.aggregate(tokens)[:, 1:], before[:, 1:])


def test_order_of_tokens_and_padding_do_not_matter(head):
    maps = torch.randn(2, 2, 3, 6, 2, 2)
    valid = torch.tensor([[[1, 1, 1], [1, 1, 0]]] * 2).bool()
    samples = torch.ones(2).bool()
    before = head(maps, valid, samples)
    assert before.shape == (2, 2 * M, 6)
    maps = torch.where(valid[..., None, None, None], maps, 7.)
    torch.testing.assert_close(head(maps, valid, samples), before)
    torch.testing.assert_close(head(maps.flip(-1), valid, samples), before)
    # Row s * m + i is query i of sample s, and no other sample matters.
    alone = head(maps[:, 1:], valid[:, 1:], samples[1:])
    torch.testing.assert_close(before[:, M:], alone)
    some = head(maps, valid, torch.tensor([False, True]))
    torch.testing.assert_close(some, alone)
