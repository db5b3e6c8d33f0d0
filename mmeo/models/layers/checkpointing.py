# Copyright (c) mmeo contributors. All rights reserved.
"""Activation checkpointing: memory for time, apart from the mathematics."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint


def maybe_checkpoint(enabled: bool, function: Callable, *args: Any) -> Any:
    """Call ``function(*args)``, recomputing it in the backward pass.

    Non-reentrant, so it works under DDP, with frozen inputs and with
    ``torch.compile``. Without gradients it is a plain call.

    Args:
        enabled (bool): False makes a plain call.
        function (Callable): What to call.
        *args: Its positional arguments.

    Returns:
        Any: What ``function`` returns.
    """
    if enabled and torch.is_grad_enabled():
        return checkpoint(function, *args, use_reentrant=False)
    return function(*args)
