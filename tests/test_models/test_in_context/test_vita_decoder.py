# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch
import torch.nn.functional as F

import mmeo
from mmeo.errors import ConfigError
from mmeo.structures import MODES

B, N, C, Q = 2, 3, 16, 5
SIZES = ((2, 3), (4, 6), (8, 12))


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def make(**kwargs):
    return mmeo.build('VITADecoder', embed_dims=C, num_queries=Q,
                      num_layers=4, num_heads=4, feedforward_channels=32,
                      **kwargs).eval()


def inputs(count=N):
    torch.manual_seed(1)
    return dict(
        levels=[torch.randn(B, C, *size) for size in SIZES],
        positions=[torch.randn(1, h * w, C) for h, w in SIZES],
        features=torch.randn(B, C, 16, 24),
        context={mode: torch.randn(B, count, C) for mode in MODES},
        valid={mode: torch.ones(B, count, dtype=torch.bool)
               for mode in MODES},
        sensors=torch.tensor([0, 1]))


def naive(decoder, levels, positions, features, context, valid, sensors):
    """One long sequence and a block-diagonal mask, as the paper has it."""
    modes, count = list(context), N + Q
    numbers = [MODES.index(m) for m in modes]
    x = torch.cat([
        torch.cat((decoder.queries[i].expand(B, -1, -1), context[m]), 1)
        for i, m in zip(numbers, modes)], 1)
    pos = torch.cat([
        torch.cat((decoder.query_pos[i] + decoder.role_embed[0],
                   decoder.role_embed[1].expand(N, -1)))
        + decoder.mode_embed[i] for i in numbers])
    pos = pos[None] + decoder.sensor_embed[sensors][:, None]
    block = torch.block_diag(*[torch.ones(count, count)] * len(modes)) > 0
    keys = torch.cat([torch.cat((torch.ones(B, Q, dtype=torch.bool),
                                 valid[m]), 1) for m in modes], 1)
    may = torch.zeros(B, 1, *block.shape).masked_fill(
        ~(block & keys[:, None])[:, None], float('-inf'))
    parts = [slice(i * count, i * count + Q) for i in range(len(modes))]

    def masks():
        queries = torch.stack([x[:, part] for part in parts], 1)
        return torch.einsum('bmqc,bchw->bmqhw',
                            decoder.mask_embed(decoder.norm(queries)),
                            features)

    for index, layer in enumerate(decoder.layers):
        level = index % 3
        value = decoder.level_projs[level](
            levels[level].flatten(2).transpose(1, 2))
        value = value + decoder.level_embed[level]
        seen = torch.ones(B, x.shape[1], value.shape[1], dtype=torch.bool)
        for part, mask in zip(parts, masks().unbind(1)):
            small = F.interpolate(mask, SIZES[level], mode='bilinear',
                                  align_corners=False).flatten(2) > 0
            small[~small.any(-1)] = True
            seen[:, part] = small
        x = layer.norms[0](x + layer.cross_attn(
            x + pos, value + positions[level], value, seen[:, None]))
        x = layer.norms[1](x + layer.self_attn(x + pos, x + pos, x, may))
        x = layer.norms[2](x + layer.mlp(x))
    result = {}
    y = decoder.norm(x)
    for i, (mode, part) in enumerate(zip(modes, parts)):
        known = torch.cat((y[:, part.stop:part.stop + N],
                           decoder.no_object[MODES.index(mode)].expand(
                               B, 1, -1)), 1)
        cosines = F.cosine_similarity(y[:, part][:, :, None],
                                      known[:, None], dim=-1)
        result[mode] = cosines / decoder.temperature, masks()[:, i]
    return result


def test_equals_one_sequence_with_block_diagonal_mask():
    decoder, data = make(), inputs()
    data['valid']['visual'][0, 1] = False
    found = decoder(**data)[-1]
    for mode, (classes, masks) in naive(decoder, **data).items():
        keep = F.pad(data['valid'][mode], (0, 1), value=True)
        keep = keep[:, None].expand_as(classes)
        torch.testing.assert_close(found[mode].classes[keep], classes[keep],
                                   atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(found[mode].masks, masks, atol=1e-4,
                                   rtol=1e-5)
        assert found[mode].classes[~keep].eq(float('-inf')).all()


@pytest.mark.parametrize('mode', MODES)
def test_single_mode_equals_joint(mode):
    decoder, data = make(), inputs()
    joint = decoder(**data)
    alone = decoder(**{**data, 'context': {mode: data['context'][mode]}})
    assert len(joint) == len(alone) == 5
    for a, b in zip(alone, joint):
        torch.testing.assert_close(a[mode].classes, b[mode].classes,
                                   atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(a[mode].masks, b[mode].masks, atol=1e-5,
                                   rtol=1e-5)


def test_modes_never_meet():
    decoder, data = make(), inputs()
    for x in data['context'].values():
        x.requires_grad_()
    out = decoder(**data)[-1]
    for mode, one in out.items():
        grads = torch.autograd.grad(
            one.classes.square().sum() + one.masks.square().sum(),
            list(data['context'].values()), retain_graph=True)
        for other, grad in zip(data['context'], grads):
            assert (grad.abs().max() > 0) == (other == mode)


def test_last_layer_alone_is_the_last_of_all():
    decoder, data = make(), inputs()
    alone = decoder(**data, all_layers=False)
    assert len(alone) == 1
    torch.testing.assert_close(alone[0]['fused'].classes,
                               decoder(**data)[-1]['fused'].classes)


def test_absent_classes_change_nothing():
    decoder, data, more = make(), inputs(), inputs(N + 4)
    for mode in MODES:
        more['context'][mode][:, :N] = data['context'][mode]
        more['valid'][mode][:, N:] = False
    for key in ('levels', 'positions', 'features'):
        more[key] = data[key]
    before, after = decoder(**data)[-1], decoder(**more)[-1]
    for mode in MODES:
        torch.testing.assert_close(
            after[mode].classes[..., [*range(N), -1]], before[mode].classes,
            atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(after[mode].masks, before[mode].masks,
                                   atol=1e-5, rtol=1e-5)


def test_order_of_classes_permutes_logits():
    decoder, data = make(), inputs()
    order = torch.tensor([2, 0, 1])
    turned = {**data, 'context': {
        mode: x[:, order] for mode, x in data['context'].items()}}
    before, after = decoder(**data)[-1], decoder(**turned)[-1]
    torch.testing.assert_close(
        after['fused'].classes, before['fused'].classes[..., [2, 0, 1, 3]],
        atol=1e-5, rtol=1e-5)


def test_classes_are_cosines_over_a_bounded_temperature():
    decoder, data = make(), inputs()
    with torch.no_grad():
        decoder.log_temperature.fill_(-20)
    assert decoder.temperature.item() == pytest.approx(0.01)
    classes = decoder(**data)[-1]['visual'].classes
    assert classes.abs().max() <= 1 / 0.01 + 1e-3


def test_a_query_whose_mask_is_nowhere_reads_everything():
    decoder = make()
    masks = torch.full((B, 1, Q, 8, 8), -1.)
    masks[0, 0, 0, :4, :4] = 9.
    seen = decoder._seen(masks, (2, 2), Q + N)
    assert seen.shape == (B, 1, Q + N, 4)
    assert seen[0, 0, 0].tolist() == [True, False, False, False]
    assert seen[0, 0, 1:].all() and seen[1].all()


def test_former_and_decoder_are_about_the_papers_18m():
    count = sum(p.numel() for name in ('VITAFormer', 'VITADecoder')
                for p in mmeo.build(name).parameters())
    assert 17e6 < count < 18.5e6


def test_wrong_number_of_maps():
    data = inputs()
    data['levels'] = data['levels'][:2]
    with pytest.raises(ConfigError, match='num_levels'):
        make()(**data)
