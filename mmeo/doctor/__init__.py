# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo doctor``: what is wrong with the environment, and the fix.

Nothing here imports the packages it examines before it is ready to catch
whatever they throw.
"""

from .check import Check, Environment
from .report import diagnose, run_doctor

__all__ = ['Check', 'Environment', 'diagnose', 'run_doctor']
