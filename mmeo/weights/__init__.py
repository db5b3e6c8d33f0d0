# Copyright (c) mmeo contributors. All rights reserved.
"""Safe loading of checkpoints and conversion between their families.

Needs torch only; nothing of mmdet, mmseg or transformers is imported here.
"""

from .convert import convert, convert_with_report, extract_vision
from .families import vitp_finetuned
from .fit import fit_bands, fit_vit
from .folder import read_spec, save_folder
from .io import load, unwrap
from .report import Report
from .resize import (
                     fit_position_table,
                     resize_patch_kernel,
                     resize_position_table,
)

__all__ = [
    'Report', 'convert', 'convert_with_report', 'extract_vision', 'fit_bands',
    'fit_position_table', 'fit_vit', 'load', 'read_spec',
    'resize_patch_kernel', 'resize_position_table', 'save_folder', 'unwrap',
    'vitp_finetuned'
]
