# Copyright (c) mmeo contributors. All rights reserved.
from .hooks import *
from .loops import TokenWeightedTrainLoop
from .optimizers import *
from .runner import CheckedRunner
