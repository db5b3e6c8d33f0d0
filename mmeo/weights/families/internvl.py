# Copyright (c) mmeo contributors. All rights reserved.
"""Key layouts of a whole InternVL model: vision, projector, language model.

``original``
    ``vision_model.``, ``mlp1.{0,1,3}``, ``language_model.``.
``hf``
    transformers' ``InternVLForConditionalGeneration`` as in memory:
    ``model.vision_tower.``, ``lm_head.``.
``hf_file``
    The same as ``save_pretrained`` writes it and as all models lie on the
    hub: ``vision_tower.``, ``language_model.model.``.
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

LAYOUTS = ('mmeo', 'hf', 'hf_file', 'original')

_VISION = {
    'mmeo': 'vision.',
    'hf': 'model.vision_tower.',
    'hf_file': 'vision_tower.',
    'original': 'vision_model.',
}
_PROJECTOR = {
    'mmeo': ('projector.norm.', 'projector.fc1.', 'projector.fc2.'),
    'hf': ('model.multi_modal_projector.layer_norm.',
           'model.multi_modal_projector.linear_1.',
           'model.multi_modal_projector.linear_2.'),
    'hf_file': ('multi_modal_projector.layer_norm.',
                'multi_modal_projector.linear_1.',
                'multi_modal_projector.linear_2.'),
    'original': ('mlp1.0.', 'mlp1.1.', 'mlp1.3.'),
}
# (body, head): prefixes of the decoder's layers and of what it ends with.
_LANGUAGE = {
    'mmeo': ('llm.model.model.', 'llm.model.lm_head.'),
    'hf': ('model.language_model.', 'lm_head.'),
    'hf_file': ('language_model.model.', 'language_model.lm_head.'),
    'original': ('language_model.model.', 'language_model.lm_head.'),
}
_EMBED = 'llm.model.model.embed_tokens.weight'
_NORM = 'llm.model.model.norm.weight'
_LAYERS = 'llm.model.model.layers.'
_HEAD = 'llm.model.lm_head.weight'
# Names on disk to names in memory.
_UPGRADE = (
    (re.compile(r'^language_model\.lm_head\.'), 'lm_head.'),
    (re.compile(r'^language_model\.model\.'), 'model.language_model.'),
    # `AutoModel` loads the body only, and saves it without `model.`.
    (re.compile(r'^language_model\.'), 'model.language_model.'),
    (re.compile(r'^vision_tower\.'), 'model.vision_tower.'),
    (re.compile(r'^multi_modal_projector\.'),
     'model.multi_modal_projector.'),
)


def detect(state: dict[str, Tensor]) -> str:
    """Name the layout by the projector; ``''`` if there is none."""
    for layout, (norm, _, _) in _PROJECTOR.items():
        if norm + 'weight' in state:
            return layout
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
    if any('tok_embeddings' in key for key in state):
        raise CheckpointError(
            'the language model is InternLM2 (InternVL2.5-2B), which '
            'transformers lacks: take the vision encoder alone '
            '(extract_vision, --vision-only).')
    if layout == 'hf_file':
        state = {_upgrade(key): value for key, value in state.items()}
        layout = 'hf'
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
    report.missing += _missing(out)
    if _HEAD not in out and _EMBED in out:
        out[_HEAD] = out[_EMBED]
        report.notes.append('no head in the file: tied to the embedding')
    return out, report


def _missing(out: dict[str, Tensor]) -> list[str]:
    """Name what a complete projector and language model would also hold."""
    wanted = {prefix + kind for prefix in _PROJECTOR['mmeo']
              for kind in ('weight', 'bias')} | {_EMBED, _NORM}
    layers = {}
    for key in out:
        match = re.fullmatch(re.escape(_LAYERS) + r'(\d+)\.(.+)', key)
        if match:
            layers.setdefault(int(match[1]), set()).add(match[2])
    inner = set().union(*layers.values())
    wanted |= {f'{_LAYERS}{i}.{name}' for i in range(max(layers, default=-1)
                                                    + 1) for name in inner}
    return sorted(wanted - set(out))


def from_mmeo(state: dict[str, Tensor], to: str) -> dict[str, Tensor]:
    """Bring ``mmeo`` keys of a whole model to another layout.

    Args:
        state (dict[str, Tensor]): What :func:`to_mmeo` returned.
        to (str): ``'hf'``, ``'hf_file'``, ``'original'`` or ``'mmeo'``.

    Returns:
        dict[str, Tensor]: Renamed tensors.
    """
    if to == 'mmeo':
        return dict(state)
    start = _VISION['mmeo']
    vision = {k[len(start):]: v for k, v in state.items()
              if k.startswith(start)}
    vision = internvit.from_mmeo(vision, to.removesuffix('_file'))
    out = {_VISION[to] + key: value for key, value in vision.items()}
    pairs = list(zip(_PROJECTOR['mmeo'] + _LANGUAGE['mmeo'],
                     _PROJECTOR[to] + _LANGUAGE[to]))
    for key, value in state.items():
        for old, new in pairs:
            if key.startswith(old):
                out[new + key[len(old):]] = value
    return out
