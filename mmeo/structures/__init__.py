# Copyright (c) mmeo contributors. All rights reserved.
from .dialogue import DialogueSample

__all__ = ['DialogueSample']
