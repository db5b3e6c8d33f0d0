# Copyright (c) mmeo contributors. All rights reserved.
from .metrics import *
