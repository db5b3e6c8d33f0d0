# Copyright (c) mmeo contributors. All rights reserved.
"""Student and teacher as a whole."""

import math

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement

from mmeo import build
from mmeo.errors import ConfigError
from mmeo.models.layers import SwinV2Block
from mmeo.models.selfsup import AlignmentHead
from mmeo.models.selfsup.branch import join_series
from mmeo.models.selfsup.schedules import cosine_schedule, linear_schedule
from mmeo.models.selfsup.skysense_v2_pretrainer import feature_std

FUSION = dict(type='TemporalFusion', embed_dims=32, num_layers=1,
              num_heads=2, drop_path_rate=0.)


def total(model, batch) -> torch.Tensor:
    return model.parse_losses(model.loss(batch))[0]


def test_losses_and_logs(pretrainer, batch):
    found = pretrainer.loss(batch)
    sources, levels = ('hr', 's2', 's1'), ('pix', 'obj', 'img')
    assert set(found) == {
        *(f'loss_mgcl_{s}_{v}' for s in sources for v in levels),
        *(f'loss_qsacl_{s}' for s in sources), 'loss_ita', 'ita_acc',
        'ita_pixels',
        *(f'std_{s}' for s in sources), 'entropy_mgcl', 'entropy_qsacl',
        'no_overlap'}
    assert all(value.isfinite() for value in found.values())
    assert found['no_overlap'] == 0
    for name in ('entropy_mgcl', 'entropy_qsacl', 'std_hr'):
        assert 0 < found[name] < 1


def test_gradients_reach_the_student_alone(pretrainer, batch):
    with torch.no_grad():
        for block in pretrainer.student.modules():
            if isinstance(block, SwinV2Block):  # begins as the identity
                block.norm1.weight.fill_(1.)
                block.norm2.weight.fill_(1.)
    total(pretrainer, batch).backward()
    assert all(p.grad is None and not p.requires_grad
               for p in pretrainer.teacher.parameters())
    # Each trained parameter, as distributed training needs it.
    assert not [name for name, p in pretrainer.named_parameters()
                if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert not pretrainer.teacher.training and pretrainer.student.training


def test_nothing_of_what_no_sample_has(new_pretrainer, new_samples):
    """A sensor that is absent everywhere still leaves no parameter out."""
    model = new_pretrainer(fusion=FUSION)
    samples = new_samples(2, lacking={0: ('s1', 's2'), 1: ('s1', )})
    found = model.loss(model.data_preprocessor(samples)['inputs'])
    for level in ('pix', 'obj', 'img'):
        assert float(found[f'loss_mgcl_s1_{level}']) == 0
    assert float(found['loss_qsacl_s1']) == 0
    model.parse_losses(found)[0].backward()
    assert not [name for name, p in model.named_parameters()
                if p.requires_grad and p.grad is None]


def test_series_of_local_crops_may_be_shorter(new_pretrainer, new_samples):
    model = new_pretrainer()
    samples = new_samples(2)
    for crop in (crop for sample in samples for crop in sample['inputs']):
        if crop['kind'] == 'local':
            crop['modalities']['s2'] = {
                k: v[:1] for k, v in crop['modalities']['s2'].items()}
    found = model.loss(model.data_preprocessor(samples)['inputs'])
    assert found['loss_qsacl_s2'] > 0


def test_bfloat16_is_close(pretrainer, batch):
    pretrainer.eval()
    plain = pretrainer.loss(batch)
    with torch.autocast('cpu', torch.bfloat16):
        half = pretrainer.loss(batch)
    for name, value in plain.items():
        if name.startswith('loss'):
            assert half[name].dtype == torch.float32
            assert abs(half[name] - value) < .1 * value, name


def test_missing_sensors_change_no_other(new_pretrainer, new_samples):
    """The losses of HR are those of samples with all sensors."""
    model = new_pretrainer()
    whole = new_samples(2)
    lacking = new_samples(2)
    for crop in lacking[1]['inputs']:
        del crop['modalities']['s2']
    a, b = (model.loss(model.data_preprocessor(x)['inputs'])
            for x in (whole, lacking))
    for name in a:
        if '_hr' in name or '_s1' in name or 'ita' in name:
            torch.testing.assert_close(a[name], b[name])
    alone = model.loss(model.data_preprocessor(whole[:1])['inputs'])
    for name in a:
        if name.startswith('loss') and '_s2' in name:
            torch.testing.assert_close(b[name], alone[name])


def test_padding_a_series_changes_nothing(new_pretrainer, batch):
    model = new_pretrainer(fusion=FUSION).eval()
    before = model.loss(batch)
    for crop in batch:
        for name, found in crop.modalities.items():
            extra = type(found)(
                torch.full_like(found.images, 9.),
                torch.zeros_like(found.valid), torch.zeros_like(found.dates))
            crop.modalities[name] = type(found)(*(
                torch.cat((getattr(found, k), getattr(extra, k)), 1)
                for k in ('images', 'valid', 'dates')))
    after = model.loss(batch)
    assert any('fused' in name for name in after)
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, msg=name)


def test_steps_lower_the_loss(pretrainer, batch):
    wrapper = OptimWrapper(torch.optim.AdamW(
        [p for p in pretrainer.parameters() if p.requires_grad], lr=1e-3))
    losses = []
    for _ in range(5):
        loss = total(pretrainer, batch)
        wrapper.update_params(loss)
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 1


def test_first_iterations_leave_the_prototypes(pretrainer, batch):
    pretrainer.set_iteration(1249, 10000)
    total(pretrainer, batch).backward()
    frozen = [p.grad for name, p in pretrainer.student.named_parameters()
              if name.endswith('prototypes')]
    assert len(frozen) == 4 and not any(grad.any() for grad in frozen)
    pretrainer.set_iteration(1250, 10000)
    total(pretrainer, batch).backward()
    assert all(grad.any() for grad in frozen)


def test_schedules():
    assert cosine_schedule(.994, 1., 0, 100) == pytest.approx(.994)
    assert cosine_schedule(.994, 1., 50, 100) == pytest.approx(.997)
    assert cosine_schedule(.994, 1., 100, 100) == 1
    assert cosine_schedule(.994, 1., 25, 100) == pytest.approx(
        1 - .003 * (1 + math.cos(math.pi / 4)))
    assert linear_schedule(.04, .07, 0, 50) == .04
    assert linear_schedule(.04, .07, 25, 50) == pytest.approx(.055)
    assert linear_schedule(.04, .07, 80, 50) == pytest.approx(.07)
    assert linear_schedule(.04, .07, 0, 0) == pytest.approx(.07)


def test_schedules_of_the_model(new_pretrainer):
    model = new_pretrainer()
    for step, momentum, temp in ((0, .994, .04), (250, None, .055),
                                 (500, None, .07), (10000, 1., .07)):
        model.set_iteration(step, 10000)
        assert model.current_temp == pytest.approx(temp)
        if momentum is not None:
            assert model.current_momentum == pytest.approx(momentum)
    fixed = new_pretrainer(momentum=.996, teacher_temp=.05)
    for step in (0, 77, 10000):
        fixed.set_iteration(step, 10000)
        assert fixed.current_momentum == pytest.approx(.996)
        assert fixed.current_temp == pytest.approx(.05)


def test_teacher_is_the_moving_average(pretrainer):
    model = pretrainer
    with torch.no_grad():
        for p in model.student.parameters():
            p.add_(torch.randn_like(p))
    before = [p.clone() for p in model.teacher.parameters()]
    model.set_iteration(5000, 10000)
    model.update_teacher()
    for old, new, student in zip(before, model.teacher.parameters(),
                                 model.student.parameters()):
        torch.testing.assert_close(new, .997 * old + .003 * student)
    model.update_teacher(0.)
    for new, student in zip(model.teacher.parameters(),
                            model.student.parameters()):
        assert torch.equal(new, student)


def test_fused_map_and_experts(new_pretrainer, batch):
    model = new_pretrainer(
        fusion=FUSION,
        backbone=dict(type='SkySenseV2', arch=dict(
            embed_dims=32, depths=(1, 1, 1, 1), head_dim=16),
            moe=dict(num_experts=2, num_layers=2)),
        loss_weights=dict(moe=2., koleo=.5, alignment=3.))
    found = model.loss(batch)
    assert {f'loss_mgcl_fused_{v}' for v in ('pix', 'obj', 'img')} <= set(
        found)
    assert 'loss_qsacl_fused' not in found
    assert found['loss_moe'] > 0
    model.parse_losses(found)[0].backward()
    missing = [name for name, p in model.named_parameters()
               if p.requires_grad and p.grad is None]
    assert not missing
    gate = model.student.backbone.stages[-1][-1].mlp.gate.weight.grad
    assert gate.any()
    # Each weight multiplies its own losses and no other.
    model.eval()
    first = model.loss(batch)
    model.weights.update(mgcl=0., alignment=6.)
    second = model.loss(batch)
    for name in first:
        if name.startswith('loss_mgcl'):
            assert second[name] == 0
        elif name == 'loss_alignment':
            torch.testing.assert_close(second[name], 2 * first[name])
        else:
            torch.testing.assert_close(second[name], first[name])


@pytest.mark.parametrize('off, absent', [
    (dict(qsacl=None), 'qsacl'), (dict(mgcl=None), 'mgcl'),
    (dict(ita=None), 'ita')])
def test_parts_can_be_switched_off(new_pretrainer, batch, off, absent):
    model = new_pretrainer(**off)
    found = model.loss(batch)
    assert not any(f'loss_{absent}' in name for name in found)
    model.parse_losses(found)[0].backward()
    assert not [name for name, p in model.named_parameters()
                if p.requires_grad and p.grad is None]


def test_info_nce_in_place_of_dino(new_pretrainer, batch):
    model = new_pretrainer(contrast=dict(
        type='InfoNCE', embed_dims=8, hidden_dims=16))
    found = model.loss(batch)
    model.parse_losses(found)[0].backward()
    assert found['loss_qsacl_hr'] > 0 and 'entropy_mgcl' not in found


def test_other_modes(pretrainer, batch):
    maps = pretrainer(batch, mode='tensor')
    assert maps['global']['hr'].shape == (2, 3, 1, 256, 2, 2)
    assert maps['local']['s2'].shape[:2] == (2, 3)
    pretrainer.eval()
    found = pretrainer(batch, mode='predict')
    assert [set(x) for x in found] == [{'hr', 's2', 's1'}] * 3
    hr = pretrainer.teacher.backbone(
        batch[0].modalities['hr'].images[:, 0], 'hr')[-1].mean((2, 3))
    torch.testing.assert_close(found[1]['hr'], hr[1])
    with pytest.raises(ConfigError, match='mode='):
        pretrainer(batch, mode='train')


def test_spread_of_features():
    assert float(feature_std(torch.ones(4, 3))) == 0
    apart = torch.tensor([[1., 0.], [-1., 0.]])
    assert float(feature_std(apart)) == pytest.approx(1)


def test_joined_series(batch):
    pieces = [batch[0].modalities['s2'], batch[1].modalities['s1']]
    pieces[1].images = pieces[1].images.repeat(1, 1, 5, 1, 1)
    joined = join_series(pieces)
    assert joined.valid.sum() == pieces[0].valid.sum() + pieces[1].valid.sum()
    assert (joined.dates[~joined.valid] == -1).all()


def test_errors(new_pretrainer, batch, new_samples):
    model = new_pretrainer()
    model._iteration = None
    with pytest.raises(ConfigError, match='EMATeacherHook'):
        model.loss(batch)
    with pytest.raises(ConfigError, match='nothing to learn'):
        build('SkySenseV2Pretrainer', backbone=dict(
            type='SkySenseV2', arch='tiny'))
    with pytest.raises(ConfigError, match='loss_weights'):
        new_pretrainer(loss_weights=dict(pixels=1.))
    with pytest.raises(ConfigError, match='sources='):
        new_pretrainer(mgcl=dict(sources=('hr', 'fused')))
    model = new_pretrainer()
    with pytest.raises(ConfigError, match='num_global=2'):
        model.loss(batch[1:])
    with pytest.raises(ConfigError, match="ita\\['source'\\]"):
        new_pretrainer(ita=dict(model_ita(model), source='sar'))
    with pytest.raises(ConfigError, match='compares modalities'):
        new_pretrainer(loss_weights=dict(alignment=1.), backbone=dict(
            type='SkySenseV2', arch='tiny', modalities=('hr', )))


def model_ita(model) -> dict:
    """Options of the toy's ITA head."""
    return dict(class_names=model.ita.class_names, text_dims=8,
                text_embeddings=model.ita.text_embeddings)


def test_a_batch_without_labels_teaches_no_names(new_pretrainer, new_samples):
    model = new_pretrainer()
    samples = new_samples(2)
    for crop in (crop for sample in samples for crop in sample['inputs']):
        crop['label'] = None
    found = model.loss(model.data_preprocessor(samples)['inputs'])
    assert found['loss_ita'] == 0 and found['ita_pixels'] == 0
    model.parse_losses(found)[0].backward()
    # DDP waits for each gradient.
    assert not model.ita.project.weight.grad.any()


def test_labels_of_other_classes(new_pretrainer):
    model = new_pretrainer()
    model.check_classes(('water', 'forest', 'road', 'house'))
    with pytest.raises(ConfigError, match="class 1 is 'road' and 'forest'"):
        model.check_classes(('water', 'road', 'forest', 'house'))
    with pytest.raises(ConfigError, match='3 and 4 classes'):
        model.check_classes(('water', 'forest', 'road'))
    with pytest.raises(ConfigError, match='needs labels'):
        model.check_classes(None)
    new_pretrainer(ita=None).check_classes(None)


def test_geo_context_learns_the_regions_of_the_data(new_pretrainer,
                                                    new_samples):
    model = new_pretrainer(fusion=dict(
        type='TemporalFusion', embed_dims=32, num_layers=1, num_heads=2,
        geo_context=dict(num_regions=4, num_prototypes=2)))
    samples = new_samples(3)
    for sample, region in zip(samples, (1, 3, None)):
        sample['data_samples'] = BaseDataElement(metainfo=dict(
            {} if region is None else dict(region=region)))
    before = model.student.fusion.geo_context.prototypes.clone()
    model.loss(model.data_preprocessor(samples)['inputs'])
    moved = (model.student.fusion.geo_context.prototypes != before)
    assert moved.flatten(1).any(1).tolist() == [False, True, False, True]
    teacher = model.teacher.fusion.geo_context.prototypes
    assert torch.equal(teacher, before)
    model.update_teacher()
    assert torch.equal(teacher, model.student.fusion.geo_context.prototypes)


def test_a_sensor_that_nobody_has_does_not_coarsen_alignment(pretrainer,
                                                             new_samples):
    lacking = dict.fromkeys(range(3), ('hr', ))
    batch = pretrainer.data_preprocessor(new_samples(lacking=lacking))
    views = pretrainer.student(batch['inputs'], None, 'student',
                               heads=False)['views']['global']
    head = AlignmentHead(256, 8, 16)
    seen = []
    head.head.register_forward_pre_hook(
        lambda module, args: seen.append(len(args[0])))
    head(views)
    # 2 crops of 3 samples, 4 x 4 tokens each; none where HR takes part.
    assert sorted(seen) == [0, 0, 0, 0, 96, 96]


@pytest.mark.parametrize('options, idle', [
    (dict(fusion=FUSION, mgcl=None), 'fused'),
    (dict(mgcl=None, qsacl=None), 's1'),
    (dict(mgcl=dict(grid_size=3, num_centroids=4, sources=('hr', 's2')),
          qsacl=None), 's1')])
def test_parts_that_no_loss_reads(new_pretrainer, options, idle):
    with pytest.raises(ConfigError, match=f"no loss reads .*'{idle}'"):
        new_pretrainer(**options)
