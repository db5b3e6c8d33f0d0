# Copyright (c) mmeo contributors. All rights reserved.
"""bfloat16 autocast without loss scaling, on any device."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from mmeo.errors import ConfigError
from mmeo.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Runs the forward pass in bfloat16; weights and gradients stay float32.

    bfloat16 has the exponents of float32, so there is no loss to scale.
    mmengine's ``AmpOptimWrapper`` wants a GPU and clips each rank's shards
    of FSDP by themselves; here the CPU will do, and the norm is that of the
    whole gradient.

    Args:
        dtype (str, optional): 'bfloat16', or None for float32. Defaults to
            'bfloat16'.
        counts_steps (bool): The training loop counts steps of the optimizer,
            not the micro-batches that it accumulates: then nothing is lost
            where the count of a resumed run is no multiple of
            ``accumulative_counts``, and there is nothing to warn of.
            ``TokenWeightedTrainLoop`` sets it. Defaults to False.
        **kwargs: Of mmengine's ``OptimWrapper``.

    Raises:
        ConfigError: If ``dtype`` is another one.
    """

    def __init__(self, dtype: Optional[str] = 'bfloat16',
                 counts_steps: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if dtype not in ('bfloat16', None):
            raise ConfigError(
                f"AutocastOptimWrapper: dtype={dtype!r} must be 'bfloat16' or "
                'None; float16 needs the loss scaling of AmpOptimWrapper')
        self.dtype = dtype
        self.counts_steps = counts_steps
        self._sharded: Optional[FullyShardedDataParallel] = None

    def initialize_count_status(self, model: nn.Module, init_counts: int,
                                max_counts: int) -> None:
        """Begin to count; the Runner and the loop give their own counts."""
        factor = self._accumulative_counts if self.counts_steps else 1
        super().initialize_count_status(
            model, init_counts * factor, max_counts * factor)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, and no synchronisation while accumulating."""
        if isinstance(model, FullyShardedDataParallel):
            self._sharded = model
        cast = torch.autocast(
            get_device(), torch.bfloat16, enabled=self.dtype is not None)
        with super().optim_context(model), cast:
            yield

    def _clip_grad(self) -> None:
        by_norm = self.clip_func is torch.nn.utils.clip_grad_norm_
        if self._sharded is None or not by_norm:
            super()._clip_grad()
            return
        norm = self._sharded.clip_grad_norm_(**self.clip_grad_kwargs)
        self.message_hub.update_scalar('train/grad_norm', float(norm))
