# Copyright (c) mmeo contributors. All rights reserved.
import math
from fractions import Fraction

import pytest
import torch

from mmeo.errors import ConfigError
from mmeo.models.vlm import VisualTokenDrop, draw_keep_mask, kept_tokens

RATIOS = (0, 0.1, 0.25, 0.29, 0.5, 0.7, 0.75, 0.9, 0.99)


@pytest.mark.parametrize('ratio', RATIOS)
def test_kept_is_the_ceiling_in_decimal_arithmetic(ratio):
    p = Fraction(round(ratio * 100), 100)
    for n in [*range(0, 70), 100, 256, 1000, 3328]:
        assert kept_tokens(n, ratio) == math.ceil((1 - p) * n)


def test_kept_at_the_papers_sizes():
    assert kept_tokens(256, 0.75) == 64
    assert kept_tokens(3328, 0.75) == 832
    # 0.29 * 100 is 28.999... in binary, (1 - 0.7) * 10 is 3.0000000000000004
    assert kept_tokens(100, 0.29) == 71
    assert kept_tokens(10, 0.7) == 3


def naive_mask(image_mask, lengths, ratio):
    """One sample after the other, one token after the other."""
    keep, start = [], 0
    for length in lengths:
        part = image_mask[start:start + length].tolist()
        places = [i for i, image in enumerate(part) if image]
        order = torch.randperm(len(places)).tolist()
        kept = {places[i] for i in order[:kept_tokens(len(places), ratio)]}
        keep += [not image or i in kept for i, image in enumerate(part)]
        start += length
    return torch.tensor(keep, dtype=torch.bool)


@pytest.mark.parametrize('ratio', RATIOS)
@pytest.mark.parametrize('lengths', [[40], [7, 30, 1, 22], [5] * 6])
def test_mask_counts_per_sample_and_equals_the_loop(ratio, lengths):
    image_mask = torch.rand(sum(lengths)) < 0.7
    torch.manual_seed(5)
    keep = draw_keep_mask(image_mask, lengths, [ratio] * len(lengths))
    torch.manual_seed(5)
    assert torch.equal(keep, naive_mask(image_mask, lengths, ratio))
    assert keep[~image_mask].all()
    for image, kept in zip(image_mask.split(lengths), keep.split(lengths)):
        n = int(image.sum())
        assert int((image & kept).sum()) == kept_tokens(n, ratio)


def test_every_token_has_the_same_chance_in_every_sample():
    image_mask = torch.ones(24, dtype=torch.bool)
    hits = sum(draw_keep_mask(image_mask, [8, 16], [0.75, 0.75]).float()
               for _ in range(4000)) / 4000
    assert (hits - 0.25).abs().max() < 0.04


def test_seeded_by_torch():
    mask = torch.ones(64, dtype=torch.bool)
    drop = VisualTokenDrop()
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(drop(mask, [64]))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_identity_in_evaluation_and_at_ratio_zero():
    mask = torch.ones(16, dtype=torch.bool)
    assert VisualTokenDrop(0.0)(mask, [16]).all()
    assert VisualTokenDrop(0.75).eval()(mask, [16]).all()
    assert not VisualTokenDrop(0.75)(mask, [16]).all()


@pytest.mark.parametrize('prob', [0.0, 0.25, 1.0])
def test_gate(prob):
    mask = torch.ones(8, dtype=torch.bool)
    drop = VisualTokenDrop(0.5, apply_prob=prob)
    share = sum(not drop(mask, [8]).all() for _ in range(1000)) / 1000
    assert abs(share - prob) < 0.05


def test_the_gate_is_drawn_for_each_sample():
    mask = torch.ones(6000, dtype=torch.bool)
    drop = VisualTokenDrop(0.5, apply_prob=0.25)
    for seeds in (None, range(1000)):
        kept = drop(mask, [6] * 1000, seeds).view(1000, 6).sum(1)
        assert set(kept.tolist()) == {3, 6}
        assert abs((kept == 3).float().mean() - 0.25) < 0.05


@pytest.mark.parametrize('kwargs', [
    dict(drop_ratio=1.0), dict(drop_ratio=-0.1), dict(apply_prob=1.5)])
def test_bad_arguments(kwargs):
    with pytest.raises(ConfigError):
        VisualTokenDrop(**kwargs)
