# Copyright (c) mmeo contributors. All rights reserved.
"""DeepSpeed ZeRO-1: each process holds a part of the optimizer's state."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmengine._strategy import DeepSpeedStrategy
from mmengine._strategy import deepspeed as backend
from mmengine._strategy.deepspeed import DeepSpeedOptimWrapper
from mmengine.dist import barrier, is_main_process
from mmengine.optim import BaseOptimWrapper, build_optim_wrapper
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from mmeo.apis.checkpoint import check_fits
from mmeo.engine.strategies.checked import CheckedCheckpoints
from mmeo.errors import CheckpointError, ConfigError
from mmeo.registry import OPTIM_WRAPPERS, STRATEGIES

WEIGHTS, META = 'model.safetensors', 'meta.json'


@OPTIM_WRAPPERS.register_module()
class NoGradDeepSpeedOptimWrapper(DeepSpeedOptimWrapper):
    """mmengine's wrapper, whose step records no gradients.

    DeepSpeed gathers the new weights into views of the old ones, which
    current torch forbids where gradients are recorded.
    """

    @torch.no_grad()
    def step(self, **kwargs: Any) -> None:
        """Take a step of DeepSpeed's engine."""
        super().step(**kwargs)


@STRATEGIES.register_module()
class CheckedDeepSpeedStrategy(CheckedCheckpoints, DeepSpeedStrategy):
    """mmengine's DeepSpeed with checked checkpoints and readable weights.

    The config's ``optim_wrapper`` is that of DDP. ``clip_grad`` and
    ``accumulative_counts`` become DeepSpeed's own options, and a bfloat16
    wrapper its ``bf16``: weights and activations in bfloat16, the optimizer's
    copy of the weights in float32. Buffers keep their precision, since
    rotary frequencies do not survive bfloat16.

    A checkpoint is a folder: DeepSpeed's files, for resuming with as many
    processes, and ``model.safetensors``, the whole weights in float32, for
    everything else (``load_from``, converters, other strategies).

    Args:
        **kwargs: Of :class:`CheckedCheckpoints` and mmengine's
            ``DeepSpeedStrategy``.

    Raises:
        ConfigError: If DeepSpeed is not installed, or the stage shards
            weights (3).
    """

    layout = 'deepspeed'

    def __init__(self, **kwargs: Any) -> None:
        if backend.deepspeed is None:
            raise ConfigError('this strategy needs DeepSpeed: install it with '
                              '`DS_BUILD_OPS=0 pip install deepspeed`')
        super().__init__(**kwargs)
        stage = self.config.get('zero_optimization', {}).get('stage', 0)
        if stage > 2:
            raise ConfigError(
                f'zero_optimization.stage={stage} shards the weights, which '
                'CheckedDeepSpeedStrategy does not gather: use stage 1 or 2, '
                'or configs/_base_/strategies/fsdp.py')

    def build_optim_wrapper(
        self,
        optim_wrapper: Union[dict, BaseOptimWrapper],
        model: Optional[nn.Module] = None,
    ) -> BaseOptimWrapper:
        """Build DeepSpeed's wrapper from that of DDP; see the class."""
        if not isinstance(optim_wrapper, dict):
            return super().build_optim_wrapper(optim_wrapper, model)
        cfg = dict(optim_wrapper)
        kind = str(cfg.pop('type', 'OptimWrapper')).rsplit('.', 1)[-1]
        if kind in ('AmpOptimWrapper', 'AutocastOptimWrapper'):
            dtype = cfg.pop('dtype', 'bfloat16')
            cfg.pop('loss_scale', None)
            cfg.pop('counts_steps', None)
            if dtype not in ('bfloat16', None):
                raise ConfigError(f'optim_wrapper.dtype={dtype!r}: '
                                  'CheckedDeepSpeedStrategy trains in '
                                  "'bfloat16' or float32")
            if dtype:
                self.config['bf16'] = dict(enabled=True)
        elif kind not in ('OptimWrapper', 'DeepSpeedOptimWrapper'):
            raise ConfigError(f'CheckedDeepSpeedStrategy cannot take over '
                              f'optim_wrapper.type={kind!r}')
        self.config['gradient_accumulation_steps'] = cfg.pop(
            'accumulative_counts', 1)
        self._take_clipping(cfg.pop('clip_grad', None))
        cfg['type'] = 'mmeo.NoGradDeepSpeedOptimWrapper'
        return build_optim_wrapper(model, cfg)

    def _take_clipping(self, clip_grad: Optional[dict]) -> None:
        if clip_grad is None:
            return
        other = set(clip_grad) - {'max_norm', 'norm_type'}
        if other or clip_grad.get('norm_type', 2) != 2:
            raise ConfigError(f'optim_wrapper.clip_grad={clip_grad}: '
                              'DeepSpeed clips by the 2-norm, give '
                              '`max_norm` only')
        self.config['gradient_clipping'] = clip_grad['max_norm']

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        buffers = {name: value.clone()
                   for name, value in model.named_buffers()}
        wrapper = super()._wrap_model(model)
        for name, value in wrapper.module.named_buffers():
            value.data = buffers[name].to(value.device)
        return wrapper

    def load_checkpoint(self, filename: str, *,
                        callback: Optional[Callable] = None,
                        **kwargs: Any) -> dict:
        """Not used: :meth:`resume` reads folders, and initial weights are
        loaded before DeepSpeed gets the model."""
        raise CheckpointError(f'{filename}: give initial weights as '
                              '`load_from`')

    def resume(self, filename: str, **kwargs: Any) -> dict:
        """Go on from a folder that this strategy wrote.

        Args:
            filename (str): The folder.
            **kwargs: Of mmengine.
        """
        folder = Path(filename)
        meta = self._check(folder)
        if not self.trust_checkpoint:
            raise CheckpointError(
                f'{folder}: DeepSpeed unpickles its own files, which could '
                'run code. If this folder is your own, add '
                '--trust-checkpoint.')
        if meta['world_size'] != self.world_size:
            raise CheckpointError(
                f'{folder} was written by {meta["world_size"]} process(es), '
                f'each with its part of the optimizer state, and this run '
                f'has {self.world_size}: use as many, or start from its '
                f'weights with load_from={folder}.')
        callback = kwargs.get('callback')
        extra = super().resume(filename, **kwargs)
        if callback is not None:
            callback(extra)
        return extra

    def _check(self, folder: Path) -> dict:
        if not (folder / META).is_file():
            raise CheckpointError(
                f'{folder} is no folder of {type(self).__name__} (it has no '
                f'{META}): to start from the weights of another run use '
                '`load_from`.')
        with safe_open(folder / WEIGHTS, 'pt') as file:
            found = {name: _Shape(file.get_slice(name).get_shape())
                     for name in file.keys()}  # noqa: SIM118  no mapping
        check_fits(found, self.shapes, str(folder))
        return json.loads((folder / META).read_text())

    def save_checkpoint(self,
                        filename: str,
                        *,
                        save_optimizer: bool = True,
                        extra_ckpt: Optional[dict] = None,
                        **kwargs: Any) -> None:
        """Save to the folder ``filename``, which appears when complete."""
        part = Path(f'{filename}.part')
        DeepSpeedStrategy.save_checkpoint(
            self, str(part), save_optimizer=True, extra_ckpt=extra_ckpt)
        weights = self._whole_weights()
        if is_main_process():
            save_file(weights, part / WEIGHTS, metadata={'format': 'pt'})
            meta = dict(seed=self.seed, world_size=self.world_size,
                        layout=self.layout)
            (part / META).write_text(json.dumps(meta))
            for path in part.iterdir():
                self._flush(str(path))
            os.replace(part, filename)
        barrier()

    def _whole_weights(self) -> dict[str, Tensor]:
        """Float32 weights on the first process; all of them must call it."""
        from deepspeed.utils import safe_get_full_fp32_param
        model, state = self.model.module, {}
        parameters = dict(model.named_parameters(remove_duplicate=False))
        for name, value in model.state_dict().items():
            if name in parameters and hasattr(parameters[name],
                                              '_hp_mapping'):
                whole = safe_get_full_fp32_param(parameters[name])
                value = value if whole is None else whole
            if is_main_process():
                state[name] = value.detach().float().cpu().clone() \
                    if value.is_floating_point() else value.cpu().clone()
        return state


class _Shape:
    """Stands for a tensor that has not been read."""

    def __init__(self, shape: list[int]) -> None:
        self.shape = shape
