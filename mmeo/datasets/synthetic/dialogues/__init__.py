# Copyright (c) mmeo contributors. All rights reserved.
"""Dialogues with task tokens about SynthEarth, as RSUniVLM holds them.

Every answer is derived from what :class:`View` holds, which is written beside
the dialogues, so that it can be counted again from the files.
"""

from .items import Item
from .view import COVERS, KINDS, Seen, View, view_of

__all__ = ['COVERS', 'KINDS', 'Item', 'Seen', 'View', 'view_of']
