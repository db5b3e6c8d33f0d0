# Copyright (c) mmeo contributors. All rights reserved.
"""Checkpoints of SkySense++, see :mod:`.skysense` for the layouts.

Encoders and fusion are V1's, trained further; the combined file names the
high-resolution encoder ``backbone_hr.``. Position tables lack the row of the
CLS token, and of another grid. What belongs to its semantic pretraining
(vocabulary, three more attentions, a VAE for missing modalities) is reported
and left out.
"""

from collections.abc import Mapping
from typing import Optional

from torch import Tensor

from ..report import Report
from . import skysense
from .skysense_modules import PARTS, find
from .skysense_v1 import _SHARED

LAYOUTS = skysense.LAYOUTS
__all__ = ['LAYOUTS', 'PARTS', 'detect', 'from_mmeo', 'to_mmeo']

_MARKS = ('vocabulary_token', 'vocabulary_weight')
_STARTS = ('backbone_hr.', 'modality_vae.', 'head_rec_hr.')


def detect(state: Mapping[str, Tensor]) -> bool:
    """Tell whether a state dict is of SkySense++ rather than V1."""
    own = any(key.endswith(_MARKS) or key.startswith(_STARTS)
              for key in state)
    return own and bool(find(state))


def to_mmeo(state: Mapping[str, Tensor], part: Optional[str] = None
            ) -> tuple[dict[str, Tensor], Report]:
    """See :func:`skysense.to_mmeo`."""
    return skysense.to_mmeo(state, part, 'skysense_pp')


def from_mmeo(state: Mapping[str, Tensor], to: str) -> dict[str, Tensor]:
    """See :func:`skysense.from_mmeo`."""
    return skysense.from_mmeo(state, to, dict(_SHARED, hr='backbone_hr.'), {})
