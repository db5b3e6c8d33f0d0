# Copyright (c) mmeo contributors. All rights reserved.
from .standin import install_standin

__all__ = ['install_standin']
