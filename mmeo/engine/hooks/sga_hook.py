# Copyright (c) mmeo contributors. All rights reserved.
"""Tells the data preprocessor which class levels to draw from."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmeo.errors import ConfigError
from mmeo.models.in_context.granularity import (
    Granularity,
    GranularitySchedule,
)
from mmeo.registry import HOOKS


@HOOKS.register_module()
class SGAHook(Hook):
    """Semantic granularity annealing: from coarse classes to leaves.

    Before each step the attribute ``granularity`` of the data preprocessor
    is set to the schedule at ``iter / max_iters``; the preprocessor draws a
    level for each sample with the sample's own seed. A level therefore
    depends on the step and the sample alone: neither on worker processes nor
    on whether the run was resumed. In validation and after training it is
    None, and all classes are leaves.

    Logs ``sga/mean_level``, mu(t) from 1 to L, and ``sga/p1`` to ``sga/pL``.

    Args:
        levels (int): L, the depth of the class hierarchies. Defaults to 3.
        tau (float): See :class:`GranularitySchedule`. Defaults to 0.5.
        period (float): See :class:`GranularitySchedule`. Defaults to 0.8.
        hard (bool): See :class:`GranularitySchedule`. Defaults to False.

    Raises:
        ConfigError: If the model's data preprocessor cannot merge classes,
            or the length of the run is not known.
    """

    # Before the logger.
    priority = 'HIGH'

    def __init__(self,
                 levels: int = 3,
                 tau: float = 0.5,
                 period: float = 0.8,
                 hard: bool = False) -> None:
        self.schedule = GranularitySchedule(levels, tau, period, hard)

    def before_train(self, runner: Runner) -> None:
        """Fail before the first step, not in it."""
        self._preprocessor(runner)
        self._max_iters(runner)

    def before_train_iter(self, runner: Runner, *args: Any,
                          **kwargs: Any) -> None:
        progress = runner.iter / self._max_iters(runner)
        self._preprocessor(runner).granularity = Granularity(
            self.schedule, progress)
        scalars = {'mean_level': self.schedule.mean(progress)}
        for level, p in enumerate(self.schedule.probabilities(progress), 1):
            scalars[f'p{level}'] = float(p)
        for name, value in scalars.items():
            runner.message_hub.update_scalar(f'train/sga/{name}', value)

    def before_val(self, runner: Runner) -> None:
        self._preprocessor(runner).granularity = None

    def after_train(self, runner: Runner) -> None:
        self._preprocessor(runner).granularity = None

    @staticmethod
    def _max_iters(runner: Runner) -> int:
        total = runner.max_iters
        if not isinstance(total, int) or total < 1:
            raise ConfigError(
                'SGAHook needs the number of iterations of the run, got '
                f'{total!r}: set `train_cfg.max_iters`, or `max_epochs` with '
                'a dataset whose length is known')
        return total

    @staticmethod
    def _preprocessor(runner: Runner) -> nn.Module:
        model = runner.model
        while is_model_wrapper(model):
            model = model.module
        preprocessor = getattr(model, 'data_preprocessor', None)
        if not hasattr(preprocessor, 'granularity'):
            raise ConfigError(
                f'SGAHook: {type(preprocessor).__name__}, the data '
                f'preprocessor of {type(model).__name__}, merges no classes; '
                "set `model.data_preprocessor=dict(type='EpisodePreprocessor'"
                ')` or remove the hook')
        return preprocessor
