# Copyright (c) mmeo contributors. All rights reserved.
"""Distributed data parallel: each process holds the whole model."""

from typing import Any

import torch
from mmengine._strategy import DDPStrategy
from mmengine.model import is_model_wrapper
from torch import nn

from mmeo.apis.checkpoint import load_into
from mmeo.engine.strategies.checked import CheckedCheckpoints
from mmeo.registry import STRATEGIES


@STRATEGIES.register_module()
class CheckedDDPStrategy(CheckedCheckpoints, DDPStrategy):
    """mmengine's DDP with checked checkpoints, on GPUs or CPUs.

    Its checkpoints are those of a run without a strategy.

    Args:
        find_unused_parameters (bool): Whether parts of the model may go
            without gradients in a step. Defaults to False.
        **kwargs: Of :class:`CheckedCheckpoints` and mmengine's
            ``DDPStrategy``.
    """

    layout = 'ddp'

    def __init__(self, *, find_unused_parameters: bool = False,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.model_wrapper is None:
            self.model_wrapper = dict(
                type='MMDistributedDataParallel',
                broadcast_buffers=False,
                find_unused_parameters=find_unused_parameters)
        if not torch.cuda.is_available():
            self.model_wrapper.setdefault('device_ids', None)

    def _load_weights(self, checkpoint: dict, source: str) -> None:
        model: nn.Module = self.model
        while is_model_wrapper(model):
            model = model.module
        load_into(model, checkpoint, source, self.load_exclude,
                  complete=True, warn=self.logger.warning)
