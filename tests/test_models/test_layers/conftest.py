# Copyright (c) mmeo contributors. All rights reserved.
import mmeo  # noqa: F401  (lets mmcv.ops import without compiled ops)
