# Copyright (c) mmeo contributors. All rights reserved.
"""In-context training through the tools: killed and resumed to the same
weights, levels of annealing included, and on two processes."""

from pathlib import Path

import pytest
import torch
from rank_runs import ROOT, curve, kill_when, start, train

from mmeo import weights
from mmeo.datasets.synthetic import make_synthearth

pytestmark = pytest.mark.slow
STEPS, HALF = 6, 3
CONFIG = """
_base_ = ['{root}/configs/skysense_vita/synthearth/'
          'vita-tiny_incontext_synthearth.py']
load_from = None
train_dataloader = dict(
    batch_size={batch}, num_workers={workers},
    sampler=dict(batch_size={batch}), dataset=dict(data_root='{data}'))
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval={half}))
log_processor = dict(window_size=1)
max_iters = {steps}
train_cfg = dict(max_iters=max_iters)
test_dataloader = None
test_evaluator = None
test_cfg = None
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return make_synthearth(tmp_path_factory.mktemp('data') / 'synthearth', 6,
                           size=256, progress=False, in_context=True)


def write_config(folder: Path, data: Path, batch: int = 4, workers: int = 0,
                 extra: str = '') -> Path:
    path = folder / f'vita_{batch}_{workers}.py'
    path.write_text(CONFIG.format(
        root=ROOT, data=data, batch=batch, workers=workers, half=HALF,
        steps=STEPS) + extra)
    return path


def state(run: Path) -> dict[str, torch.Tensor]:
    return weights.unwrap(weights.load(run / f'iter_{STEPS}.pth'))


@pytest.fixture(scope='module')
def reference(data, tmp_path_factory) -> Path:
    """One process that runs through."""
    folder = tmp_path_factory.mktemp('reference')
    train(write_config(folder, data), folder / 'run', 1)
    return folder / 'run'


def test_levels_rise(reference):
    levels = [entry['sga/mean_level'] for _, entry in
              sorted(curve(reference).items())]
    assert levels == sorted(levels) and levels[0] < levels[-1]


@pytest.mark.parametrize('workers', [0, 2])
def test_killed_and_resumed(reference, data, tmp_path, workers):
    config, run = write_config(tmp_path, data, workers=workers), \
        tmp_path / 'run'
    kill_when(start(config, 1, '--work-dir', run), run / f'iter_{HALF}.pth')
    assert not (run / f'iter_{STEPS}.pth').exists(), 'killed too late'
    train(config, run, 1, '--resume')
    wanted, found = state(reference), state(run)
    assert wanted.keys() == found.keys()
    for key in wanted:
        assert torch.equal(wanted[key], found[key]), key


def test_two_processes(reference, data, tmp_path):
    """Each may see one sensor alone: DDP must not wait for the other's."""
    config = write_config(
        tmp_path, data, batch=1,
        extra="model_wrapper_cfg = dict(type='MMDistributedDataParallel', "
        "find_unused_parameters=True)\n"
        "env_cfg = dict(dist_cfg=dict(backend='gloo'))\n")
    train(config, tmp_path / 'run', 2)
    assert sorted(curve(tmp_path / 'run')) == list(range(1, STEPS + 1))
    found = state(tmp_path / 'run')
    assert found.keys() == state(reference).keys()
    assert all(x.isfinite().all() for x in found.values())
