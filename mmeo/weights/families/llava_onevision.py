# Copyright (c) mmeo contributors. All rights reserved.
"""Key layouts of LLaVA-OneVision with Qwen2, and of RSUniVLM.

``original``
    LLaVA-NeXT's code, which RSUniVLM's is built on: ``model.vision_tower.``,
    ``model.mm_projector.{0,2}``, ``model.layers.``; experts are
    ``mlp.{0,1,2}.``.
``hf``
    transformers' ``LlavaOnevisionForConditionalGeneration`` in memory, from
    4.52: ``model.language_model.``; read with and without ``vision_model.``,
    which 5.x leaves out.
``hf_file``
    The same on disk, as published: ``language_model.model.``.
``mmeo``
    :class:`mmeo.models.vlm.InstructVLM`: ``vision.``, ``projector.``,
    ``image_newline``, ``llm.model.``; experts are ``mlp.experts.{0,1,2}.``.
"""

import re

from torch import Tensor

from mmeo.errors import CheckpointError

from ..report import Report
from . import siglip

LAYOUTS = ('mmeo', 'hf', 'hf_file', 'original')

_VISION = {
    'mmeo': 'vision.',
    'hf': 'model.vision_tower.vision_model.',
    'hf_file': 'vision_tower.vision_model.',
    'original': 'model.vision_tower.vision_tower.vision_model.',
}
_NAMES = {
    'mmeo': ('projector.fc1.', 'projector.fc2.', 'image_newline',
             'llm.model.lm_head.', 'llm.model.model.'),
    'hf': ('model.multi_modal_projector.linear_1.',
           'model.multi_modal_projector.linear_2.', 'model.image_newline',
           'lm_head.', 'model.language_model.'),
    'hf_file': ('multi_modal_projector.linear_1.',
                'multi_modal_projector.linear_2.', 'image_newline',
                'language_model.lm_head.', 'language_model.model.'),
    # The last one last: every other name begins like it.
    'original': ('model.mm_projector.0.', 'model.mm_projector.2.',
                 'model.image_newline', 'lm_head.', 'model.'),
}
_EMBED = 'llm.model.model.embed_tokens.weight'
_NORM = 'llm.model.model.norm.weight'
_LAYERS = 'llm.model.model.layers.'
_HEAD = 'llm.model.lm_head.weight'
_ORIGINAL_EXPERT = re.compile(r'(layers\.\d+\.mlp\.)(\d+\.)')
_OUR_EXPERT = re.compile(r'(layers\.\d+\.mlp\.)experts\.(\d+\.)')


def detect(state: dict[str, Tensor]) -> str:
    """Name the layout by projector and tower; ``''`` if there is none."""
    for layout, names in _NAMES.items():
        if names[0] + 'weight' in state and 'projector.norm.weight' \
                not in state:
            return layout
    return ''


def has_experts(state: dict[str, Tensor]) -> bool:
    """Whether the language model is a mixture of experts, in any layout."""
    return any(_ORIGINAL_EXPERT.search(key) or _OUR_EXPERT.search(key)
               for key in state)


def to_mmeo(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """Bring a whole model to ``mmeo`` keys.

    Args:
        state (dict[str, Tensor]): Names to tensors.

    Returns:
        tuple[dict[str, Tensor], Report]: Renamed tensors and what became of
        the keys.

    Raises:
        CheckpointError: If projector or vision tower are absent.
    """
    layout = detect(state)
    if not layout:
        raise CheckpointError(
            'no LLaVA projector (model.mm_projector, multi_modal_projector or '
            'projector.fc1) among the keys: for a lone tower use family='
            "'siglip'.")
    out, report = siglip.to_mmeo(state)
    foreign = report.unexpected
    out = {_VISION['mmeo'] + key: value for key, value in out.items()}
    report.family, report.layout = 'llava_onevision', layout
    report.missing = [_VISION['mmeo'] + key for key in report.missing]
    report.unexpected = []
    for key in foreign:
        name = _rename(key, layout, 'mmeo')
        if name is None:
            report.unexpected.append(key)
        else:
            out[name] = state[key]
            report.matched += 1
    report.missing += _missing(out)
    if _HEAD not in out and _EMBED in out:
        out[_HEAD] = out[_EMBED]
        report.notes.append('no head in the file: tied to the embedding')
    return out, report


def _rename(key: str, old: str, new: str) -> str | None:
    for theirs, ours in zip(_NAMES[old], _NAMES[new]):
        if key.startswith(theirs):
            name = ours + key[len(theirs):]
            if new == 'mmeo' and old == 'original':
                name = _ORIGINAL_EXPERT.sub(r'\1experts.\2', name)
            if new == 'original' and old == 'mmeo':
                name = _OUR_EXPERT.sub(r'\1\2', name)
            known = ('projector.', 'image_newline', 'lm_head.', _EMBED, _NORM,
                     _LAYERS, 'llm.model.lm_head.')
            if new == 'mmeo' and not name.startswith(known):
                return None
            return name
    return None


def _missing(out: dict[str, Tensor]) -> list[str]:
    """Name what a complete projector and language model would also hold."""
    wanted = {f'projector.{fc}.{kind}' for fc in ('fc1', 'fc2')
              for kind in ('weight', 'bias')} | {_EMBED, _NORM}
    layers: dict[int, set[str]] = {}
    for key in out:
        match = re.fullmatch(re.escape(_LAYERS) + r'(\d+)\.(.+)', key)
        if match:
            layers.setdefault(int(match[1]), set()).add(match[2])
    inner = set().union(*layers.values())
    wanted |= {f'{_LAYERS}{i}.{name}' for name in inner
               for i in range(max(layers, default=-1) + 1)}
    return sorted(wanted - set(out))


def from_mmeo(state: dict[str, Tensor], to: str) -> dict[str, Tensor]:
    """Bring ``mmeo`` keys of a whole model to another layout.

    Args:
        state (dict[str, Tensor]): What :func:`to_mmeo` returned.
        to (str): ``'hf'``, ``'hf_file'``, ``'original'`` or ``'mmeo'``.

    Returns:
        dict[str, Tensor]: Renamed tensors.

    Raises:
        CheckpointError: If transformers has no such model (experts).
    """
    if to == 'mmeo':
        return dict(state)
    if to != 'original' and has_experts(state):
        raise CheckpointError(
            "transformers has no model with these experts: write to='mmeo' or "
            "'original', or take one expert first (extract_expert, "
            '--expert).')
    start = _VISION['mmeo']
    vision = {k[len(start):]: v for k, v in state.items()
              if k.startswith(start)}
    out = {_VISION[to] + key: value
           for key, value in siglip.from_mmeo(vision, 'hf').items()}
    for key, value in state.items():
        name = _rename(key, 'mmeo', to)
        if name is not None and not key.startswith(start):
            out[name] = value
    return out
