# Copyright (c) mmeo contributors. All rights reserved.
"""Safe loading of checkpoints and conversion between their families.

Needs torch only; nothing of mmdet, mmseg or transformers is imported here
before it is needed.
"""

from .compose import compose_llava
from .convert import FAMILIES, convert, convert_with_report, extract_vision
from .experts import count_experts, expand_experts, extract_expert
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
from .vocabulary import fit_vocabulary, resize_vocabulary
from .warm_start import warm_start_v2

__all__ = [
    'FAMILIES', 'Report', 'compose_llava', 'convert', 'convert_with_report',
    'count_experts', 'describe', 'describe_backbone', 'expand_experts',
    'extract_backbone', 'extract_expert', 'extract_vision', 'fit_bands',
    'fit_position_table', 'fit_vit', 'fit_vocabulary', 'load',
    'read_metadata', 'read_skysense', 'read_spec', 'resize_patch_kernel',
    'resize_position_table', 'resize_vocabulary', 'save_folder', 'sha256',
    'unwrap', 'vitp_finetuned', 'warm_start_v2'
]
