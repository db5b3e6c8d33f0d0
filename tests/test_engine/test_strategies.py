# Copyright (c) mmeo contributors. All rights reserved.
"""Strategies without processes; tests/test_tools has the real runs."""

import copy

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmeo.apis.checkpoint import check_fits, read_checkpoint, read_meta
from mmeo.apis.training import build_runner
from mmeo.engine import (
    AutocastOptimWrapper,
    CheckedDDPStrategy,
    CheckedDeepSpeedStrategy,
    CheckedFSDPStrategy,
)
from mmeo.errors import CheckpointError, ConfigError

STRATEGIES = ('ddp', 'fsdp', 'deepspeed_zero1')


def bare(cls, **attributes):
    """A strategy that opened no process group."""
    strategy = cls.__new__(cls)
    strategy.config, strategy.shapes = {}, {}
    strategy.trust_checkpoint, strategy.world_size_ = False, 1
    for name, value in attributes.items():
        setattr(strategy, name, value)
    return strategy


@pytest.mark.parametrize('name', STRATEGIES)
def test_strategy_goes_with_a_pretraining_config(repo_root, name, tmp_path):
    path = tmp_path / 'both.py'
    path.write_text(
        f"_base_ = ['{repo_root}/configs/quickstart/"
        "vitp-tiny_instruct-pretrain_synthearth.py', "
        f"'{repo_root}/configs/_base_/strategies/{name}.py']\n")
    cfg = Config.fromfile(path)
    cfg.work_dir = str(tmp_path)
    assert cfg.optim_wrapper.type == 'OptimWrapper'
    cfg.launcher = 'none'
    with pytest.raises(ConfigError, match='tools/dist_train.sh CONFIG N'):
        build_runner(cfg)


def test_foreign_strategies_are_refused(tmp_path):
    cfg = Config(dict(model=nn.Linear(1, 1), work_dir=str(tmp_path),
                      launcher='none', strategy=None))
    cfg.runner_type = 'mmeo.CheckedFlexibleRunner'
    with pytest.raises(ConfigError, match='needs a `strategy`'):
        build_runner(cfg)


def optim_wrapper(**kwargs):
    return dict(optimizer=dict(type='SGD', lr=0.1),
                clip_grad=dict(max_norm=1.0), accumulative_counts=4, **kwargs)


def test_deepspeed_takes_over_the_options_of_ddp():
    for given, half in ((dict(type='OptimWrapper'), None),
                        (dict(type='AutocastOptimWrapper'), True),
                        (dict(type='mmeo.AutocastOptimWrapper', dtype=None),
                         None),
                        (dict(type='AmpOptimWrapper', dtype='bfloat16',
                              loss_scale=dict(enabled=False)), True)):
        strategy = bare(CheckedDeepSpeedStrategy)
        cfg = optim_wrapper(**given)
        before = copy.deepcopy(cfg)
        wrapper = strategy.build_optim_wrapper(cfg, nn.Linear(2, 2))
        assert cfg == before
        assert type(wrapper).__name__ == 'NoGradDeepSpeedOptimWrapper'
        assert strategy.config['gradient_accumulation_steps'] == 4
        assert strategy.config['gradient_clipping'] == 1.0
        assert strategy.config.get('bf16', {}).get('enabled') == half
    with pytest.raises(ConfigError, match='float16'):
        strategy.build_optim_wrapper(
            optim_wrapper(type='AmpOptimWrapper', dtype='float16'),
            nn.Linear(2, 2))
    with pytest.raises(ConfigError, match='2-norm'):
        strategy._take_clipping(dict(type='value', clip_value=1))


def test_fsdp_clips_the_whole_gradient():
    strategy = bare(CheckedFSDPStrategy)
    for given, dtype in ((dict(), None),
                         (dict(type='AutocastOptimWrapper'), 'bfloat16'),
                         (dict(type='mmeo.AutocastOptimWrapper', dtype=None),
                          None),
                         (dict(type='AmpOptimWrapper', dtype='bfloat16',
                               loss_scale=dict(enabled=False)), 'bfloat16')):
        wrapper = strategy.build_optim_wrapper(
            optim_wrapper(**given), nn.Linear(2, 2))
        assert type(wrapper) is AutocastOptimWrapper
        assert wrapper.dtype == dtype
    with pytest.raises(ConfigError, match='bf16'):
        strategy.build_optim_wrapper(
            optim_wrapper(type='AmpOptimWrapper'), nn.Linear(2, 2))
    with pytest.raises(ConfigError, match="class \\['Block'\\]"):
        bare(CheckedFSDPStrategy, wrap=('Block', 'Linear'))._wrap_model(
            nn.Sequential(nn.Linear(1, 1)))


def test_autocast_wrapper_runs_in_bfloat16_and_learns_in_float32():
    model = nn.Linear(4, 4)
    for dtype, seen in (('bfloat16', torch.bfloat16), (None, torch.float32)):
        wrapper = AutocastOptimWrapper(
            dtype, optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            clip_grad=dict(max_norm=1e-3))
        with wrapper.optim_context(model):
            out = model(torch.ones(2, 4))
        assert out.dtype == seen
        before = model.weight.detach().clone()
        wrapper.update_params(out.float().sum())
        assert model.weight.dtype == torch.float32
        moved = torch.cat([(model.weight - before).ravel()]).norm()
        assert 0 < moved <= 1.01e-4
    with pytest.raises(ConfigError, match='float16.*AmpOptimWrapper'):
        AutocastOptimWrapper(
            'float16', optimizer=torch.optim.SGD(model.parameters(), lr=0.1))


def test_sharded_weights_are_checked_as_whole_ones():
    model = nn.Linear(3, 2)
    shapes = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    check_fits(model.state_dict(), shapes, 'a.pth')
    with pytest.raises(CheckpointError, match=r'weight: \(2, 4\) in the file, '
                       r'\(2, 3\) in the model'):
        check_fits(nn.Linear(4, 2).state_dict(), shapes, 'a.pth')
    with pytest.raises(CheckpointError, match='lacks 1 .*bias'):
        check_fits(dict(weight=model.weight), shapes, 'a.pth')
    with pytest.raises(CheckpointError, match='1 weights .*more'):
        check_fits(dict(model.state_dict(), more=model.bias), shapes, 'a.pth')


def test_initial_weights_are_loaded_before_wrapping(tmp_path):
    file = tmp_path / 'weights.pth'
    given = nn.Linear(3, 2)
    torch.save(dict(state_dict=given.state_dict()), file)
    seen = []
    strategy = bare(
        CheckedDDPStrategy, load_from=str(file), load_exclude=(),
        after_load=seen.append, dispatch_kwargs=dict(max_iters=3),
        logger=type('Log', (), dict(info=print, warning=print))())
    model = strategy._init_model_weights(nn.Linear(3, 2))
    assert torch.equal(model.weight, given.weight) and len(seen) == 1
    with pytest.raises(CheckpointError, match=r'\(2, 3\) in the file'):
        strategy._init_model_weights(nn.Linear(4, 2))


def test_checkpoints_of_another_strategy(tmp_path):
    file = tmp_path / 'iter_5.pth'
    torch.save(dict(state_dict={}, meta=dict(layout='fsdp')), file)
    ddp = bare(CheckedDDPStrategy)
    with pytest.raises(CheckpointError, match="another strategy .'fsdp'"):
        ddp.load_checkpoint(str(file))
    folder = tmp_path / 'iter_6.pth'
    folder.mkdir()
    with pytest.raises(CheckpointError, match='DeepSpeed writes it'):
        ddp.load_checkpoint(str(folder))
    with pytest.raises(CheckpointError, match='meta.json'):
        bare(CheckedDeepSpeedStrategy).resume(str(folder))
    (folder / 'meta.json').write_text('{"seed": 3, "world_size": 2}')
    assert read_meta(str(folder)) == dict(seed=3, world_size=2)
    assert read_meta(str(file)) == dict(layout='fsdp')


def test_deepspeed_resumes_only_what_fits_and_is_trusted(tmp_path):
    from safetensors.torch import save_file
    model = nn.Linear(3, 2)
    save_file(model.state_dict(), tmp_path / 'model.safetensors')
    (tmp_path / 'meta.json').write_text('{"seed": 3, "world_size": 2}')
    shapes = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    wrong = bare(CheckedDeepSpeedStrategy, shapes=dict(shapes, bias=(5, )))
    with pytest.raises(CheckpointError, match=r'bias: \(2\) in the file'):
        wrong.resume(str(tmp_path))
    right = bare(CheckedDeepSpeedStrategy, shapes=shapes, _world_size=1)
    with pytest.raises(CheckpointError, match='--trust-checkpoint'):
        right.resume(str(tmp_path))
    assert read_checkpoint(str(tmp_path))['bias'].equal(model.bias)
    right.trust_checkpoint = True
    with pytest.raises(CheckpointError, match='written by 2 process'):
        right.resume(str(tmp_path))
