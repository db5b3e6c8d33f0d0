# Copyright (c) mmeo contributors. All rights reserved.
from .flexible_runner import CheckedFlexibleRunner
from .hooks import *
from .loops import DialogueTestLoop, TokenWeightedTrainLoop
from .optimizers import *
from .runner import CheckedRunner
from .strategies import *
