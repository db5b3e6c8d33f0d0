# Copyright (c) mmeo contributors. All rights reserved.
"""Conversion that SkySense V1 and SkySense++ have in common.

``original``
    The authors' names: mmcls' Swin V2, mmseg's ViT.
``mmeo``
    :class:`mmeo.models.backbones.SkySenseV1` for an encoder,
    :class:`mmeo.models.necks.SkySenseV1Fusion` for the rest; all parts
    together in :class:`mmeo.models.backbones.SkySenseV1MultiModal`.
"""

import re
from collections.abc import Mapping
from typing import Optional

from torch import Tensor

from ..report import Report
from .mm_names import BUFFERS
from .skysense_modules import Found, find, select

LAYOUTS = ('mmeo', 'original')
# mmeo's prefix of a part among others.
_JOINT = dict(hr='encoders.hr.', s2='encoders.s2.', s1='encoders.s1.')
# What files hold besides, and what it is.
_KNOWN = (
    (r'(^|\.)(' + '|'.join(BUFFERS) + ')$',
     'computed from the window size, not learned'),
    (r'(^|\.)mask_token$', 'token of masked pretraining'),
    (r'(^|\.)(vocabulary_(token|weight)|attn[123]\..+|norm_attn\.\w+)$',
     "SkySense++'s semantic prompts, which the encoders run without"),
    (r'^modality_vae\.', "SkySense++'s completion of missing modalities"),
    (r'^(head_rec_hr|aux_head)\.', "SkySense++'s pretraining heads"),
    (r'^head_gep', "V1's pretraining head"),
    (r'^(backbone(_s[12])?\.)?ln1\.', 'final norm of a ViT, which has none in '
     'the released configs'),
)


def to_mmeo(state: Mapping[str, Tensor], part: Optional[str],
            family: str) -> tuple[dict[str, Tensor], Report]:
    """Bring parts of a checkpoint to ``mmeo`` keys.

    Args:
        state (Mapping[str, Tensor]): Names to tensors.
        part (str, optional): See :func:`skysense_modules.select`.
        family (str): Name for the report.

    Returns:
        tuple[dict[str, Tensor], Report]: Renamed tensors and what became of
        the keys. Known keys that no module uses are ``unexpected``, with a
        note that explains them; modules not asked for are in a note alone.

    Raises:
        ConfigError, CheckpointError: See :func:`skysense_modules.select`.
    """
    part, modules = select(state, part)
    report = Report(family, modules[0].layout, part=part)
    out, seen = {}, set()
    for module in modules:
        start = _mmeo_prefix(module.part, part == 'all')
        done = _module_to_mmeo(module, state, report, start, seen)
        out.update({start + key: value for key, value in done.items()})
    _account(report, state, seen, modules)
    return out, report


def _mmeo_prefix(part: str, joint: bool) -> str:
    if part in _JOINT:
        return _JOINT[part] if joint else ''
    inner = {'head_s2': 'up_heads.s2.', 'head_s1': 'up_heads.s1.'}
    return ('fusion.' if joint else '') + inner.get(part, '')


def _module_to_mmeo(module: Found, state: Mapping[str, Tensor],
                    report: Report, start: str,
                    seen: set[str]) -> dict[str, Tensor]:
    """Rename one module; ``seen`` collects the keys of the file used."""
    spec, out = module.spec, {}
    inner = spec.inner if module.layout == 'mmeo' else ''
    for key, value in module.inside(state).items():
        name = key if module.layout == 'mmeo' else spec.to_mmeo(key)
        if name is None or spec.to_mm(name) is None:
            continue
        seen.add(module.prefix + inner + key)
        out[name] = _flat(module.kind, name, value)
    report.matched += len(out)
    missing = spec.complete(out) - set(out)
    report.missing += sorted(start + spec.inner + key for key in missing)
    return {spec.inner + key: value for key, value in out.items()}


def _flat(kind: str, name: str, value: Tensor) -> Tensor:
    """Tables without their leading axes of 1, which mmeo's do without."""
    if kind == 'calendar' or (kind == 'fusion' and name == 'cls_token'):
        return value.reshape(value.shape[-2:] if kind == 'calendar' else -1)
    return value


def _account(report: Report, state: Mapping[str, Tensor], seen: set[str],
             modules: list[Found]) -> None:
    """Sort the keys that were not used."""
    left = [key for key in state if key not in seen]
    for module in find(state):
        if any(module[1:] == other[1:] for other in modules):
            continue
        own = {key for key in left if key.startswith(module.prefix) and (
            module.prefix or _renamed(module, key))}
        if own:
            left = [key for key in left if key not in own]
            report.notes.append(
                f'not asked for: {module.part or module.kind} ({len(own)} '
                f'tensors{" below " + module.prefix if module.prefix else ""}'
                ')')
    buffers = [key for key in left if key.endswith(BUFFERS)]
    report.unexpected = [key for key in left if not key.endswith(BUFFERS)]
    for pattern, what in _KNOWN:
        count = sum(bool(re.search(pattern, key))
                    for key in buffers + report.unexpected)
        if count:
            report.notes.append(f'{count} known and left out: {what}')


def _renamed(module: Found, key: str) -> bool:
    if module.layout == 'mmeo':
        return module.spec.to_mm(key.removeprefix(
            module.spec.inner)) is not None
    return module.spec.to_mmeo(key) is not None


def from_mmeo(state: Mapping[str, Tensor], to: str,
              prefixes: Mapping[str, str],
              alone: Mapping[str, str]) -> dict[str, Tensor]:
    """Bring ``mmeo`` keys to the authors' names.

    Args:
        state (Mapping[str, Tensor]): What :func:`to_mmeo` returned.
        to (str): ``'original'`` or ``'mmeo'``.
        prefixes (Mapping[str, str]): Part -> prefix in a combined file.
        alone (Mapping[str, str]): Part -> prefix in a file of its own.

    Returns:
        dict[str, Tensor]: Renamed tensors.
    """
    if to == 'mmeo':
        return dict(state)
    modules, out = find(state), {}
    for module in modules:
        table = prefixes if len(modules) > 1 else alone
        start = table.get(module.part, '')
        for key, value in module.inside(state).items():
            name = module.spec.to_mm(key)
            if name is not None:
                out[start + name] = _unflat(module.kind, key, value)
    return out


def _unflat(kind: str, name: str, value: Tensor) -> Tensor:
    if kind == 'calendar':
        return value[None]
    if kind == 'fusion' and name == 'cls_token':
        return value[None, None]
    return value
