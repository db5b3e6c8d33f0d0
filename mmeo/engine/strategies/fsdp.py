# Copyright (c) mmeo contributors. All rights reserved.
"""Fully sharded data parallel: each process holds a part of each layer."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import torch
from mmengine._strategy import FSDPStrategy
from mmengine.optim import BaseOptimWrapper, OptimWrapper
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP
from torch.distributed.fsdp.wrap import ModuleWrapPolicy

from mmeo.apis.checkpoint import check_fits
from mmeo.engine.strategies.checked import CheckedCheckpoints
from mmeo.errors import ConfigError
from mmeo.registry import STRATEGIES


@STRATEGIES.register_module()
class CheckedFSDPStrategy(CheckedCheckpoints, FSDPStrategy):
    """mmengine's FSDP with checked, whole checkpoints, on GPUs or CPUs.

    Checkpoints hold the whole weights and the whole optimizer state in one
    file, so any number of processes resumes from it and converters read it.
    The config's ``optim_wrapper`` is that of DDP: ``OptimWrapper`` and
    bfloat16 ``AmpOptimWrapper`` become :class:`AutocastOptimWrapper`, whose
    gradient norm is that of the whole gradient.

    Args:
        wrap (Sequence[str]): Class names of the modules that are sharded and
            gathered one by one. Defaults to the blocks of ``InternViT`` and
            Qwen2.
        model_wrapper (dict, optional): Further arguments of
            ``MMFullyShardedDataParallel``.
        **kwargs: Of :class:`CheckedCheckpoints` and mmengine's
            ``FSDPStrategy``.
    """

    layout = 'fsdp'

    def __init__(self,
                 *,
                 wrap: Sequence[str] = ('TransformerBlock',
                                        'Qwen2DecoderLayer'),
                 model_wrapper: Optional[dict] = None,
                 **kwargs: Any) -> None:
        wrapper = dict(
            type='MMFullyShardedDataParallel',
            use_orig_params=True,
            **(model_wrapper or {}))
        super().__init__(
            model_wrapper=wrapper, state_dict_cfg=_whole_on_cpu(), **kwargs)
        self.wrap = tuple(wrap)

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        classes = {type(module) for module in model.modules()
                   if type(module).__name__ in self.wrap}
        missing = set(self.wrap) - {found.__name__ for found in classes}
        if missing:
            raise ConfigError(
                f'strategy.wrap: {type(model).__name__} has no module of '
                f'class {sorted(missing)}; name the classes of its blocks')
        for param in model.parameters():
            # A shard is flat; LayerDecayOptimizerConstructor has to know
            # matrices from vectors.
            param.whole_shape = tuple(param.shape)
        self.model_wrapper['auto_wrap_policy'] = ModuleWrapPolicy(classes)
        if not torch.cuda.is_available():
            self.model_wrapper['device_id'] = torch.device('cpu')
        return super()._wrap_model(model)

    def build_optim_wrapper(
        self,
        optim_wrapper: Union[dict, BaseOptimWrapper],
        model: Optional[nn.Module] = None,
    ) -> BaseOptimWrapper:
        """Build the wrapper; see the class."""
        if isinstance(optim_wrapper, dict):
            optim_wrapper = dict(optim_wrapper)
            kind = str(optim_wrapper.get('type', 'OptimWrapper'))
            kind = kind.rsplit('.', 1)[-1]
            if kind == 'OptimWrapper':
                optim_wrapper.update(
                    type='mmeo.AutocastOptimWrapper', dtype=None)
            elif kind == 'AmpOptimWrapper':
                if optim_wrapper.get('dtype') != 'bfloat16':
                    raise ConfigError(
                        'CheckedFSDPStrategy clips gradients for float32 and '
                        "bfloat16: set optim_wrapper.dtype='bfloat16' "
                        '(--amp-dtype bf16).')
                optim_wrapper.pop('loss_scale', None)
                optim_wrapper['type'] = 'mmeo.AutocastOptimWrapper'
        return super().build_optim_wrapper(optim_wrapper, model)

    def optim_state_dict(self) -> dict:
        """The whole state, on the first process."""
        return FSDP.optim_state_dict(self.model, self._optimizer())

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Cut the whole state into shards and load this process's."""
        # mmengine gives the arguments in the order of torch 2.0.
        shard = FSDP.optim_state_dict_to_load(
            self.model, self._optimizer(), state_dict)
        self.optim_wrapper.load_state_dict(shard)

    def _optimizer(self) -> torch.optim.Optimizer:
        assert isinstance(self.optim_wrapper, OptimWrapper)
        return self.optim_wrapper.optimizer

    def _load_weights(self, checkpoint: dict, source: str) -> None:
        state = checkpoint['state_dict']
        check_fits(state, self.shapes, source)
        self.model.load_state_dict(state)


def _whole_on_cpu() -> dict:
    """Whole state dicts in the CPU memory of the first process."""
    # What lies there already must not be moved: torch 2.12 frees it then.
    options = dict(rank0_only=True, offload_to_cpu=torch.cuda.is_available())
    return dict(
        state_dict_type='FULL_STATE_DICT',
        state_dict_config=dict(type='FullStateDictConfig', **options),
        optim_state_dict_config=dict(
            type='FullOptimStateDictConfig', **options))
