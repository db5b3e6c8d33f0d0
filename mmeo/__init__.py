# Copyright (c) mmeo contributors. All rights reserved.
"""mmeo: Earth-observation foundation models for OpenMMLab.

Importing the package registers every component under the scope ``mmeo`` and,
where mmcv was installed without its compiled ops, puts the torch stand-ins of
:mod:`mmeo.ops` in their place. Components themselves are imported on first
use.
"""

from mmeo.ops import install_standin as _install_standin
from mmeo.version import __version__

_install_standin()

from mmeo import registry  # noqa: E402
from mmeo.builder import build  # noqa: E402

__all__ = ['__version__', 'build', 'registry']
