# Copyright (c) mmeo contributors. All rights reserved.
from .plan import TASKS, Plan, Task
from .report import write_report
from .run import run_quickstart

__all__ = ['TASKS', 'Plan', 'Task', 'run_quickstart', 'write_report']
