# Copyright (c) mmeo contributors. All rights reserved.
"""Conversion between the key layouts of a checkpoint family."""

import logging
from collections.abc import Mapping
from types import ModuleType
from typing import Optional

from torch import Tensor

from mmeo.errors import CheckpointError, ConfigError

from .families import (
    internvit,
    internvl,
    llava_onevision,
    rsunivlm,
    siglip,
    skysense_pp,
    skysense_v1,
    vitp_finetuned,
)
from .io import unwrap
from .report import Report

FAMILIES = {
    'internvit': internvit,
    'internvl': internvl,
    'siglip': siglip,
    'llava_onevision': llava_onevision,
    'rsunivlm': rsunivlm,
    'vitp_finetuned': vitp_finetuned,
    'skysense_v1': skysense_v1,
    'skysense_pp': skysense_pp,
}
_logger = logging.getLogger(__name__)


def detect_family(state: Mapping[str, Tensor]) -> str:
    """Name the family of a state dict by its keys.

    Raises:
        CheckpointError: If no family fits.
    """
    if internvl.detect(state):
        return 'internvl'
    if llava_onevision.detect(state) and siglip.find(state):
        return ('rsunivlm' if llava_onevision.has_experts(state) else
                'llava_onevision')
    if siglip.find(state) and not internvit.find(state):
        return 'siglip'
    if vitp_finetuned.find(state):
        return 'vitp_finetuned'
    if skysense_pp.detect(state):
        return 'skysense_pp'
    if skysense_v1.detect(state):
        return 'skysense_v1'
    internvit.locate(state)  # raises the message if there is none
    return 'internvit'


def convert_with_report(
        state_dict: Mapping,
        to: str = 'mmeo',
        family: str = 'auto',
        part: Optional[str] = None) -> tuple[dict[str, Tensor], Report]:
    """As :func:`convert`, with an account of the keys.

    Returns:
        tuple[dict[str, Tensor], Report]: The tensors and the account.
    """
    if family not in ('auto', *FAMILIES):
        raise ConfigError(f'family={family!r} is unknown: choose auto, '
                          f'{", ".join(FAMILIES)}.')
    state = unwrap(state_dict)
    family = detect_family(state) if family == 'auto' else family
    module = FAMILIES[family]
    if to not in module.LAYOUTS:
        raise ConfigError(f'to={to!r} is unknown for {family}: choose '
                          f'{", ".join(module.LAYOUTS)}.')
    found, report = _to_mmeo(module, family, state, part)
    if not found:
        raise CheckpointError(f'no key of family {family} was found.')
    return module.from_mmeo(found, to), report


def _to_mmeo(module: ModuleType, family: str, state: dict[str, Tensor],
             part: Optional[str]) -> tuple[dict[str, Tensor], Report]:
    if hasattr(module, 'PARTS'):
        return module.to_mmeo(state, part)
    if part is not None:
        raise ConfigError(f'part={part!r}: {family} has no parts, only the '
                          'families of SkySense do.')
    return module.to_mmeo(state)


def convert(state_dict: Mapping,
            to: str = 'mmeo',
            family: str = 'auto',
            part: Optional[str] = None) -> dict[str, Tensor]:
    """Rename, split and join tensors into another key layout.

    A pure function: the input is not changed, and tensors are shared with it
    where they need no work. Keys left out, or looked for in vain, are logged
    as a warning; :func:`convert_with_report` returns them.

    Args:
        state_dict (Mapping): A state dict or a whole checkpoint, in any
            layout of the family.
        to (str): ``'mmeo'``, ``'hf'``, ``'original'``; ``'hf_file'`` for the
            names on disk of transformers' InternVL and LLaVA-OneVision; no
            ``'hf'`` for fine-tuned models, RSUniVLM and SkySense. Defaults to
            ``'mmeo'``.
        family (str): ``'internvit'``, ``'internvl'``, ``'siglip'``,
            ``'llava_onevision'``, ``'rsunivlm'``, ``'vitp_finetuned'``,
            ``'skysense_v1'``, ``'skysense_pp'``, or ``'auto'`` to tell it by
            the keys. Defaults to ``'auto'``.
        part (str, optional): Of SkySense: ``'hr'``, ``'s2'``, ``'s1'``,
            ``'fusion'``, ``'head_s2'``, ``'head_s1'``, ``'calendar'`` or
            ``'all'``. Defaults to None, the only one in the file, or all.

    Returns:
        dict[str, Tensor]: Tensors under the names of ``to``.

    Raises:
        ConfigError: If family or layout are unknown.
        CheckpointError: If the checkpoint holds no such model.

    Example:
        >>> state = mmeo.weights.load('InternViT-300M.safetensors')
        >>> vit.load_state_dict(mmeo.weights.convert(state, to='mmeo'))
    """
    state, report = convert_with_report(state_dict, to, family, part)
    if report.missing or report.unexpected:
        _logger.warning('%s', report.text())
    return state


def extract_vision(state_dict: Mapping) -> dict[str, Tensor]:
    """Take the vision encoder out of any checkpoint that holds one.

    Works on InternVL in all layouts, on checkpoints of InstructVLM, and on
    fine-tuned detectors and segmentors.

    Args:
        state_dict (Mapping): A state dict or a whole checkpoint.

    Returns:
        dict[str, Tensor]: Tensors under the names of ``InternViT``.

    Raises:
        CheckpointError: If there is not exactly one encoder.
    """
    return internvit.to_mmeo(unwrap(state_dict))[0]
