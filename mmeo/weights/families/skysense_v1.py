# Copyright (c) mmeo contributors. All rights reserved.
"""Checkpoints of SkySense V1, see :mod:`.skysense` for the layouts.

The combined file has ``backbone_gep.`` (high resolution), ``backbone_s2.``,
``backbone_s1.``, ``fusion.``, ``head_s2.``, ``head_s1.`` and ``ctpe``; of the
split files only that of the high-resolution encoder has a prefix,
``backbone.``. SkySense-O's Swin V2 is found as well.
"""

from collections.abc import Mapping
from typing import Optional

from torch import Tensor

from ..report import Report
from . import skysense
from .skysense_modules import PARTS, find

LAYOUTS = skysense.LAYOUTS
__all__ = ['LAYOUTS', 'PARTS', 'detect', 'from_mmeo', 'to_mmeo']

_SHARED = dict(s2='backbone_s2.', s1='backbone_s1.', fusion='fusion.',
               head_s2='head_s2.', head_s1='head_s1.')


def detect(state: Mapping[str, Tensor]) -> bool:
    """Tell whether a state dict holds a module of SkySense.

    mmpretrain's and mmseg's own checkpoints of Swin V2 and ViT have the same
    names; ViTs with other patches than 4 pixels are not taken for SkySense's.
    """
    return any(_is_ours(module, state) for module in find(state))


def _is_ours(module: skysense.Found, state: Mapping[str, Tensor]) -> bool:
    if module.kind != 'vit':
        return module.kind in ('swin', 'fusion')
    key = module.prefix + getattr(module.spec, module.layout)[0]
    return state[key].shape[-1] == 4


def to_mmeo(state: Mapping[str, Tensor], part: Optional[str] = None
            ) -> tuple[dict[str, Tensor], Report]:
    """See :func:`skysense.to_mmeo`."""
    return skysense.to_mmeo(state, part, 'skysense_v1')


def from_mmeo(state: Mapping[str, Tensor], to: str) -> dict[str, Tensor]:
    """See :func:`skysense.from_mmeo`."""
    return skysense.from_mmeo(state, to, dict(_SHARED, hr='backbone_gep.'),
                              dict(hr='backbone.'))
