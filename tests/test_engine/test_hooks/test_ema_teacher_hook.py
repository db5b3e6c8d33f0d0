# Copyright (c) mmeo contributors. All rights reserved.
"""When the teacher moves, and where in the run it is told to be."""

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmeo.engine import EMATeacherHook
from mmeo.errors import ConfigError


class Pupil(BaseModel):
    """Notes what the hook tells it."""

    def __init__(self) -> None:
        super().__init__()
        self.student = nn.Linear(2, 1)
        self.told: list = []

    def set_iteration(self, iteration: int, max_iters: int) -> None:
        self.told.append(('at', iteration, max_iters))

    def update_teacher(self, momentum: float = -1.) -> None:
        self.told.append(('move', momentum))

    def forward(self, inputs, mode: str = 'tensor'):
        return dict(loss=self.student(torch.stack(list(inputs))).mean())


def run(tmp_path, model, counts=1, data=None, **options):
    runner = Runner(
        model, str(tmp_path),
        train_dataloader=dict(
            batch_size=1, num_workers=0,
            collate_fn=lambda batch: dict(inputs=batch),
            dataset=data or [torch.ones(2)] * 8,
            sampler=dict(type='mmengine.DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=False, max_iters=4),
        optim_wrapper=dict(
            type='mmengine.OptimWrapper', accumulative_counts=counts,
            optimizer=dict(type='SGD', lr=.1)),
        custom_hooks=[EMATeacherHook(**options)],
        default_hooks=dict(logger=None, checkpoint=None),
        experiment_name=f'{tmp_path.name}', default_scope='mmeo')
    runner.train()


def test_moves_after_each_step(tmp_path):
    model = Pupil()
    run(tmp_path, model)
    wanted = [('move', 0.)]
    for i in range(4):
        wanted += [('at', i, 4), ('move', -1.)]
    assert model.told == wanted


def test_does_not_move_while_gradients_accumulate(tmp_path):
    model = Pupil()
    run(tmp_path, model, counts=2, copy_at_start=False)
    assert model.told == [('at', 0, 4), ('at', 1, 4), ('move', -1.),
                          ('at', 2, 4), ('at', 3, 4), ('move', -1.)]


def test_other_models(tmp_path):
    class Plain(Pupil):
        update_teacher = None

    Plain.update_teacher = property()
    with pytest.raises(ConfigError, match='has no update_teacher'):
        run(tmp_path, Plain())


def test_classes_of_the_data_are_compared(tmp_path):
    class Named(Pupil):
        def check_classes(self, classes) -> None:
            self.told.append(('classes', classes))

    class Data(list):
        metainfo = dict(classes=('a', 'b'))

    model = Named()
    run(tmp_path, model, data=Data([torch.ones(2)] * 8))
    assert model.told[0] == ('classes', ('a', 'b'))
