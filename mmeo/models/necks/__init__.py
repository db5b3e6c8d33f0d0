# Copyright (c) mmeo contributors. All rights reserved.
from .simple_fpn import SimpleFPN

__all__ = ['SimpleFPN']
