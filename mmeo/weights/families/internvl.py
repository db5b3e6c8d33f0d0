# Copyright (c) mmeo contributors. All rights reserved.
"""Key layouts of a whole InternVL model: vision, projector, language model.

``original``
    ``vision_model.``, ``mlp1.{0,1,3}``, ``language_model.``.
``hf``
    transformers' ``InternVLForConditionalGeneration``, as in memory
    (``model.vision_tower.``) and as in older files (``vision_tower.``).
``mmeo``
    :class:`mmeo.models.vlm.InstructVLM`: ``vision.``,
    ``projector.{norm,fc1,fc2}``, ``llm.model.``.

Below the prefix of the language model all three agree.
"""

import re

from torch import Tensor

from mmeo.errors import CheckpointError

from ..report import Report
from . import internvit

LAYOUTS = ('mmeo', 'hf', 'original')

_VISION = {
    'mmeo': 'vision.',
    'hf': 'model.vision_tower.',
    'original': 'vision_model.',
}
_PROJECTOR = {
    'mmeo': ('projector.norm.', 'projector.fc1.', 'projector.fc2.'),
    'hf': ('model.multi_modal_projector.layer_norm.',
           'model.multi_modal_projector.linear_1.',
           'model.multi_modal_projector.linear_2.'),
    'original': ('mlp1.0.', 'mlp1.1.', 'mlp1.3.'),
}
# (body, head): prefixes of the decoder's layers and of what it ends with.
_LANGUAGE = {
    'mmeo': ('llm.model.model.', 'llm.model.lm_head.'),
    'hf': ('model.language_model.', 'lm_head.'),
    'original': ('language_model.model.', 'language_model.lm_head.'),
}
# Files that older transformers wrote.
_UPGRADE = (
    (re.compile(r'^language_model\.model\.'), 'model.language_model.'),
    (re.compile(r'^vision_tower\.'), 'model.vision_tower.'),
    (re.compile(r'^multi_modal_projector\.'),
     'model.multi_modal_projector.'),
    (re.compile(r'^language_model\.lm_head\.'), 'lm_head.'),
)


def detect(state: dict[str, Tensor]) -> str:
    """Name the layout by the projector; ``''`` if there is none."""
    for layout, (norm, _, _) in _PROJECTOR.items():
        if norm + 'weight' in state:
            return layout
    if 'multi_modal_projector.layer_norm.weight' in state:
        return 'hf'
    return ''


def _upgrade(key: str) -> str:
    for pattern, new in _UPGRADE:
        key, count = pattern.subn(new, key)
        if count:
            break
    return key


def to_mmeo(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """Bring a whole InternVL model to ``mmeo`` keys.

    Args:
        state (dict[str, Tensor]): Names to tensors.

    Returns:
        tuple[dict[str, Tensor], Report]: Renamed tensors and what became of
        the keys.

    Raises:
        CheckpointError: If the projector or the vision encoder is absent.
    """
    layout = detect(state)
    if not layout:
        raise CheckpointError(
            'no InternVL projector (mlp1.0, multi_modal_projector or '
            "projector.norm) among the keys: for a lone encoder use family="
            "'internvit'.")
    if layout == 'hf':
        state = {_upgrade(key): value for key, value in state.items()}
    vision = {k: v for k, v in state.items() if k.startswith(_VISION[layout])}
    out, report = internvit.to_mmeo(vision)
    out = {_VISION['mmeo'] + key: value for key, value in out.items()}
    report.family, report.layout = 'internvl', layout
    report.missing = [_VISION['mmeo'] + key for key in report.missing]
    pairs = list(zip(_PROJECTOR[layout] + _LANGUAGE[layout],
                     _PROJECTOR['mmeo'] + _LANGUAGE['mmeo']))
    for key, value in state.items():
        if key in vision:
            continue
        for old, new in pairs:
            if key.startswith(old):
                out[new + key[len(old):]] = value
                report.matched += 1
                break
        else:
            report.unexpected.append(key)
    wanted = [prefix + kind for prefix in _PROJECTOR['mmeo']
              for kind in ('weight', 'bias')]
    wanted.append('llm.model.model.embed_tokens.weight')
    report.missing += [key for key in wanted if key not in out]
    return out, report


def from_mmeo(state: dict[str, Tensor], to: str) -> dict[str, Tensor]:
    """Bring ``mmeo`` keys of a whole model to another layout.

    Args:
        state (dict[str, Tensor]): What :func:`to_mmeo` returned.
        to (str): ``'hf'``, ``'original'`` or ``'mmeo'``.

    Returns:
        dict[str, Tensor]: Renamed tensors.
    """
    if to == 'mmeo':
        return dict(state)
    start = _VISION['mmeo']
    vision = {k[len(start):]: v for k, v in state.items()
              if k.startswith(start)}
    out = {_VISION[to] + key: value
           for key, value in internvit.from_mmeo(vision, to).items()}
    pairs = list(zip(_PROJECTOR['mmeo'] + _LANGUAGE['mmeo'],
                     _PROJECTOR[to] + _LANGUAGE[to]))
    for key, value in state.items():
        for old, new in pairs:
            if key.startswith(old):
                out[new + key[len(old):]] = value
    return out
