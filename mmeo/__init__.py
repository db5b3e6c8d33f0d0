# Copyright (c) mmeo contributors. All rights reserved.
"""mmeo: Earth-observation foundation models for OpenMMLab.

Importing the package registers every component under the scope ``mmeo`` and,
where mmcv was installed without its compiled ops, puts the torch stand-ins of
:mod:`mmeo.ops` in their place. Components themselves are imported on first
use.
"""

import sys as _sys

from mmeo.version import __version__

try:
    from mmeo.ops import install_standin as _install_standin

    _install_standin()
    from mmeo import registry
    from mmeo.builder import build
except Exception:
    # `mmeo doctor` must start in an environment where these fail.
    if 'doctor' not in _sys.orig_argv[1:4]:
        raise

__all__ = ['__version__', 'build', 'registry']
