# Copyright (c) mmeo contributors. All rights reserved.
import pytest
import torch

import mmeo
from mmeo.errors import ConfigError
from mmeo.models.in_context import PromptCode
from mmeo.models.in_context.vita_former import (
    group_mask,
    needed_groups,
    own_class,
)
from mmeo.structures import MODES

B, N, C, D = 2, 4, 16, 12


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def make(**kwargs):
    return mmeo.build('VITAFormer', embed_dims=C, text_dims=D, num_heads=4,
                      feedforward_channels=32, **kwargs).eval()


def make_code(count=N, visual_valid=None, class_valid=None):
    if class_valid is None:
        class_valid = torch.ones(B, count, dtype=torch.bool)
    if visual_valid is None:
        visual_valid = class_valid.clone()
    sensors = torch.tensor([[1., 0.], [0.25, 0.75]])[:, None]
    return PromptCode(
        [tuple(f'class {i}' for i in range(count))] * B, class_valid,
        torch.randn(B, count, C), visual_valid,
        sensors.expand(B, count, 2), torch.randn(B, count, D))


def run(former, code, modes=MODES):
    torch.manual_seed(1)
    target, pos = torch.randn(B, C, 3, 5), torch.randn(1, 15, C)
    return former(code, target, pos, torch.tensor([0, 1]), modes)


def test_paper_size():
    count = sum(p.numel() for p in mmeo.build('VITAFormer').parameters())
    # Fact sheet: 2 layers of 4 * 262 144 weights, and projections of text.
    assert 2.1e6 < count < 2.4e6


def test_visual_and_textual_never_meet():
    former, code = make(), make_code()
    code.visual.requires_grad_()
    code.text.requires_grad_()
    out = run(former, code)

    def gradient(mode, x):
        found = torch.autograd.grad(out[mode].square().sum(), x,
                                    retain_graph=True, allow_unused=True)[0]
        return None if found is None else found.abs().max().item()

    assert gradient('visual', code.text) == 0
    assert gradient('textual', code.visual) == 0
    assert gradient('fused', code.text) > 0
    assert gradient('fused', code.visual) > 0
    assert gradient('visual', code.visual) > 0
    assert gradient('textual', code.text) > 0


@pytest.mark.parametrize('mode', MODES)
def test_single_mode_equals_joint(mode):
    former, code = make(), make_code()
    joint = run(former, code)
    alone = run(former, code, (mode, ))
    assert list(alone) == [mode]
    torch.testing.assert_close(alone[mode], joint[mode], atol=1e-5, rtol=0)


@pytest.mark.parametrize('mode', ['visual', 'textual'])
def test_needs_only_its_own_prompt(mode):
    former, code = make(), make_code()
    expected = run(former, code)[mode]
    if mode == 'visual':
        code.text = None
    else:
        code.visual = code.visual_valid = code.sensors = None
    torch.testing.assert_close(run(former, code, (mode, ))[mode], expected,
                               atol=1e-5, rtol=0)


def test_order_of_classes_permutes_queries():
    former, code = make(), make_code()
    order = torch.tensor([2, 0, 3, 1])
    turned = PromptCode(code.class_names, code.class_valid[:, order],
                        code.visual[:, order], code.visual_valid[:, order],
                        code.sensors[:, order], code.text[:, order])
    before, after = run(former, code), run(former, turned)
    for mode in MODES:
        torch.testing.assert_close(after[mode], before[mode][:, order],
                                   atol=1e-5, rtol=0)


def test_absent_classes_change_nothing():
    former, code = make(), make_code()
    code.visual_valid[0, 2] = False  # no example of one class
    more = make_code(N + 3)
    more.class_valid[:, N:] = False
    more.visual_valid[:, N:] = False
    for name in ('visual', 'text', 'visual_valid'):
        getattr(more, name)[:, :N] = getattr(code, name)
    before, after = run(former, code), run(former, more)
    for mode in MODES:
        torch.testing.assert_close(after[mode][:, :N], before[mode],
                                   atol=1e-5, rtol=0)


def test_features_of_a_class_without_example_are_never_read():
    former, code = make(), make_code()
    code.visual_valid[:, 1] = False
    before = run(former, code)
    code.visual[:, 1] = float('nan')
    after = run(former, code)
    for mode in MODES:
        torch.testing.assert_close(after[mode], before[mode])


def test_no_example_at_all_is_finite():
    code = make_code(visual_valid=torch.zeros(B, N, dtype=torch.bool))
    for out in run(make(), code).values():
        assert out.isfinite().all()


@pytest.mark.parametrize('kind', ['attend', 'add', 'none'])
def test_prototypes_tell_sensors_apart_but_in_text(kind):
    former, code = make(prototypes=kind), make_code()
    before = run(former, code)
    code.sensors = code.sensors.flip(-1)
    after = run(former, code)
    moved = {mode: not torch.equal(before[mode], after[mode])
             for mode in MODES}
    assert moved == dict(visual=kind != 'none', textual=False,
                         fused=kind != 'none')


def test_attended_prototype_depends_on_target_sensor():
    former, code = make(), make_code()
    target, pos = torch.randn(B, C, 3, 5), torch.randn(1, 15, C)
    outs = [former(code, target, pos, torch.tensor(x), ('visual', ))['visual']
            for x in ([0, 0], [1, 1])]
    assert not torch.allclose(*outs)


def test_group_mask():
    mask = group_mask(('visual', 'textual', 'fused'), 1).int().tolist()
    assert mask == [[1, 0, 0], [0, 1, 0], [1, 1, 1]]
    assert needed_groups(('fused', )) == MODES
    assert needed_groups(('textual', 'visual')) == ('visual', 'textual')


def test_own_class():
    own = own_class(('visual', 'textual', 'fused'), 2).int().tolist()
    nothing = [0] * 6
    assert own == [nothing] * 4 + [[1, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0]]
    assert own_class(('visual', 'textual'), 2).sum() == 0


def test_fused_tokens_prefer_their_own_class():
    """Even where no similarity tells whose example a visual token is."""

    def share_of_own(bias):
        former, code = make(), make_code()
        for layer in former.layers:
            torch.nn.init.constant_(layer.own_bias, bias)
        code.visual.requires_grad_()
        out = run(former, code)['fused']
        parts = torch.stack([torch.autograd.grad(
            out[0, n].square().sum(), code.visual, retain_graph=True)[0][0]
            .norm(dim=-1) for n in range(N)])  # (of query, of example)
        return (parts.diagonal().sum() / parts.sum()).item()

    assert share_of_own(0.) < 0.4 < 0.5 < share_of_own(4.)


def test_unknown_prototypes():
    with pytest.raises(ConfigError, match='prototypes'):
        make(prototypes='multiply')
