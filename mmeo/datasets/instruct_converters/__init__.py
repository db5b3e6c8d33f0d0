# Copyright (c) mmeo contributors. All rights reserved.
"""Raw data sets into instruction records for ``InstructDataset``."""

from . import (
    captions,
    change,
    classification,
    detection,
    geochat_bench,
    levir_cc,
    levir_mci,
    llava,
    masks,
    medical,
    rsteller,
    rsvg,
    rsvqa,
    segmentation,
    sensors,
    vrsbench,
    whu_cd,
)
from .convert import convert_instruct
from .items import SOURCES, Dropped, Option, Sample, register_source
from .report import Report
from .style import STYLES, Style
from .truth import TRUTH_FIELDS, missing_truth
from .wording import Wording

__all__ = [
    'SOURCES', 'STYLES', 'TRUTH_FIELDS', 'Dropped', 'Option', 'Report',
    'Sample', 'Style', 'Wording', 'convert_instruct', 'missing_truth',
    'register_source'
]
