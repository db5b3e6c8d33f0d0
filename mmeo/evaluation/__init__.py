# Copyright (c) mmeo contributors. All rights reserved.
from mmeo.utils import quiet_imports

with quiet_imports():
    from .metrics import *
