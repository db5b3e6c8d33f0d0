# Copyright (c) mmeo contributors. All rights reserved.
from .ddp import CheckedDDPStrategy
from .deepspeed import CheckedDeepSpeedStrategy
from .fsdp import CheckedFSDPStrategy

__all__ = [
    'CheckedDDPStrategy', 'CheckedDeepSpeedStrategy', 'CheckedFSDPStrategy'
]
