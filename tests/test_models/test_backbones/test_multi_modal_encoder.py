# Copyright (c) mmeo contributors. All rights reserved.
"""Several sensors as one pyramid: sizes, missing sensors, dropout."""

import pytest
import torch
from torch import Tensor

import mmeo
from mmeo.errors import ConfigError, DataError
from mmeo.models.backbones import MultiModalEncoder
from mmeo.models.backbones.multi_modal_encoder import (
    ModalityMix,
    drop_modalities,
    mean_over_time,
)
from mmeo.structures import ModalityBatch

C, D = 32, 16
ARCH = dict(embed_dims=C, depths=(2, 2, 2, 2), head_dim=16)
FUSION = dict(type='TemporalFusion', embed_dims=D, num_layers=1, num_heads=2,
              drop_path_rate=0.)
BANDS = dict(hr=3, s2=10, s1=2)
SIDES = dict(hr=128, s2=16, s1=16)


def encoder(**kwargs) -> MultiModalEncoder:
    modalities = kwargs.pop('modalities', ('hr', 's2', 's1'))
    out_indices = kwargs.pop('out_indices', (0, 1, 2, 3))
    model = mmeo.build('MultiModalEncoder', **{
        **dict(backbone=dict(type='SkySenseV2', arch=ARCH,
                             modalities=modalities, out_indices=out_indices),
               fusion=dict(FUSION)), **kwargs})
    return model.eval()


def batch(name: str, valid: list[list[int]]) -> ModalityBatch:
    valid = torch.tensor(valid, dtype=torch.bool)
    images = torch.randn(*valid.shape, BANDS[name], SIDES[name], SIDES[name])
    return ModalityBatch(images, valid, torch.where(valid, 100, -1))


def batches() -> dict[str, ModalityBatch]:
    return dict(hr=batch('hr', [[1], [1], [0]]),
                s2=batch('s2', [[1, 1], [0, 0], [1, 0]]),
                s1=batch('s1', [[1], [1], [1]]))


def rows(inputs: dict, index: list[int]) -> dict:
    return {n: ModalityBatch(b.images[index], b.valid[index], b.dates[index])
            for n, b in inputs.items()}


def shapes(outs: tuple[Tensor, ...]) -> list[tuple[int, ...]]:
    return [tuple(x.shape[1:]) for x in outs]


def close(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> bool:
    return all(torch.allclose(a, b, atol=2e-5) for a, b in zip(first, second))


def test_pyramid_of_high_resolution() -> None:
    model = encoder()
    outs = model(batches())
    assert shapes(outs) == [(C, 32, 32), (2 * C, 16, 16), (4 * C, 8, 8),
                            (8 * C + D, 4, 4)]
    assert model.out_channels == [x.shape[1] for x in outs]


@pytest.mark.parametrize('learned', [False, True])
def test_pyramid_of_coarse_sensors(learned: bool) -> None:
    model = encoder(modalities=('s2', 's1'), coarse_learned=learned,
                    fused_levels=(0, 1, 2, 3))
    inputs = batches()
    del inputs['hr']
    outs = model(inputs)
    assert shapes(outs) == [(C + D, 16, 16), (2 * C + D, 8, 8),
                            (4 * C + D, 4, 4), (8 * C + D, 2, 2)]
    assert model.out_channels == [x.shape[1] for x in outs]


def test_a_batch_without_hr_is_as_one_that_never_had_it() -> None:
    model, inputs = encoder(), batches()
    inputs['hr'].valid[:] = False
    outs = model(inputs)
    del inputs['hr']
    assert close(outs, model(inputs))
    assert shapes(outs)[0] == (C, 16, 16)


def test_missing_sensors_change_no_other_sample() -> None:
    model, inputs = encoder(), batches()
    outs = model(inputs)
    inputs['s1'].valid[0] = False
    fewer = model(inputs)
    assert close([x[1:] for x in outs], [x[1:] for x in fewer])
    assert not close([x[:1] for x in outs], [x[:1] for x in fewer])


def test_hidden_pixels_do_not_matter() -> None:
    model, inputs = encoder(), batches()
    outs = model(inputs)
    for one in inputs.values():
        one.images[~one.valid] = float('nan')
    assert close(outs, model(inputs))


def test_order_of_the_batch() -> None:
    model, inputs = encoder(), batches()
    outs, order = model(inputs), [2, 0, 1]
    turned = model(rows(inputs, order))
    assert close([x[order] for x in outs], turned)


def test_each_sensor_alone_is_the_mix_of_itself() -> None:
    model, inputs = encoder(fusion=None), batches()
    for mix in model.mixes:  # whatever has been learned
        torch.nn.init.normal_(mix.gamma)
    only = dict(hr=inputs['hr'])
    with torch.no_grad():
        expected = model.backbone(inputs['hr'].images[:2, 0], 'hr')
        outs = model(rows(only, [0, 1]))
    assert close(outs, expected)


def test_mix_is_a_weighted_mean_of_those_present() -> None:
    mix = ModalityMix(2, 3)
    with torch.no_grad():
        mix.gamma[0] = torch.tensor([0., 1., -1.])
    a, b = torch.rand(3, 3, 2, 2), torch.rand(3, 3, 2, 2)
    present = torch.tensor([[True, True], [False, True], [False, False]])
    out = mix([a, b], present)
    share = torch.tensor([0., 1., -1.]).sigmoid()[:, None, None]
    torch.testing.assert_close(out[0], share * a[0] + (1 - share) * b[0])
    torch.testing.assert_close(out[1], b[1])
    assert not out[2].any()
    out.sum().backward()
    assert mix.gamma.grad.isfinite().all()


def test_mean_over_time() -> None:
    x = torch.rand(2, 3, 1, 1, 1)
    valid = torch.tensor([[1, 0, 1], [0, 0, 0]], dtype=torch.bool)
    x[~valid] = 0
    out = mean_over_time(x, valid)
    assert torch.allclose(out[0], (x[0, 0] + x[0, 2]) / 2)
    assert out[1] == 0


def test_replaced_levels() -> None:
    model = encoder(fused='replace', fused_levels=(2, -1))
    outs = model(batches())
    assert shapes(outs)[2:] == [(D, 8, 8), (D, 4, 4)]
    assert model.out_channels == [C, 2 * C, D, D]


def test_one_level_for_a_classifier() -> None:
    model = encoder(out_indices=(3, ), modalities=('s2', 's1'))
    inputs = batches()
    del inputs['hr']
    assert shapes(model(inputs)) == [(8 * C + D, 4, 4)]


def test_dropout_leaves_one_sensor() -> None:
    inputs = batches()
    before = {n: b.valid.clone() for n, b in inputs.items()}
    kept = 0
    for _ in range(50):
        fewer = drop_modalities(inputs, 0.8)
        present = torch.stack([b.valid.any(1) for b in fewer.values()])
        assert present.any(0).all()
        for name, one in fewer.items():  # all frames of a sensor, or none
            whole = (one.valid == before[name]).all(1)
            assert (whole | ~one.valid.any(1)).all()
        kept += int(present.sum())
    had = sum(int(v.any(1).sum()) for v in before.values())
    assert 3 * 50 < kept < 0.75 * had * 50
    assert all(torch.equal(inputs[n].valid, v) for n, v in before.items())
    same = drop_modalities(inputs, 0.)
    assert all(torch.equal(same[n].valid, v) for n, v in before.items())


def test_dropout_in_training_only() -> None:
    model, inputs = encoder(modality_dropout=0.9), batches()
    del inputs['hr']  # without it all maps have one size
    assert close(model(inputs), model(inputs))
    model.train()
    outs = [model(inputs) for _ in range(4)]
    assert not all(close(outs[0], other) for other in outs)


def test_frozen_backbone() -> None:
    model = encoder(freeze_backbone=True).train()
    assert not model.backbone.training and model.fusion.training
    sum(x.sum() for x in model(batches())).backward()
    assert all(p.grad is None for p in model.backbone.parameters())
    assert all(p.grad is not None for p in model.fusion.parameters())


def test_all_learn_even_without_frames() -> None:
    """A sensor no sample has: gradients of zero, not None."""
    model, inputs = encoder().train(), batches()
    inputs['s1'].valid[:] = False
    sum(x.square().sum() for x in model(inputs)).backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None]
    assert not silent
    assert not model.backbone.tokenizers['s1'].projection.weight.grad.any()


def test_layer_depths() -> None:
    model = encoder()
    depth = model.get_layer_depth
    last = depth('x.fusion.cls_token', 'x.')[1] - 1
    assert depth('x.fusion.cls_token', 'x.')[0] == last
    assert depth('x.mixes.0.gamma', 'x.')[0] == last
    assert depth('x.backbone.tokenizers.s2.norm.weight', 'x.')[0] == 0
    assert depth('x.backbone.stages.2.1.norm1.weight', 'x.')[0] == 6


def test_experts_report_through_the_encoder() -> None:
    model = encoder(backbone=dict(
        type='SkySenseV2', arch=ARCH,
        moe=dict(num_experts=2, num_layers=2, inject_aux=False))).train()
    model(batches())
    assert model.pop_aux_loss().requires_grad


def test_errors() -> None:
    with pytest.raises(ConfigError, match='fused'):
        encoder(fused='add')
    with pytest.raises(ConfigError, match='coarse_scales'):
        encoder(coarse_scales=(4, 2))
    with pytest.raises(ConfigError, match='got 3'):
        encoder(coarse_scales=(4, 3, 1, 1), coarse_learned=True)
    with pytest.raises(DataError, match='planet'):
        encoder()(dict(planet=batches()['hr']))
