# Copyright (c) mmeo contributors. All rights reserved.
from .quiet import import_siblings, quiet_imports

__all__ = ['import_siblings', 'quiet_imports']
