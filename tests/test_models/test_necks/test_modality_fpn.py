# Copyright (c) mmeo contributors. All rights reserved.
"""ModalityFPN: sizes, what sensors share, independence, bad arguments."""

import pytest
import torch
import torch.nn.functional as F

from mmeo.errors import ConfigError
from mmeo.models.necks import ModalityFPN
from mmeo.models.necks.modality_fpn import SensorLaterals, level_sizes

HR, S1 = [4, 8, 12, 16], [6, 6, 6, 6]


def neck(**kwargs) -> ModalityFPN:
    torch.manual_seed(0)
    return ModalityFPN(dict(hr=HR, s1=S1), out_channels=16, **kwargs)


def maps(channels, sizes, batch=2):
    return [torch.randn(batch, c, *s) for c, s in zip(channels, sizes)]


@pytest.mark.parametrize('size', [(64, 96), (50, 67), (7, 5)])
def test_sizes_are_alike_for_all_sensors(size) -> None:
    expected = [(2, 16, -(-size[0] // s), -(-size[1] // s))
                for s in (4, 8, 16, 32)]
    fpn = neck()
    pyramid = fpn(maps(HR, level_sizes(size)), 'hr', size)
    # A plain ViT with patches of 4: four maps of one stride.
    plain = fpn(maps(S1, [level_sizes(size)[0]] * 4), 's1', size)
    assert [tuple(x.shape) for x in pyramid] == expected
    assert [tuple(x.shape) for x in plain] == expected


def test_only_laterals_belong_to_a_sensor() -> None:
    fpn = neck()
    size = (64, 64)
    inputs = maps(HR, level_sizes(size))
    sum(x.square().sum() for x in fpn(inputs, 'hr', size)).backward()
    without = {name for name, p in fpn.named_parameters() if p.grad is None}
    assert without == {name for name, _ in fpn.named_parameters()
                       if name.startswith('laterals.s1.')}


def test_finer_maps_see_coarser_ones_and_not_the_reverse() -> None:
    fpn, size = neck(), (64, 64)
    inputs = [x.requires_grad_() for x in maps(HR, level_sizes(size))]
    for level, out in enumerate(fpn(inputs, 'hr', size)):
        # A fixed weight: a norm's plain sum would not depend on its input.
        weight = torch.linspace(-1, 1, out.numel()).view_as(out)
        grads = torch.autograd.grad((out * weight).sum(), inputs,
                                    allow_unused=True, retain_graph=True)
        assert [g is not None for g in grads] == [
            i >= level for i in range(4)]


def test_samples_do_not_depend_on_their_batch() -> None:
    fpn, size = neck(), (48, 80)
    inputs = maps(HR, level_sizes(size), batch=3)
    together = fpn(inputs, 'hr', size)
    alone = fpn([x[1:2] for x in inputs], 'hr', size)
    for a, b in zip(together, alone):
        torch.testing.assert_close(a[1:2], b, atol=1e-6, rtol=1e-5)


def test_making_smaller_before_or_after_the_convolution_is_the_same() -> None:
    lateral = SensorLaterals(S1, 16, None)
    inputs = maps(S1, [(16, 24)] * 4)
    outs = lateral(inputs, (64, 96))
    for x, conv, out in zip(inputs, lateral.convs, outs):
        after = F.adaptive_avg_pool2d(conv(x), out.shape[-2:])
        torch.testing.assert_close(out, after, atol=1e-6, rtol=1e-5)


def test_a_single_map() -> None:
    size, x = (64, 96), torch.randn(1, 8, 4, 6)
    learned = ModalityFPN(8, 16, modalities=('hr', ))
    outs = learned([x], 'hr', size)
    assert [tuple(o.shape[-2:]) for o in outs] == level_sizes(size)
    assert any('single.up4' in name for name, _ in learned.named_parameters())
    # With a list, each level has a lateral of its own on the same map.
    repeated = ModalityFPN(dict(hr=[8] * 4), 16)
    for a, b in zip(repeated([x], 'hr', size), repeated([x] * 4, 'hr', size)):
        torch.testing.assert_close(a, b)
    sum(o.square().sum() for o in outs).backward()
    assert all(p.grad is not None for p in learned.parameters())


def test_mask_features_may_be_negative() -> None:
    fpn, size = neck(), (64, 64)
    first, *rest = fpn(maps(HR, level_sizes(size)), 'hr', size)
    assert first.min() < 0
    assert min(x.min() for x in rest) == 0


def test_bad_arguments() -> None:
    with pytest.raises(ConfigError, match='four maps'):
        ModalityFPN([4, 8])
    with pytest.raises(ConfigError, match='no sensor'):
        ModalityFPN([4] * 4, modalities=())
    fpn = neck()
    with pytest.raises(ConfigError, match="modality='s2'.*hr, s1"):
        fpn(maps(HR, level_sizes((8, 8))), 's2', (8, 8))
    with pytest.raises(ConfigError, match=r'\[6, 6, 6, 6\] channels'):
        fpn(maps(S1, level_sizes((8, 8))), 'hr', (8, 8))
