# Copyright (c) mmeo contributors. All rights reserved.
"""Stage 1 of SkySense-VITA: its losses, what is frozen, what is handed on."""

import math
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.optim import build_optim_wrapper
from mmengine.structures import BaseDataElement
from torch import distributed, nn

from mmeo import build, weights
from mmeo.errors import ConfigError, DataError
from mmeo.models.losses import pair_contrast
from mmeo.registry import MODELS

ARCH = dict(embed_dims=32, depths=(1, 1, 1, 1), head_dim=16)
V2 = dict(type='SkySenseV2', arch=ARCH, modalities=('hr', 's1'),
          apm_modes=dict(s1=(1, 1, 1)))
SWIN = dict(type='SkySenseV1', part='hr', arch=dict(
    embed_dims=16, depths=(1, 1, 1, 1), num_heads=(2, 2, 4, 4)))
VIT = dict(type='SkySenseV1', part='s1', arch=dict(
    embed_dims=32, depth=4, num_heads=2), out_indices=(0, 1, 2, 3))
SMALL = dict(hidden_dims=32)


@MODELS.register_module()
class NoisyConvs(nn.Module):
    """Batch norm and dropout, and no word of its channels."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(bands, 8, 4, 4), nn.BatchNorm2d(8), nn.Dropout(0.5))

    def forward(self, x):
        return (self.layers(x), )


def make_inputs(count: int = 4, seed: int = 0, size: int = 32) -> dict:
    g = torch.Generator().manual_seed(seed)
    return dict(sar=torch.randn(count, 2, 2, size, size, generator=g),
                optical=torch.randn(count, 3, size, size, generator=g))


def make_model(**changes) -> nn.Module:
    torch.manual_seed(3)
    cfg = dict(sar=VIT, optical=SWIN, projector=SMALL)
    model = build('VITAAlignPretrainer', **{**cfg, **changes})
    model.init_weights()
    return model.train()


# -- losses ---------------------------------------------------------------
def naive_contrast(a, b, tau):
    """Row by row: minus the log of the partner's share."""
    total = 0.
    for i in range(len(a)):
        powers = [math.exp(float((a[i] * b[j]).sum()) / tau)
                  for j in range(len(b))]
        total -= math.log(powers[i] / sum(powers))
    return total / len(a)


@pytest.mark.parametrize('count, dims, tau', [(5, 7, .07), (2, 3, .5),
                                              (1, 4, .07)])
@pytest.mark.parametrize('symmetric', [True, False])
def test_contrast_equals_a_loop(count, dims, tau, symmetric):
    a, b = (nn.functional.normalize(torch.randn(count, dims), dim=-1)
            for _ in range(2))
    loss, share = pair_contrast(a, b, tau, symmetric)
    wanted = naive_contrast(a, b, tau)
    if symmetric:
        wanted = (wanted + naive_contrast(b, a, tau)) / 2
    assert float(loss) == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    nearest = [max(range(count), key=lambda j: float(row @ b[j])) == i
               for i, row in enumerate(a)]
    assert float(share) == pytest.approx(100 * sum(nearest) / count)


def test_losses_of_the_model():
    """Both terms on the model's own features, with their weights."""
    model, inputs = make_model(loss_weights=dict(cl=.5, cma=2.)), make_inputs()
    with torch.no_grad():
        out = model(inputs, mode='loss')
        found = model(inputs, mode='tensor')
    sar, optical = found['sar'], found['optical']
    assert sar.shape == (4, 2, 128) and optical.shape == (4, 128)
    for features in (sar, optical):
        torch.testing.assert_close(features.norm(dim=-1),
                                   torch.ones(features.shape[:-1]))

    def both(a, b):
        return (naive_contrast(a, b, .07) + naive_contrast(b, a, .07)) / 2

    assert float(out['loss_cl']) == pytest.approx(
        .5 * both(sar[:, 0], sar[:, 1]), rel=1e-4)
    assert float(out['loss_cma']) == pytest.approx(
        2 * both(sar[:, 0], optical), rel=1e-4)
    # Without a head the optical feature is the mean of the frozen map.
    wanted = model.optical.backbone(inputs['optical'])[-1].mean((2, 3))
    torch.testing.assert_close(optical, nn.functional.normalize(wanted))


def test_weights_switch_losses_off():
    one_view = {**make_inputs(), 'sar': make_inputs()['sar'][:, :1]}
    out = make_model(loss_weights=dict(cl=0))(one_view, mode='loss')
    assert 'loss_cl' not in out and 'loss_cma' in out
    assert 'loss_cma' not in make_model(loss_weights=dict(cma=0))(
        make_inputs(), mode='loss')
    with pytest.raises(ConfigError, match='set num_views=2'):
        make_model()(one_view, mode='loss')


def contrast_of(data: dict, part: slice) -> tuple:
    """Loss of some rows, both ways, and the weight that made them."""
    weight = data['weight'].clone().requires_grad_()
    a, b = (nn.functional.normalize(data[k][part] @ weight, dim=-1)
            for k in 'ab')
    fixed = nn.functional.normalize(data['fixed'][part], dim=-1)
    # Different factors, so that no direction makes up for another.
    loss = pair_contrast(a, b, .07, True)[0] + 3 * pair_contrast(
        a, b, .2, False)[0] + 5 * pair_contrast(a, fixed, .07, True)[0]
    loss.backward()
    return loss.detach(), weight.grad


def _rank(rank: int, folder: Path, data: dict) -> None:
    distributed.init_process_group('gloo', f'file://{folder}/store',
                                   rank=rank, world_size=2)
    loss, grad = contrast_of(data, [slice(0, 2), slice(2, 5)][rank])
    for value in (loss, grad):
        distributed.all_reduce(value)
    torch.save((loss / 2, grad / 2), folder / f'{rank}.pt')
    distributed.destroy_process_group()


def test_two_processes_equal_the_joint_batch(tmp_path):
    """Values and gradients, averaged over processes as DDP does.

    One process has two rows and the other three.
    """
    data = dict(a=torch.randn(5, 6), b=torch.randn(5, 6),
                fixed=torch.randn(5, 4), weight=torch.randn(6, 4))
    context = mp.get_context('fork')  # no second import of everything
    runs = [context.Process(target=_rank, args=(rank, tmp_path, data))
            for rank in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(120)
        assert run.exitcode == 0
    wanted = contrast_of(data, slice(None))
    for rank in range(2):
        for found, value in zip(torch.load(tmp_path / f'{rank}.pt'), wanted):
            torch.testing.assert_close(found, value)


# -- what learns ----------------------------------------------------------
def test_optical_encoder_is_frozen():
    options = dict(type='NoisyConvs')
    model = make_model(
        sar=dict(options, bands=2), optical=dict(options, bands=3),
        channels=dict(sar=8, optical=8))
    before = {k: v.clone() for k, v in model.optical.state_dict().items()}
    assert not any(m.training for m in model.optical.backbone.modules())
    assert model.sar.backbone.layers[2].training
    inputs = make_inputs()
    losses = model(inputs, mode='loss')
    (losses['loss_cl'] + losses['loss_cma']).backward()
    assert all(p.grad is None for p in model.optical.parameters())
    assert all(p.grad is not None for p in model.sar.parameters())
    # Running means of batch norm stay, and dropout is off.
    for key, value in model.optical.state_dict().items():
        assert value.equal(before[key]), key
    again = [model(inputs)['optical'] for _ in range(2)]
    assert again[0].equal(again[1])
    assert not again[0].requires_grad


@pytest.mark.parametrize('cfg', [
    dict(), dict(sar=V2, optical=None), dict(optical_head='mlp'),
    dict(optical_head='random', embed_dims=24),
    dict(sar=V2, optical=None, projector=None)])
def test_every_trained_parameter_gets_a_gradient(cfg):
    """So distributed training waits for none in vain."""
    model = make_model(**cfg)
    losses = model(make_inputs(), mode='loss')
    (losses['loss_cl'] + losses['loss_cma']).backward()
    idle = [name for name, p in model.named_parameters()
            if p.requires_grad and p.grad is None]
    assert not idle
    assert not any(p.requires_grad for p in model.optical.parameters())


def test_optimizer_holds_what_learns():
    model = make_model()
    wrapper = build_optim_wrapper(model, dict(
        type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3,
                                            weight_decay=.1),
        constructor='LayerDecayOptimizerConstructor',
        paramwise_cfg=dict(layer_decay_rate=1.0)))
    held = {id(p) for group in wrapper.optimizer.param_groups
            for p in group['params']}
    assert held == {id(p) for p in model.parameters() if p.requires_grad}
    assert not held & {id(p) for p in model.optical.parameters()}


@pytest.mark.parametrize('cfg', [
    dict(), dict(sar=V2, optical=None), dict(sar=V2, optical=None,
                                             trainable='modality')])
def test_a_few_steps_align(cfg):
    model, inputs = make_model(**cfg), make_inputs(6)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=3e-3)
    found = []
    for _ in range(30):
        losses = model(inputs, mode='loss')
        loss = losses['loss_cl'] + losses['loss_cma']
        found.append((float(loss.detach()), float(losses['acc_cma'])))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert found[-1][0] < .7 * found[0][0]
    assert found[-1][1] > found[0][1] or found[-1][1] == 100


def test_one_backbone_of_both_sensors():
    """The copy begins as the backbone; the optical path may stay as it is."""
    model = make_model(sar=V2, optical=None, trainable='modality')
    for key, value in model.optical.backbone.state_dict().items():
        assert value.equal(model.sar.backbone.state_dict()[key])
    learns = {name for name, p in model.sar.backbone.named_parameters()
              if p.requires_grad}
    assert learns and all('s1' in name.split('.') for name in learns)
    inputs = make_inputs()
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=1.)
    losses = model(inputs, mode='loss')
    (losses['loss_cl'] + losses['loss_cma']).backward()
    optimizer.step()
    with torch.no_grad():
        for ours, theirs in zip(
                model.sar.backbone(inputs['optical'], 'hr'),
                model.optical.backbone(inputs['optical'], 'hr')):
            torch.testing.assert_close(ours, theirs)

    some = make_model(sar=V2, optical=None, trainable=(
        'tokenizers.s1', 'stages.3'))
    learns = {name.split('.')[0] for name, p in
              some.sar.backbone.named_parameters() if p.requires_grad}
    assert learns == {'tokenizers', 'stages'}


# -- what is handed on ----------------------------------------------------
def test_prediction():
    model = make_model().eval()
    inputs = make_inputs()
    samples = [BaseDataElement(metainfo=dict(place=str(i))) for i in range(4)]
    found = model(inputs, samples, mode='predict')
    wanted = model(inputs)
    for i, sample in enumerate(found):
        assert sample.place == str(i)
        assert sample.sar_feature.equal(wanted['sar'][i, 0])
        assert sample.optical_feature.equal(wanted['optical'][i])
        assert not sample.sar_feature.requires_grad


@pytest.mark.parametrize('name, cfg', [
    ('sar', VIT), ('optical', SWIN)])
def test_encoders_go_into_stage_2(tmp_path, name, cfg):
    """Through the tool's functions and through the checkpoint itself."""
    from safetensors.torch import save_file
    model = make_model()
    path = tmp_path / 'iter_3.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(iter=3)), path)
    checkpoint = weights.load(path)
    state = weights.extract_backbone(checkpoint, name)
    about = weights.describe_backbone(path, checkpoint, name)
    assert about['mmeo.family'] == 'skysense_v1'
    assert f'"{dict(sar="s1", optical="hr")[name]}"' in about[
        'mmeo.normalization']
    file = tmp_path / 'sar.safetensors'
    save_file({k: v.clone() for k, v in state.items()}, file)
    branch = getattr(model, name)
    for init in (dict(checkpoint=str(file)),
                 dict(checkpoint=str(path), prefix=f'{name}.backbone')):
        encoders = build('ModalityEncoders', encoders={
            branch.modality: dict(cfg, init_cfg=dict(
                type='Pretrained', **init))})
        encoders.init_weights()
        for key, value in branch.backbone.state_dict().items():
            assert value.equal(encoders.encoders[
                branch.modality].state_dict()[key]), key


def test_one_backbone_goes_into_stage_2(tmp_path):
    from safetensors.torch import save_file
    model = make_model(sar=V2, optical=None)
    path = tmp_path / 'iter_3.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(iter=3)), path)
    checkpoint = weights.load(path)
    about = weights.describe_backbone(path, checkpoint, 'sar')
    assert about['mmeo.family'] == 'skysense_v2'
    file = tmp_path / 'sar.safetensors'
    save_file({k: v.clone() for k, v in weights.extract_backbone(
        checkpoint, 'sar').items()}, file)
    for init in (dict(checkpoint=str(file)),
                 dict(checkpoint=str(path), prefix='sar.backbone')):
        backbone = build('SkySenseV2', **{k: v for k, v in V2.items()
                                          if k != 'type'},
                         init_cfg=dict(type='Pretrained', **init))
        backbone.init_weights()
        for key, value in model.sar.backbone.state_dict().items():
            assert value.equal(backbone.state_dict()[key]), key


def test_preprocessor():
    preprocessor = build('AlignDataPreprocessor')
    samples = [dict(inputs=dict(sar=torch.zeros(2, 2, 8, 8),
                                optical=torch.full((3, 16, 16), float(i))),
                    data_samples=BaseDataElement()) for i in range(3)]
    wanted = preprocessor(samples)
    assert wanted['inputs']['sar'].shape == (3, 2, 2, 8, 8)
    assert wanted['inputs']['optical'][:, 0, 0, 0].tolist() == [0, 1, 2]
    assert len(wanted['data_samples']) == 3
    from mmengine.dataset import default_collate, pseudo_collate
    for collate in (default_collate, pseudo_collate):
        found = preprocessor(collate(samples))
        assert found['inputs']['optical'].equal(wanted['inputs']['optical'])
        assert len(found['data_samples']) == 3
    samples[1]['inputs']['optical'] = torch.zeros(3, 8, 8)
    with pytest.raises(DataError, match='optical images of a batch'):
        preprocessor(samples)


@pytest.mark.parametrize('cfg, message', [
    (dict(loss_weights=dict(cl=0, cma=0)), 'not both 0'),
    (dict(loss_weights=dict(ita=1)), 'those of cl and cma'),
    (dict(temperature=0), 'must be positive'),
    (dict(modalities=('s1', )), 'are two'),
    (dict(optical_head='linear'), 'must be one of identity, random, mlp'),
    (dict(projector=None), 'features of sar have 32 channels'),
    (dict(embed_dims=24), 'features of optical have 128 channels'),
    (dict(trainable='modality'), "is of 's1' alone"),
    (dict(trainable=('encoder.layers', 'stem')), 'begins with stem'),
    (dict(optical=dict(type='NoisyConvs', bands=3)), 'set `channels`'),
])
def test_arguments_that_do_not_fit(cfg, message):
    with pytest.raises(ConfigError, match=message):
        make_model(**cfg)


def test_wrong_channels_are_named():
    model = make_model(optical=dict(type='NoisyConvs', bands=3),
                       channels=dict(optical=16))
    with pytest.raises(ConfigError, match=r'\(4, 8, 8, 8\), expected'):
        model(make_inputs(), mode='loss')


def test_config_of_the_paper_has_its_encoders(repo_root: Path):
    from mmengine.config import Config
    cfg = Config.fromfile(repo_root / 'configs/skysense_vita/pretrain/'
                          'vita-align_skysense-v1_80xb16_20k_sen12ms.py')
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    million = {name: round(sum(
        p.numel() for p in branch.backbone.parameters()) / 1e6)
        for name, branch in (('sar', model.sar), ('optical', model.optical))}
    assert million == dict(sar=303, optical=655)
    assert cfg.train_dataloader.batch_size * 80 >= 1024
    assert model.sar.channels == 1024 and model.optical.channels == 2816
    assert model.temperature == .07 and model.weights == dict(cl=1, cma=1)
