# Copyright (c) mmeo contributors. All rights reserved.
from mmeo.utils import quiet_imports

with quiet_imports():
    from .backbones import *
    from .heads import *
    from .in_context import *
    from .layers import *
    from .losses import *
    from .necks import *
    from .sam import *
    from .segmentors import *
    from .selfsup import *
    from .text_encoders import *
    from .vlm import *
