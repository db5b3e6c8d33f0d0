# Copyright (c) mmeo contributors. All rights reserved.
import torch

from mmeo.models.layers import rotary_position, rotate, sincos_position

CPU = torch.device('cpu')


def test_tokens_over_the_same_spot_share_a_code():
    coarse = sincos_position((2, 3), 40., 32, CPU).view(2, 3, -1)
    fine = sincos_position((10, 15), 8., 32, CPU).view(10, 15, -1)
    torch.testing.assert_close(fine[2::5, 2::5], coarse)


def test_values_of_the_sine_code():
    code = sincos_position((1, 2), 10., 8, CPU)
    y, x = torch.tensor(.5), torch.tensor(1.5)  # units of 10 m
    slow = 10000**-.5
    expected = torch.stack([
        y.sin(), (y * slow).sin(), y.cos(), (y * slow).cos(),
        x.sin(), (x * slow).sin(), x.cos(), (x * slow).cos()])
    torch.testing.assert_close(code[1], expected)


def test_scores_of_rotated_tokens_depend_on_their_distance():
    torch.manual_seed(0)
    rotary = rotary_position((4, 5), 5., 16, 0, CPU)
    q, k = torch.randn(2, 1, 1, 1, 16).expand(2, 1, 1, 20, 16)
    scores = (rotate(q, rotary) @ rotate(k, rotary).transpose(-2, -1))[0, 0]
    scores = scores.view(4, 5, 4, 5)
    torch.testing.assert_close(scores[0, 0, 1, 2], scores[2, 2, 3, 4])
    assert not torch.isclose(scores[0, 0, 1, 2], scores[0, 0, 2, 1])


def test_tokens_without_a_place_do_not_turn():
    rotary = rotary_position((2, 2), 5., 8, 3, CPU)
    x = torch.randn(1, 1, 7, 8)
    out = rotate(x, rotary)
    assert torch.equal(out[..., :3, :], x[..., :3, :])
    assert not torch.allclose(out[..., 3:, :], x[..., 3:, :])
    torch.testing.assert_close(out.norm(dim=-1), x.norm(dim=-1))
