# Copyright (c) mmeo contributors. All rights reserved.
"""Torch stand-ins for the compiled ops of mmcv, and the way to the real ones.

Importing this package imports neither torch nor mmcv.
"""

from mmeo.ops.compiled import load_compiled
from mmeo.ops.standin import install_standin, ops_status

__all__ = ['install_standin', 'load_compiled', 'ops_status']
