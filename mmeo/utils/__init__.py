# Copyright (c) mmeo contributors. All rights reserved.
from .machine import device_name
from .quiet import import_siblings, quiet_imports

__all__ = ['device_name', 'import_siblings', 'quiet_imports']
