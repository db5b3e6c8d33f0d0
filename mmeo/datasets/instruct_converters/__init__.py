# Copyright (c) mmeo contributors. All rights reserved.
"""Raw data sets into instruction records for ``InstructDataset``."""

from . import (
    captions,
    change,
    classification,
    detection,
    llava,
    medical,
    rsvg,
    rsvqa,
    segmentation,
    sensors,
    vrsbench,
)
from .convert import convert_instruct
from .items import SOURCES, Dropped, Option, Sample, register_source
from .report import Report
from .wording import Wording

__all__ = [
    'SOURCES', 'Dropped', 'Option', 'Report', 'Sample', 'Wording',
    'convert_instruct', 'register_source'
]
