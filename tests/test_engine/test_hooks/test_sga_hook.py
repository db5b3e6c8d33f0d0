# Copyright (c) mmeo contributors. All rights reserved.
"""Levels of classes in real runs: annealed, the same after an interruption."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

import cv2
import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.runner import Runner
from torch import nn

from mmeo.engine.hooks import SGAHook
from mmeo.errors import ConfigError
from mmeo.models.in_context import GranularitySchedule
from mmeo.models.in_context.episode_preprocessor import EpisodePreprocessor
from mmeo.registry import DATASETS

STEPS = 10


class Recorder(BaseModel):
    """Notes the classes of each step; its loss teaches nothing."""

    def __init__(self) -> None:
        super().__init__(EpisodePreprocessor())
        self.weight = nn.Parameter(torch.zeros(1))
        self.seen: list[tuple] = []
        self.validated: list[tuple] = []

    def forward(self, inputs: Any, data_samples: list,
                mode: str = 'tensor') -> Any:
        noted = tuple((s.get('level'), s.get('class_names'))
                      for s in data_samples)
        if mode == 'loss':
            self.seen.append(noted)
            return dict(loss=self.weight.sum()**2)
        self.validated.append(noted)
        return data_samples


@pytest.fixture(scope='module')
def tiles(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('tiles')
    rng = np.random.default_rng(0)
    for folder in ('img_dir', 'ann_dir'):
        (root / folder).mkdir()
    for name in range(6):
        label = rng.integers(1, 8, (4, 4), np.uint8).repeat(8, 0).repeat(8, 1)
        cv2.imwrite(str(root / f'ann_dir/{name}.png'), label)
        cv2.imwrite(str(root / f'img_dir/{name}.png'),
                    rng.integers(0, 255, (32, 32, 3), np.uint8))
    return root


@pytest.fixture
def loader(tiles: Path) -> Callable[..., dict]:
    def loader(sampler: str = 'ResumableInfiniteSampler') -> dict:
        dataset = DATASETS.build(dict(
            type='InContextDataset', same_image_prob=0, min_pixels=1,
            synonym_prob=0., datasets=dict(land=dict(
                type='LoveDADataset', data_root=str(tiles),
                hierarchy='loveda',
                pipeline=[dict(type='LoadImage'),
                          dict(type='LoadGeoAnnotations'),
                          dict(type='NormalizeBands', preset='hr')]))))
        return dict(batch_size=3, num_workers=0, dataset=dataset,
                    sampler=dict(type=sampler),
                    collate_fn=dict(type='list_collate'))
    return loader


def train(work_dir: Path, data: dict, resume: Optional[Path] = None,
          **train_cfg: Any) -> Runner:
    runner = Runner(
        Recorder(), str(work_dir), train_dataloader=data,
        train_cfg=train_cfg or dict(by_epoch=False, max_iters=STEPS),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(checkpoint=dict(
            type='CheckpointHook', by_epoch=False, interval=STEPS // 2)),
        custom_hooks=[dict(type='SGAHook', levels=3)],
        load_from=resume and str(resume), resume=resume is not None,
        randomness=dict(seed=3), default_scope='mmeo',
        experiment_name=f'sga-{work_dir.name}', log_level='WARNING')
    runner.train()
    return runner


def test_resumed_runs_draw_the_levels_of_the_whole_one(
        tmp_path: Path, loader: Callable[..., dict]) -> None:
    whole = train(tmp_path / 'whole', loader()).model.seen
    assert len(whole) == STEPS
    rest = train(tmp_path / 'rest', loader(),
                 tmp_path / f'whole/iter_{STEPS // 2}.pth').model.seen
    assert rest == whole[STEPS // 2:]
    # Not the same level again and again: coarse at first, leaves last.
    levels = np.array([[level for level, _ in step] for step in whole])
    assert len(np.unique(levels)) == 3
    assert levels[:4].mean() < levels[-4:].mean()


def test_names_are_of_the_level(tmp_path: Path,
                                loader: Callable[..., dict]) -> None:
    runner = train(tmp_path, loader())
    samples = [pair for step in runner.model.seen for pair in step]
    for level, names in samples:
        assert ('built-up area' in names) <= (level == 0)
        assert ('building' in names) <= (level > 0)
    assert runner.model.data_preprocessor.granularity is None
    hub = runner.message_hub
    mean = hub.get_scalar('train/sga/mean_level')
    schedule = GranularitySchedule(3)
    assert mean.data[0].tolist() == pytest.approx(
        [schedule.mean(step / STEPS) for step in range(STEPS)])
    p = [hub.get_scalar(f'train/sga/p{level}').current()
         for level in (1, 2, 3)]
    assert p == pytest.approx(schedule.probabilities(1 - 1 / STEPS))


def test_epochs_are_counted_in_iterations(
        tmp_path: Path, loader: Callable[..., dict]) -> None:
    runner = train(tmp_path, loader('DefaultSampler'), by_epoch=True,
                   max_epochs=2)
    mean = runner.message_hub.get_scalar('train/sga/mean_level').data[0]
    # Two epochs of two batches.
    schedule = GranularitySchedule(3)
    assert mean.tolist() == pytest.approx(
        [schedule.mean(step / 4) for step in range(4)])


def fake_runner(model: nn.Module, max_iters: Any = 8) -> SimpleNamespace:
    return SimpleNamespace(
        model=model, iter=4, max_iters=max_iters,
        message_hub=MessageHub.get_instance('sga-fake'))


def test_wrapped_models_are_opened() -> None:
    model = Recorder()
    hook = SGAHook(levels=4, tau=0.3, period=0.5)
    runner = fake_runner(nn.DataParallel(nn.DataParallel(model)))
    hook.before_train(runner)
    hook.before_train_iter(runner, 4)
    granularity = model.data_preprocessor.granularity
    assert granularity.progress == 0.5
    assert granularity.schedule == GranularitySchedule(4, 0.3, 0.5)
    hook.before_val(runner)
    assert model.data_preprocessor.granularity is None


def test_models_that_merge_nothing_are_refused() -> None:
    model = Recorder()
    model.data_preprocessor = BaseDataPreprocessor()
    with pytest.raises(ConfigError, match='BaseDataPreprocessor.*Recorder'):
        SGAHook().before_train(fake_runner(model))


@pytest.mark.parametrize('total', [0, None, float('inf')])
def test_the_length_of_the_run_must_be_known(total: Any) -> None:
    with pytest.raises(ConfigError, match='max_iters'):
        SGAHook().before_train(fake_runner(Recorder(), total))
