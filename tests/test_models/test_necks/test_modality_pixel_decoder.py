# Copyright (c) mmeo contributors. All rights reserved.
"""ModalityPixelDecoder: a drop-in for ModalityFPN."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmeo.models.necks import ModalityFPN, ModalityPixelDecoder
from mmeo.models.necks.modality_fpn import level_sizes

HR, S1 = [4, 8, 12, 16], [6, 6, 6, 6]


def neck() -> ModalityPixelDecoder:
    init_default_scope('mmeo')
    torch.manual_seed(0)
    out = ModalityPixelDecoder(
        dict(hr=HR, s1=S1), 16, num_layers=2, num_heads=4, num_points=2,
        feedforward_channels=32)
    out.init_weights()
    return out.eval()


@pytest.mark.parametrize('size', [(64, 96), (50, 67)])
def test_sizes_are_those_of_the_fpn(size) -> None:
    decoder, fpn = neck(), ModalityFPN(dict(hr=HR, s1=S1), 16)
    pyramid = [torch.randn(2, c, *s) for c, s in zip(HR, level_sizes(size))]
    plain = [torch.randn(2, c, *level_sizes(size)[0]) for c in S1]
    for maps, name in ((pyramid, 'hr'), (plain, 's1')):
        with torch.no_grad():
            a, b = decoder(maps, name, size), fpn(maps, name, size)
        assert [x.shape for x in a] == [x.shape for x in b]


def test_levels_meet_and_only_laterals_belong_to_a_sensor() -> None:
    decoder, size = neck(), (64, 64)
    maps = [torch.randn(1, c, *s, requires_grad=True)
            for c, s in zip(HR, level_sizes(size))]
    outs = decoder(maps, 'hr', size)
    # Stride 32 sees stride 8, which in an FPN it does not.
    weight = torch.linspace(-1, 1, outs[3].numel()).view_as(outs[3])
    grad, = torch.autograd.grad((outs[3] * weight).sum(), maps[1],
                                retain_graph=True)
    assert grad.abs().max() > 0
    sum(x.square().sum() for x in outs).backward()
    without = {name for name, p in decoder.named_parameters()
               if p.grad is None}
    assert without == {name for name, _ in decoder.named_parameters()
                       if name.startswith('laterals.s1.')}


def test_samples_do_not_depend_on_their_batch() -> None:
    decoder, size = neck(), (64, 96)
    maps = [torch.randn(3, c, *s) for c, s in zip(HR, level_sizes(size))]
    with torch.no_grad():
        together = decoder(maps, 'hr', size)
        alone = decoder([x[1:2] for x in maps], 'hr', size)
    for a, b in zip(together, alone):
        torch.testing.assert_close(a[1:2], b, atol=1e-5, rtol=1e-4)
