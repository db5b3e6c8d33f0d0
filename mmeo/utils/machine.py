# Copyright (c) mmeo contributors. All rights reserved.
"""What a measurement ran on."""

import platform


def device_name(device: str = 'cpu') -> str:
    """Name of a processor or GPU, as its maker gives it.

    Args:
        device: 'cpu', or a CUDA device such as 'cuda' or 'cuda:1'. Defaults
            to 'cpu'.
    """
    if device.startswith('cuda'):
        import torch
        return torch.cuda.get_device_name(device)
    try:
        with open('/proc/cpuinfo') as info:
            return next(line.split(':')[1].strip() for line in info
                        if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
