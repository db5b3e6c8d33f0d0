# Copyright (c) mmeo contributors. All rights reserved.
"""The whole model, in small."""

import pytest
import torch
from torch import nn

import mmeo
from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS
from mmeo.structures import (
    MODES,
    OTHER_LABEL,
    EpisodeBatch,
    EpisodeSample,
    ImageGroup,
)

B, K, N, SIZE = 2, 2, 4, 64
BANDS = dict(hr=3, s1=2)


class Encoder(nn.Module):
    """Two sensors, four maps of strides 4 to 32, nothing learned is needed."""

    def __init__(self):
        super().__init__()
        self.stems = nn.ModuleDict(
            {name: nn.Conv2d(c, 8, 4, 4) for name, c in BANDS.items()})
        self.calls = []

    def forward(self, x, modality):
        self.calls.append((modality, len(x)))
        x = self.stems[modality](x)
        return [nn.functional.avg_pool2d(x, 2**i) for i in range(4)]


@pytest.fixture(autouse=True)
def registered():
    MODELS.register_module(name='TwoSensorEncoder', module=Encoder)
    torch.manual_seed(0)
    yield
    MODELS.module_dict.pop('TwoSensorEncoder')


def make(**kwargs):
    small = dict(embed_dims=16, num_heads=4, feedforward_channels=32)
    return mmeo.build(
        'VITASegmentor',
        backbone=dict(type='TwoSensorEncoder'),
        neck=dict(type='ModalityFPN', in_channels=[8] * 4, out_channels=16,
                  modalities=('hr', 's1')),
        **{**dict(
            text_encoder=dict(type='HashedTextEncoder', embed_dims=12),
            former=dict(type='VITAFormer', **small),
            decoder=dict(type='VITADecoder', num_queries=6, num_layers=3,
                         **small),
            loss=dict(type='VITALoss', num_points=128),
            data_preprocessor=dict(type='BaseDataPreprocessor')),
           **kwargs}).eval()


def scene(modality, labels):
    """Pixels that tell the class, whatever the sensor."""
    colours = torch.linspace(-2, 2, BANDS[modality] * (N + 1)).view(N + 1, -1)
    return colours[labels].permute(0, 3, 1, 2) + 0.1 * torch.randn(
        len(labels), BANDS[modality], *labels.shape[1:])


def batch(target='hr', prompt='hr', count=N):
    torch.manual_seed(2)
    labels = torch.randint(0, N, (B, 4, 4)).repeat_interleave(
        SIZE // 4, 1).repeat_interleave(SIZE // 4, 2)
    shots = torch.randint(0, N, (B * K, 4, 4)).repeat_interleave(
        SIZE // 4, 1).repeat_interleave(SIZE // 4, 2)
    masks = shots[:, None] == torch.arange(count)[:, None, None]
    valid = torch.arange(count) < N
    names = ('maize field', 'river', 'paved road', 'house', 'x1', 'x2')
    return EpisodeBatch(
        {target: ImageGroup(scene(target, labels), torch.arange(B))},
        [names[:count]] * B, valid.expand(B, -1),
        {prompt: ImageGroup(scene(prompt, shots), torch.arange(B * K))},
        masks.unflatten(0, (B, K)), labels)


def all_scores(model, data):
    code = model.encode_prompt(data)
    return {mode: model.segment(data.targets, code, mode) for mode in MODES}


@pytest.mark.parametrize('mode', MODES)
def test_single_mode_equals_joint(mode):
    model, data = make(), batch()
    joint = model._slide(data.targets, model.encode_prompt(data), MODES)
    code = model.encode_prompt(data, (mode, ))
    assert (code.text is None) == (mode == 'visual')
    assert (code.visual is None) == (mode == 'textual')
    torch.testing.assert_close(model.segment(data.targets, code, mode),
                               joint[mode], atol=1e-5, rtol=1e-5)


def test_order_of_classes_permutes_scores():
    model, data = make(), batch()
    order = [2, 0, 3, 1]
    turned = batch()
    turned.masks = data.masks[:, :, order]
    turned.class_names = [tuple(names[i] for i in order)
                          for names in data.class_names]
    before, after = all_scores(model, data), all_scores(model, turned)
    for mode in MODES:
        torch.testing.assert_close(after[mode], before[mode][:, order],
                                   atol=1e-5, rtol=1e-5)


def test_padding_classes_change_nothing():
    model, data, more = make(), batch(), batch(count=N + 2)
    more.class_names = data.class_names
    before, after = all_scores(model, data), all_scores(model, more)
    for mode in MODES:
        torch.testing.assert_close(after[mode][:, :N], before[mode],
                                   atol=1e-5, rtol=1e-5)
        assert after[mode][:, N:].eq(-1).all()


def test_padding_shots_change_nothing():
    model, data = make(), batch()
    more = batch()
    more.masks = torch.cat((data.masks, torch.zeros_like(data.masks)), 1)
    images = data.prompts['hr'].images.unflatten(0, (B, K))
    more.prompts = {'hr': ImageGroup(
        torch.cat((images, torch.randn_like(images)), 1).flatten(0, 1),
        torch.arange(2 * B * K))}
    torch.testing.assert_close(all_scores(model, more)['fused'],
                               all_scores(model, data)['fused'], atol=1e-5,
                               rtol=1e-5)


@pytest.mark.parametrize('training', [False, True])
def test_samples_with_fewer_shots(training):
    """The last sample has one shot less, the other of another sensor."""
    model, data = make().train(training), batch()
    data.masks[1, 1] = False
    expected = model.encode_prompt(data)
    images = data.prompts['hr'].images
    data.prompts = {'hr': ImageGroup(images[:3], torch.arange(3))}
    found = model.encode_prompt(data)
    torch.testing.assert_close(found.visual, expected.visual, atol=1e-5,
                               rtol=1e-5)
    torch.testing.assert_close(found.sensors, expected.sensors)
    data.prompts = {'hr': ImageGroup(images[[2, 0]], torch.tensor([2, 0])),
                    's1': ImageGroup(images[1:2, :2], torch.tensor([1]))}
    mixed = model.encode_prompt(data)
    torch.testing.assert_close(mixed.visual[1], expected.visual[1],
                               atol=1e-5, rtol=1e-5)
    both = data.masks[0].flatten(2).any(-1).all(0)
    assert (mixed.sensors[0, both] == 0.5).all()


def test_mixed_sensors_equal_one_by_one():
    model = make()
    hr, s1 = batch('hr', 's1'), batch('s1', 'hr')

    def pick(groups, rows):
        name, group = next(iter(groups.items()))
        return {name: ImageGroup(group.images[rows], torch.tensor(rows))}

    mixed = EpisodeBatch(
        {**pick(hr.targets, [0]), **pick(s1.targets, [1])}, hr.class_names,
        hr.class_valid,
        {**pick(hr.prompts, [0, 1]), **pick(s1.prompts, [2, 3])}, hr.masks)
    found = all_scores(model, mixed)['fused']
    torch.testing.assert_close(found[0], all_scores(model, hr)['fused'][0],
                               atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1], all_scores(model, s1)['fused'][1],
                               atol=1e-5, rtol=1e-5)


def test_isolation_through_the_whole_model():
    model, data = make(), batch()
    code = model.encode_prompt(data)
    code.visual = code.visual.detach().requires_grad_()
    code.text = code.text.detach().requires_grad_()
    for mode, blind in (('visual', code.text), ('textual', code.visual)):
        scores = model.segment(data.targets, code, mode)
        grad = torch.autograd.grad(scores.sum(), blind, allow_unused=True)[0]
        assert grad is None or grad.abs().max() == 0


@pytest.mark.parametrize('sensors', [('hr', 'hr'), ('s1', 'hr')])
def test_learns_an_episode(sensors):
    model, data = make(), batch(*sensors)
    model.train()
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], 3e-3)
    losses = []
    for _ in range(60):
        loss = sum(model.loss(data).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    model.eval()
    for mode in MODES:
        found = torch.stack([x.pred_sem_seg.data[0]
                             for x in model.predict(data, mode=mode)])
        assert (found == data.labels).float().mean() > 0.8, mode


def test_only_trained_modes_have_losses_and_all_weights_gradients():
    for modes in (('fused', ), ('visual', ), ('textual', ), MODES):
        model = make(modes=modes)
        losses = model.loss(batch())
        assert {name.split('.')[0] for name in losses} == set(modes)
        sum(losses.values()).backward()
        idle = {n for n, p in model.named_parameters()
                if p.requires_grad and p.grad is None}
        # The other sensor's; what no example needs, without visual prompts.
        assert all('s1' in n or 'textual' in modes and n.startswith('former.')
                   for n in idle), idle


def test_predictions_of_several_modes():
    model = make(test_cfg=dict(modes=('textual', 'visual')))
    samples = [EpisodeSample() for _ in range(B)]
    data = batch()
    data.sizes = [(50, 60), (SIZE, SIZE)]
    out = model.predict(data, samples)
    assert out is samples
    assert out[0].pred_sem_seg.data.shape == (1, 50, 60)
    assert out[1].pred_visual.data.shape == (1, SIZE, SIZE)
    assert out[0].pred_sem_seg.data.equal(out[0].pred_textual.data)
    assert out[0].seg_logits.data.shape == (N, 50, 60)
    assert 'pred_fused' not in out[0]


def test_implicit_background():
    data = batch()
    every = make(test_cfg=dict(background=1e9)).predict(data)
    assert every[0].pred_sem_seg.data.eq(OTHER_LABEL).all()
    assert make().predict(data)[0].pred_sem_seg.data.max() < N


def test_a_class_without_example_is_not_found_by_example():
    model, data = make(), batch()
    data.masks[:, :, 1] = False
    assert not model.predict(data, mode='visual')[0].pred_sem_seg.data.eq(
        1).any()
    assert model.segment(data.targets, model.encode_prompt(data),
                         'fused')[:, 1].min() >= 0


def test_prompts_of_one_key_are_encoded_once():
    model, data = make(), batch()
    data.prompts['hr'].images[K:] = data.prompts['hr'].images[:K]
    data.masks[1] = data.masks[0]
    expected = model.predict(data)
    data.prompt_keys = ['a', 'a']
    model.backbone.calls.clear()
    found = model.predict(data)
    assert model.backbone.calls == [('hr', K), ('hr', B)]
    model.predict(data)
    assert model.backbone.calls[2:] == [('hr', B)]
    for a, b in zip(found, expected):
        torch.testing.assert_close(a.seg_logits.data, b.seg_logits.data,
                                   atol=1e-5, rtol=1e-5)
    model.eval()  # perhaps other weights
    model.predict(data)
    assert model.backbone.calls[3:] == [('hr', K), ('hr', B)]


def test_many_examples_are_encoded_a_few_at_a_time():
    model, data = make(), batch()
    images = torch.randn(2 * 11, 3, SIZE, SIZE)
    order = torch.randperm(22)
    data.prompts = {'hr': ImageGroup(images, order)}
    data.masks = torch.rand(B, 11, N, SIZE, SIZE) > 0.5
    code = model.encode_prompt(data)
    assert [n for _, n in model.backbone.calls] == [8, 8, 6]
    model.train()
    at_once = model.encode_prompt(data)
    torch.testing.assert_close(code.visual, at_once.visual, atol=1e-5,
                               rtol=1e-5)


def test_code_of_one_prompt_serves_many_targets():
    model, data = make(), batch()
    one = EpisodeBatch({}, data.class_names[:1], data.class_valid[:1],
                       {'hr': ImageGroup(data.prompts['hr'].images[:K],
                                         torch.arange(K))}, data.masks[:1])
    code = model.encode_prompt(one)
    together = model.segment(data.targets, code, 'fused')
    for index in range(B):
        target = {'hr': ImageGroup(data.targets['hr'].images[index][None],
                                   torch.tensor([0]))}
        torch.testing.assert_close(
            model.segment(target, code, 'fused')[0], together[index],
            atol=1e-5, rtol=1e-5)


def test_windows():
    model, data = make(), batch()
    code = model.encode_prompt(data)
    whole = model.segment(data.targets, code, 'fused')
    torch.testing.assert_close(
        model.slide_segment(data.targets, code, 'fused', SIZE), whole)
    model.backbone.calls.clear()
    parts = model.slide_segment(data.targets, code, 'fused', 32, 32)
    assert len(model.backbone.calls) == 4  # the prompt is not seen again
    corner = {'hr': ImageGroup(data.targets['hr'].images[..., :32, 32:],
                               torch.arange(B))}
    torch.testing.assert_close(parts[..., :32, 32:],
                               model.segment(corner, code, 'fused'))
    overlap = model.slide_segment(data.targets, code, 'fused', 48, 16)
    assert overlap.shape == whole.shape and overlap.isfinite().all()


def test_bad_input():
    model, data = make(max_classes=3), batch()
    with pytest.raises(DataError, match='4 classes are more than the 3'):
        model.encode_prompt(data)
    data.class_names = [('a', 'A')] * B
    with pytest.raises(DataError, match='twice'):
        make().encode_prompt(data)
    data = batch()
    data.prompts, data.masks = {}, None
    with pytest.raises(DataError, match='no example'):
        make().predict(data, mode='fused')
    make().predict(data, mode='textual')
    data = batch()
    data.targets = {'s2': data.targets['hr']}
    with pytest.raises(DataError, match=r"\['s2'\]"):
        make().predict(data)


def test_other_sensor_without_shared_space():
    model = make(shared_space=False)
    model.predict(batch('hr', 'hr'), mode='visual')
    model.predict(batch('s1', 'hr'), mode='textual')
    with pytest.raises(DataError, match=r"'s1'.*\['hr'\]"):
        model.predict(batch('s1', 'hr'), mode='visual')


def test_modes_are_checked():
    with pytest.raises(ConfigError, match='modes'):
        make(modes=('vision', ))
    with pytest.raises(ConfigError, match='text_encoder'):
        make(text_encoder=None)
    make(text_encoder=None, modes=('visual', ),
         test_cfg=dict(modes=('visual', ))).predict(batch())
