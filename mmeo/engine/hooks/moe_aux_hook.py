# Copyright (c) mmeo contributors. All rights reserved.
"""Auxiliary losses of experts that enter the backward pass by themselves."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from mmeo.errors import ConfigError
from mmeo.models.layers import MoEFFN
from mmeo.registry import HOOKS


def loss_factor(wrapper: OptimWrapper) -> float:
    """What the optimizer's wrapper multiplies a loss by before backward.

    One over the steps of gradient accumulation, times the scale of
    ``AmpOptimWrapper``, which it has in bfloat16 too.

    Raises:
        ConfigError: If the wrapper does not say, as DeepSpeed's.
    """
    if not hasattr(wrapper, 'scale_loss'):
        raise ConfigError(
            f'{type(wrapper).__name__} does not tell how it scales a loss, '
            'so the balance loss of experts cannot follow it: train models '
            'with MoEFFN or TokenMoE under DDP or FSDP '
            '(configs/_base_/strategies)')
    factor = wrapper.scale_loss(torch.ones(())).item()
    scaler = getattr(wrapper, 'loss_scaler', None)
    return factor if scaler is None else factor * scaler.get_scale()


@HOOKS.register_module()
class MoEAuxHook(Hook):
    """Scales the injected losses of :class:`MoEFFN` as the model's, and logs.

    Put it into ``custom_hooks`` of a model with experts whose loss does not
    collect theirs, when it is trained with gradient accumulation or
    ``AmpOptimWrapper``; elsewhere it only logs: ``moe_aux_loss``, the sum
    over layers, and ``moe_max_share``, the largest share of tokens that an
    expert had, of any layer (1 / M is balanced).
    """

    # Before the logger.
    priority = 'HIGH'

    def before_train_iter(self, runner: Runner, *args: Any,
                          **kwargs: Any) -> None:
        for layer in self._layers(runner):
            layer.aux_scale = loss_factor(runner.optim_wrapper)

    def after_train_iter(self, runner: Runner, *args: Any,
                         **kwargs: Any) -> None:
        layers = self._layers(runner)
        if not layers:
            return
        loss = sum(layer.pop_aux_loss() for layer in layers)
        share = max(
            (layer.last_counts.max() / layer.last_counts.sum().clamp(min=1)
             ).item() for layer in layers)
        runner.message_hub.update_scalar('train/moe_aux_loss', float(loss))
        runner.message_hub.update_scalar('train/moe_max_share', share)

    @staticmethod
    def _layers(runner: Runner) -> list[MoEFFN]:
        return [m for m in runner.model.modules()
                if isinstance(m, MoEFFN) and m.inject_aux]
