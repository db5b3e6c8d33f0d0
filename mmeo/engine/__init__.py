# Copyright (c) mmeo contributors. All rights reserved.
from .hooks import *
from .optimizers import *
from .runner import CheckedRunner
