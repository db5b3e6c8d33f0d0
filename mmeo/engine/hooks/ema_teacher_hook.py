# Copyright (c) mmeo contributors. All rights reserved.
"""Moves a teacher after its student."""

from typing import Any, Optional

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmeo.errors import ConfigError
from mmeo.registry import HOOKS


@HOOKS.register_module()
class EMATeacherHook(Hook):
    """Drives a model whose teacher is the moving average of its student.

    Before each iteration the model is told where in the run it is; after each
    step of the optimiser, and not after a micro-batch that only accumulates,
    its teacher is moved. Nothing else is kept, so a resumed run goes on
    exactly. The model, :class:`SkySenseV2Pretrainer` or another, has
    ``set_iteration(iteration, max_iters)`` and ``update_teacher(momentum)``;
    its ``check_classes(names)``, if any, sees the dataset's before training.

    Args:
        copy_at_start (bool): A run that is not resumed begins with the
            student's weights in the teacher, whatever ``load_from`` brought
            into it. Defaults to True.
    """

    # Before the checkpoint is written.
    priority = 'ABOVE_NORMAL'

    def __init__(self, copy_at_start: bool = True) -> None:
        self.copy_at_start = copy_at_start

    def before_train(self, runner: Runner) -> None:
        """Compare class names with the data; begin with equal weights."""
        model = self._model(runner)
        for name in ('set_iteration', 'update_teacher'):
            if not hasattr(model, name):
                raise ConfigError(
                    f'EMATeacherHook: {type(model).__name__} has no {name}(); '
                    'use it with SkySenseV2Pretrainer, or remove it from '
                    '`custom_hooks`.')
        dataset = runner.train_loop.dataloader.dataset
        if hasattr(model, 'check_classes') and hasattr(dataset, 'metainfo'):
            model.check_classes(dataset.metainfo.get('classes'))
        if self.copy_at_start and runner.iter == 0:
            model.update_teacher(momentum=0.)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: Any = None) -> None:
        """Say which iteration comes."""
        self._model(runner).set_iteration(runner.iter, runner.max_iters)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        """Move the teacher if the weights were moved."""
        # The wrapper has counted this iteration already.
        if runner.optim_wrapper.should_update():
            self._model(runner).update_teacher()

    @staticmethod
    def _model(runner: Runner) -> nn.Module:
        model = runner.model
        while is_model_wrapper(model):
            model = model.module
        return model
