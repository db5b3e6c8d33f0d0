# Copyright (c) mmeo contributors. All rights reserved.
"""Parts of a network that autocast must leave alone."""

from contextlib import AbstractContextManager, nullcontext

import torch


def no_autocast(device: torch.device) -> AbstractContextManager:
    """Autocast off; nothing on devices without it, such as 'meta'.

    Args:
        device (torch.device): Where the work is done.

    Returns:
        AbstractContextManager: For a ``with`` statement.
    """
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
