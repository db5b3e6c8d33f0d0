# Copyright (c) mmeo contributors. All rights reserved.
"""What a converted file says about itself, kept in its safetensors header."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Union

from torch import Tensor

from mmeo.errors import CheckpointError

from .report import Report

_BLOCK = 1 << 24  # bytes read at a time
_PREFIX = 'mmeo.'
_LICENSE = ("SkySense's weights are for non-commercial use only; their own "
            'licence holds for whatever is made of them')
_KERNELS = ('patch_embed.weight', 'tokenizer.projection.weight',
            'tokenizers.hr.projection.weight')


def sha256(path: Union[str, Path]) -> str:
    """Hash a file, or the files of a folder in the order of their names.

    Args:
        path (str or Path): File or folder.

    Returns:
        str: 64 hexadecimal digits.
    """
    path, digest = Path(path), hashlib.sha256()
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in (file for file in files if file.is_file()):
        with file.open('rb') as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def describe(source: Union[str, Path], report: Report,
             state: Mapping[str, Tensor]) -> dict[str, str]:
    """What to write beside converted weights.

    Args:
        source (str or Path): The file they come from.
        report (Report): Of the conversion.
        state (Mapping[str, Tensor]): The converted tensors.

    Returns:
        dict[str, str]: ``mmeo.source`` (name only), ``mmeo.source_sha256``,
        ``mmeo.family``, and for encoders of SkySense ``mmeo.part``,
        ``mmeo.patch_size``, ``mmeo.license`` and ``mmeo.normalization``: a
        JSON object by sensor with ``bands``, ``unit``, ``mean``, ``std`` and
        where these come from.
    """
    about = dict(source=Path(source).name, source_sha256=sha256(source),
                 family=report.family)
    if report.family.startswith('skysense'):
        about['license'] = _LICENSE
        sides = {str(v.shape[-1]) for k, v in state.items()
                 if k.endswith(_KERNELS)}
        if sides:
            about['patch_size'] = ','.join(sorted(sides))
        if report.part:
            about['part'] = report.part
        about['normalization'] = json.dumps(_normalization(report.part))
    return {_PREFIX + key: value for key, value in about.items()}


def _normalization(part: str) -> dict[str, dict]:
    """Statistics that images of the part have to be normalised by."""
    from mmeo.datasets.band_stats import preset_stats
    sensors = (part, ) if part in ('hr', 's2', 's1') else ('hr', 's2', 's1')
    out = {}
    for name in sensors:
        stats = preset_stats(name)
        out[name] = dict(bands=stats.bands, unit=stats.unit, mean=stats.mean,
                         std=stats.std, source=stats.source)
    return out


def read_metadata(path: Union[str, Path]) -> dict[str, str]:
    """Read what :func:`describe` wrote into a safetensors file.

    Args:
        path (str or Path): ``*.safetensors``.

    Returns:
        dict[str, str]: Names without ``mmeo.``; empty if there is nothing.

    Raises:
        CheckpointError: If it is no safetensors file.
    """
    from safetensors import SafetensorError, safe_open
    try:
        with safe_open(str(path), framework='pt') as file:
            found = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f'{path} is absent, truncated or no safetensors file ({error}): '
            'only these carry metadata.') from error
    return {key[len(_PREFIX):]: value for key, value in found.items()
            if key.startswith(_PREFIX)}
