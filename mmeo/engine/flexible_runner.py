# Copyright (c) mmeo contributors. All rights reserved.
"""mmengine's FlexibleRunner over strategies that check checkpoints."""

from typing import Any, Optional, Union

from mmengine._strategy import BaseStrategy
from mmengine.registry import DefaultScope
from mmengine.runner import FlexibleRunner

from mmeo.engine.strategies.checked import CheckedCheckpoints
from mmeo.errors import ConfigError
from mmeo.registry import RUNNERS, STRATEGIES


@RUNNERS.register_module()
class CheckedFlexibleRunner(FlexibleRunner):
    """Trains under a ``strategy``: DDP, FSDP or DeepSpeed.

    As :class:`CheckedRunner` it stops where a checkpoint does not fit and
    does not run its pickles; ``load_exclude`` and ``trust_checkpoint`` of the
    config go to the strategy, which does the loading.
    """

    def build_strategy(self,
                       strategy: Optional[Union[BaseStrategy, dict]] = None,
                       launcher: str = 'none',
                       experiment_name: Optional[str] = None,
                       **kwargs: Any) -> BaseStrategy:
        """Build the strategy.

        Args:
            strategy (BaseStrategy or dict): One of ours.
            launcher (str): How the processes were started. Defaults to
                'none'.
            experiment_name (str, optional): Of the run.
            **kwargs: ``randomness``, ``env_cfg``, ``log_level``.

        Returns:
            BaseStrategy: The strategy, with the process group open.
        """
        if strategy is None:
            raise ConfigError('CheckedFlexibleRunner needs a `strategy`: '
                              'inherit a file of configs/_base_/strategies')
        if launcher == 'none':
            raise ConfigError(
                f'strategy {strategy["type"]} works between processes: start '
                'it with `tools/dist_train.sh CONFIG N`, also for N = 1, or '
                'leave the strategy out')
        env = kwargs.get('env_cfg') or {}
        options = dict(
            work_dir=self._work_dir,
            experiment_name=experiment_name,
            auto_scale_lr=self._auto_scale_lr,
            env_kwargs=dict(launcher=launcher,
                            randomness=kwargs.get('randomness'), **env),
            log_kwargs=dict(log_level=kwargs.get('log_level')),
            load_from=None if self._resume else self._load_from,
            load_exclude=self.cfg.get('load_exclude', ()),
            trust_checkpoint=self.cfg.get('trust_checkpoint', False),
            after_load=lambda checkpoint: self.call_hook(
                'after_load_checkpoint', checkpoint=checkpoint))
        if 'DeepSpeed' in str(strategy['type']):
            loader = self._train_dataloader or {}
            options['train_micro_batch_size_per_gpu'] = loader.get(
                'batch_size', 1)
        # The Runner opens its scope later, and components of mmengine are
        # found from ours.
        DefaultScope.get_instance(
            f'{experiment_name or "run"}-strategy',
            scope_name=self.cfg.get('default_scope', 'mmeo'))
        built = STRATEGIES.build(dict(strategy), default_args=options)
        if not isinstance(built, CheckedCheckpoints):
            raise ConfigError(
                f'strategy {strategy["type"]} loads checkpoints unchecked: '
                'use CheckedDDPStrategy, CheckedFSDPStrategy or '
                'CheckedDeepSpeedStrategy')
        return built

    def load_or_resume(self) -> None:
        """Resume; initial weights are in the model already."""
        if self._resume:
            super().load_or_resume()
