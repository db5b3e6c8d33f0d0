# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch
from torch import nn

import mmeo
from mmeo.errors import ConfigError
from mmeo.models.backbones.skysense_arch import apm_modes_from_gsd
from mmeo.models.layers import MoEFFN
from mmeo.structures import ModalityBatch

SMALL = dict(embed_dims=32, depths=(2, 2, 2, 1), head_dim=8)
BANDS = dict(hr=3, s2=10, s1=2)


def build(seed=0, arch=SMALL, **kwargs):
    torch.manual_seed(seed)
    return mmeo.build('SkySenseV2', arch=arch, **kwargs).eval()


def count(**kwargs):
    with torch.device('meta'):
        model = mmeo.build('SkySenseV2', **kwargs)
    return sum(p.numel() for p in model.parameters()), model


@pytest.mark.parametrize('arch, kwargs, total', [
    ('huge', {}, 654_839_906),
    ('huge', dict(apm_share=False), 665_267_554),
    ('huge', dict(moe=dict(num_experts=8, top_k=1, num_layers=6)),
     654_839_906 + 1_332_700_160),
    ('tiny', {}, 27_542_322),
    ('small', {}, 48_835_890),
    ('base', {}, 86_739_352),
    ('large', {}, 194_986_596),
])
def test_parameter_count(arch, kwargs, total):
    assert count(arch=arch, **kwargs)[0] == total


def test_activated_parameters_leave_out_the_idle_experts():
    dense, _ = count(arch='huge')
    moe = dict(num_experts=8, top_k=1, num_layers=6)
    total, model = count(arch='huge', moe=moe)
    gates = 8 * (4 * 1408 + 2 * 2816)
    assert model.activated_parameters() == dense + gates
    experts = [isinstance(block.mlp, MoEFFN)
               for stage in model.stages[2:] for block in stage]
    assert experts == [False] * 14 + [True] * 6
    moe = dict(num_experts=8, top_k=8, num_layers=6)
    assert count(arch='huge', moe=moe)[1].activated_parameters() == total


@pytest.mark.parametrize('modality, size, strides', [
    ('hr', (128, 160), (4, 8, 16, 32)),
    ('s2', (16, 24), (4, 4, 4, 4)),
    ('s1', (16, 24), (4, 4, 4, 4)),
    ('hr', (67, 45), (4, 8, 16, 32)),
    ('s2', (13, 6), (4, 4, 4, 4)),
])
def test_output_shapes(modality, size, strides):
    model = build()
    outs = model(torch.randn(2, BANDS[modality], *size), modality=modality)
    assert model.strides(modality) == list(strides)
    assert [tuple(out.shape) for out in outs] == [
        (2, 32 * 2**i, -(-size[0] // s), -(-size[1] // s))
        for i, s in enumerate(strides)]


def test_paper_sample_shapes_on_meta():
    with torch.device('meta'):
        model = mmeo.build('SkySenseV2', arch='huge')
        hr = model(torch.empty(1, 3, 2048, 2048))
        s2 = model(torch.empty(1, 2, 10, 64, 64), 's2')
        s1 = model(torch.empty(1, 1, 2, 64, 64), 's1')
    assert [tuple(x.shape[1:]) for x in hr] == [
        (352, 512, 512), (704, 256, 256), (1408, 128, 128), (2816, 64, 64)]
    for outs in (s2, s1):
        assert [tuple(x.shape[2:]) for x in outs] == [
            (c, 16, 16) for c in (352, 704, 1408, 2816)]


def test_a_series_is_its_frames_one_by_one():
    model, x = build(), torch.randn(2, 3, 10, 16, 12)
    series = model(x, 's2')
    for t in range(3):
        for whole, single in zip(series, model(x[:, t], 's2')):
            torch.testing.assert_close(whole[:, t], single)


def test_frames_that_are_not_valid_are_never_read():
    model, x = build(), torch.randn(2, 3, 2, 8, 8)
    valid = torch.tensor([[True, False, True], [False, False, False]])
    reference = model(x, 's1', valid)
    x[~valid] = float('nan')
    x.requires_grad_()
    outs = model(x, 's1', valid)
    for out, ref in zip(outs, reference):
        torch.testing.assert_close(out, ref, rtol=0, atol=0)
        assert not out[~valid].any() and out[valid].any()
    sum(out.sum() for out in outs).backward()
    assert not x.grad[~valid].any() and x.grad[valid].any()


def test_a_modality_that_nobody_has_still_takes_part_in_the_graph():
    model = build()
    batch = ModalityBatch.of(torch.zeros(2, 2, 2, 8, 8))
    batch.valid[:] = False
    outs = model.forward_modalities(dict(s1=batch))['s1']
    sum(out.sum() for out in outs).backward()
    for name, param in model.tokenizers.s1.named_parameters():
        assert param.grad is not None and not param.grad.any(), name


def test_windowed_stages_start_as_the_identity():
    model, x = build(), torch.randn(1, 8, 8, 32)
    for block in model.stages[0]:
        assert torch.equal(block(x), x)
    for block in model.stages[2]:
        y = torch.randn(1, 9, 128)
        assert not torch.equal(block(y), y)


def test_permuting_the_batch_permutes_the_maps():
    model, x = build(), torch.randn(4, 3, 64, 96)
    order = torch.tensor([2, 0, 3, 1])
    for out, ref in zip(model(x[order]), model(x)):
        torch.testing.assert_close(out, ref[order], rtol=1e-5, atol=1e-5)


def test_prompts_are_a_modality_s_own_and_dropped():
    model, x, y = build(), torch.randn(1, 3, 64, 64), torch.randn(1, 10, 8, 8)
    hr, s2 = model(x), model(y, 's2')
    bare = build(num_prompt_tokens=0)
    assert [o.shape for o in bare(x)] == [o.shape for o in hr]
    with torch.no_grad():
        for prompt in model.prompts['s2']:
            prompt.prompt_tokens += 1
    for i, (a, b) in enumerate(zip(model(y, 's2'), s2)):
        assert torch.equal(a, b) == (i < 2)  # stages 1 and 2 have none
    for a, b in zip(model(x), hr):
        assert torch.equal(a, b)


def test_prompts_of_stage_4_are_fresh():
    model, x = build(), torch.randn(1, 3, 64, 64)
    before = model(x)
    with torch.no_grad():
        model.prompts['hr'][1].prompt_tokens += 1
    changed = [not torch.equal(a, b) for a, b in zip(model(x), before)]
    assert changed == [False, False, False, True]


def test_modes_are_an_argument_of_the_call():
    model, x = build(), torch.randn(1, 3, 64, 64)
    for modes, sides in {(1, 1, 1): (16, 8, 4, 2), (0, 0, 0): (16, ) * 4,
                         ('merge', 'preserve', 'merge'): (16, 8, 8, 4)
                         }.items():
        outs = model(x, apm_modes=modes)
        assert [out.shape[-1] for out in outs] == list(sides)
    with pytest.raises(ConfigError, match='three values'):
        model(x, apm_modes=(1, 1))


@pytest.mark.parametrize('gsd, modes', [
    (0.3125, (True, True, True)), (10., (False, False, False)),
    (0.8, (True, True, True)), (3., (True, False, False)),
    (5., (True, False, False)), (30., (False, False, False))])
def test_modes_follow_from_the_ground_distance(gsd, modes):
    assert apm_modes_from_gsd(gsd) == modes
    with torch.device('meta'):
        model = mmeo.models.SkySenseV2.build_from_gsd(
            dict(planet=gsd), arch=SMALL,
            modalities=dict(planet=dict(in_channels=4, gsd=1.)))
    assert model.apm_modes['planet'] == modes


def test_modes_from_the_gsd_of_each_call():
    model = build(apm_modes='gsd')
    x = torch.randn(1, 3, 32, 32)
    assert model(x, gsd=10.)[-1].shape[-1] == 8
    assert model(x, gsd=.3)[-1].shape[-1] == 1


def test_own_projections_only_of_those_that_never_merge():
    model = build(apm_share=False)
    assert set(model.merges[0].own) == {'s2', 's1'}
    x = torch.randn(1, 10, 8, 8)
    before = model(x, 's2')[-1]
    with torch.no_grad():
        for merge in model.merges:
            merge.reduction.weight.zero_()
    assert torch.equal(model(x, 's2')[-1], before)
    assert not torch.equal(model(x, 's2', apm_modes=(0, 0, 1))[-1], before)


@pytest.mark.parametrize('pos', ['gsd_sincos', 'learned', 'rope2d'])
def test_every_position_code_tells_places_apart(pos):
    """Blocks of stage 3 alone are equivariant to moves of whole windows."""
    model = build(pos=pos, num_prompt_tokens=0)
    blind = build(pos='none', num_prompt_tokens=0)
    x = torch.randn(1, 3, 64, 64)
    swapped = torch.cat((x[..., 32:], x[..., :32]), dim=-1)
    for net, same in ((model, False), (blind, True)):
        for block in (*net.stages[0], *net.stages[1]):
            nn.init.zeros_(block.norm1.weight)  # no attention before stage 3
        out, moved = net(x)[2], net(swapped)[2]
        back = torch.cat((moved[..., 2:], moved[..., :2]), dim=-1)
        assert torch.allclose(out, back, atol=1e-5) == same


def test_new_sensors_by_config():
    model = build(modalities=dict(
        hr=dict(in_channels=4), landsat=dict(in_channels=7, gsd=30.),
        polsar=dict(in_channels=8, gsd=1.)))
    assert model.modality == 'hr'
    assert model.strides('landsat') == [4, 4, 4, 4]
    assert model.strides('polsar') == [4, 8, 16, 32]
    assert model(torch.randn(1, 7, 8, 8), 'landsat')[3].shape == (1, 256, 2, 2)
    with pytest.raises(ConfigError, match=r'\(B, 4, H, W\)'):
        model(torch.randn(1, 3, 8, 8))
    with pytest.raises(ConfigError, match="modality='s2' is unknown"):
        model(torch.randn(1, 10, 8, 8), 's2')


def test_checkpointing_gives_the_same_gradients():
    grads = []
    for with_cp in (False, True):
        model = build(with_cp=with_cp, moe=dict(num_layers=2, jitter=0.),
                      ).train()
        outs = model(torch.randn(2, 3, 32, 64,
                                 generator=torch.Generator().manual_seed(1)))
        sum(out.square().mean() for out in outs).backward()
        grads.append({n: p.grad for n, p in model.named_parameters()
                      if p.grad is not None})
    assert set(grads[0]) == set(grads[1])
    for name, grad in grads[0].items():
        assert torch.equal(grad, grads[1][name]), name


def test_auxiliary_losses_are_summed_and_taken_once():
    model = build(moe=dict(num_layers=3, inject_aux=False, num_experts=4),
                  ).train()
    assert model.pop_aux_loss() == 0
    model(torch.randn(1, 3, 32, 32))
    model(torch.randn(1, 10, 16, 16), 's2')
    loss = model.pop_aux_loss()
    # six balance losses of about 0.01 each
    assert .05 < loss < .1 and loss.requires_grad
    loss.backward()
    assert model.stages[3][0].mlp.gate.weight.grad.any()
    assert model.pop_aux_loss() == 0


def test_layer_depths_rise_from_tokens_to_norms():
    model = build()
    depths = [model.get_layer_depth(f'b.{name}', 'b.')
              for name, _ in model.named_parameters()]
    assert {total for _, total in depths} == {9}
    of = {name: model.get_layer_depth(name)[0]
          for name, _ in model.named_parameters()}
    assert of['tokenizers.s2.projection.weight'] == 0
    assert of['stages.0.0.attn.proj.weight'] == 1
    assert of['merges.1.reduction.weight'] == 5
    assert of['stages.2.0.attn.proj.weight'] == 5
    assert of['prompts.s1.1.prompt_tokens'] == 7
    assert of['stages.3.0.mlp.fc1.weight'] == 7
    assert of['norms.0.weight'] == 8
    assert model.get_layer_depth('head.weight', 'b.') == (8, 9)


@pytest.mark.parametrize('frozen, trained', [
    (-1, {'tokenizers', 'stages.0', 'stages.2', 'prompts', 'norms.3'}),
    (0, {'stages.0', 'stages.2', 'prompts', 'norms.3'}),
    (2, {'stages.2', 'prompts', 'norms.3'}),
    (4, set())])
def test_frozen_stages(frozen, trained):
    model = build(frozen_stages=frozen).train()
    learning = {n for n, p in model.named_parameters() if p.requires_grad}
    for part in ('tokenizers', 'stages.0', 'stages.2', 'prompts', 'norms.3'):
        assert any(n.startswith(part) for n in learning) == (part in trained)
    assert [s.training for s in model.stages] == [
        i >= frozen for i in range(4)]


def test_out_indices_stop_early_and_keep_names():
    model, full = build(out_indices=(1, )), build()
    model.load_state_dict(full.state_dict(), strict=False)
    x = torch.randn(1, 3, 32, 32)
    (out, ) = model(x)
    assert torch.equal(out, full(x)[1])
    assert model.out_channels == [64]


@pytest.mark.parametrize('kwargs, match', [
    (dict(arch='giant'), "arch='giant'"),
    (dict(arch=dict(embed_dims=30, depths=(2, 2, 2, 2), head_dim=8)),
     'head_dim'),
    (dict(modalities=('hr', 'lidar')), 'lidar'),
    (dict(modality='s3'), "modality='s3'"),
    (dict(apm_modes=dict(s3=(1, 1, 1))), 's3'),
    (dict(apm_modes='auto'), "apm_modes='auto'"),
    (dict(pos='alibi'), "pos='alibi'"),
    (dict(out_indices=(4, )), 'out_indices'),
    (dict(frozen_stages=5), 'frozen_stages=5'),
    (dict(moe=dict(num_layers=4)), "moe\\['num_layers'\\]=4"),
])
def test_bad_arguments(kwargs, match):
    with pytest.raises(ConfigError, match=match):
        build(**kwargs)


def test_one_step_lowers_a_loss():
    model = build(moe=dict(num_layers=1, num_experts=2)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    hr, s2 = torch.randn(2, 3, 32, 32), torch.randn(2, 10, 8, 8)
    losses = []
    for _ in range(4):
        loss = (model(hr)[3].mean() - 1)**2 + (model(s2, 's2')[3].mean() +
                                               1)**2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_stages_that_are_never_computed_are_not_trained():
    model = build(out_indices=(0, 2))
    sum(out.sum() for out in model(torch.randn(1, 3, 64, 64))).backward()
    assert not model.stages[3][0].norm1.weight.requires_grad
    others = ('s2', 's1')  # another sensor's own parts
    missing = [name for name, p in model.named_parameters()
               if p.requires_grad and p.grad is None
               and not any(f'.{other}.' in name for other in others)]
    assert not missing
