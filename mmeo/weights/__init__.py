# Copyright (c) mmeo contributors. All rights reserved.
"""Safe loading of checkpoints and conversion between their families.

Needs torch only; nothing of mmdet, mmseg or transformers is imported here
before it is needed.
"""

from .convert import convert, convert_with_report, extract_vision
from .families import vitp_finetuned
from .fit import fit_bands, fit_vit
from .folder import read_spec, save_folder
from .io import load, unwrap
from .metadata import describe, read_metadata, sha256
from .pretrained import describe_backbone, extract_backbone
from .report import Report
from .resize import (
                     fit_position_table,
                     resize_patch_kernel,
                     resize_position_table,
)
from .skysense_file import read_skysense
from .warm_start import warm_start_v2

__all__ = [
    'Report', 'convert', 'convert_with_report', 'describe',
    'describe_backbone', 'extract_backbone', 'extract_vision',
    'fit_bands', 'fit_position_table', 'fit_vit', 'load', 'read_metadata',
    'read_skysense', 'read_spec', 'resize_patch_kernel',
    'resize_position_table', 'save_folder', 'sha256', 'unwrap',
    'vitp_finetuned', 'warm_start_v2'
]
