# Copyright (c) mmeo contributors. All rights reserved.
"""Where the modules of SkySense are in a checkpoint.

A combined file holds encoders (``hr``, ``s2``, ``s1``), heads that bring the
maps of two of them to the grid of the third, a calendar table and the fusion
transformer, each below a prefix of its own. A split file holds one of these,
with or without a prefix. Modules are recognised by their names, below any
prefix, in the authors' layout or mmeo's.
"""

from collections.abc import Mapping
from typing import NamedTuple, Optional

from torch import Tensor

from mmeo.errors import CheckpointError, ConfigError

from . import mm_names as mm

PARTS = ('hr', 's2', 's1', 'fusion', 'head_s2', 'head_s1', 'calendar', 'all')

_BANDS = {10: 's2', 2: 's1'}
_HEADS = ('head_s2', 'head_s1')
# Endings of prefixes that name a part, by kind.
_ENDINGS = dict(
    vit={'backbone_s2.': 's2', 'backbone_s1.': 's1', 's2.': 's2',
         's1.': 's1'},
    head={'head_s2.': 'head_s2', 'head_s1.': 'head_s1',
          'up_heads.s2.': 'head_s2', 'up_heads.s1.': 'head_s1'})


class Kind(NamedTuple):
    """How to recognise and rename a module.

    Attributes:
        original (tuple[str, str]): One of its keys, and the start of another
            that is beside it, in the authors' layout.
        mmeo (tuple[str, str]): The same in mmeo's.
        to_mmeo (Rename): The authors' name -> mmeo's, or None.
        to_mm (Rename): The reverse.
        complete (Complete): mmeo's names -> those of the complete module.
        inner (str): In front of mmeo's names.
    """
    original: tuple[str, str]
    mmeo: tuple[str, str]
    to_mmeo: mm.Rename
    to_mm: mm.Rename
    complete: mm.Complete
    inner: str = ''


def _same(key: str) -> str:
    return key


KINDS = {
    'swin': Kind(('patch_embed.projection.weight', 'stages.0.blocks.0.'),
                 ('encoder.tokenizer.projection.weight',
                  'encoder.stages.0.0.'),
                 mm.swin_to_mmeo, mm.swin_to_mm, mm.swin_keys, 'encoder.'),
    'vit': Kind(('patch_embed.projection.weight', 'layers.0.attn.'),
                ('encoder.patch_embed.weight', 'encoder.layers.0.attn.'),
                mm.vit_to_mmeo, mm.vit_to_mm, mm.vit_keys, 'encoder.'),
    'fusion': Kind(('porj_linear.weight', 'layers.0.attn.'),
                   ('input_proj.weight', 'layers.0.attn.'),
                   mm.fusion_to_mmeo, mm.fusion_to_mm, mm.fusion_keys),
    'head': Kind(('decoder.0.weight', 'decoder.0.bias'),
                 ('weight', 'bias'),
                 mm.head_to_mmeo, mm.head_to_mm, mm.head_keys),
    'calendar': Kind(('ctpe', 'ctpe'),
                     ('dates.position_embedding', 'dates.position_embedding'),
                     {'ctpe': 'dates.position_embedding'}.get,
                     {'dates.position_embedding': 'ctpe'}.get,
                     lambda _: {'dates.position_embedding'}),
}


class Found(NamedTuple):
    """A module in a checkpoint.

    Attributes:
        part (str): One of :data:`PARTS`, ``''`` where names do not tell.
        kind (str): A key of :data:`KINDS`.
        prefix (str): In front of its keys, in the file.
        layout (str): ``'mmeo'`` or ``'original'``.
    """
    part: str
    kind: str
    prefix: str
    layout: str

    @property
    def spec(self) -> Kind:
        return KINDS[self.kind]

    def inside(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The module's tensors without prefix; for mmeo also without
        ``inner``."""
        start = self.prefix + (self.spec.inner if self.layout == 'mmeo' else
                               '')
        return {k[len(start):]: v for k, v in state.items()
                if k.startswith(start)}


def find(state: Mapping[str, Tensor]) -> list[Found]:
    """Find every module of SkySense in a state dict."""
    found = []
    for kind, spec in KINDS.items():
        for layout in ('original', 'mmeo'):
            anchor, other = getattr(spec, layout)
            for key in state:
                if not ('.' + key).endswith('.' + anchor):
                    continue
                prefix = key[:-len(anchor)]
                if kind == 'head' and not _is_head(state[key], prefix,
                                                   layout):
                    continue
                if any(k.startswith(prefix + other) for k in state):
                    part = _part(kind, prefix, state[key])
                    found.append(Found(part, kind, prefix, layout))
    return found


def _is_head(weight: Tensor, prefix: str, layout: str) -> bool:
    """Convolutions are many: a head's is 1 x 1 and to 16 times the maps."""
    if layout == 'mmeo':
        return ('.' + prefix).endswith(('.up_heads.s2.', '.up_heads.s1.'))
    return weight.ndim == 4 and weight.shape[2:] == (1, 1) and (
        weight.shape[0] % 16 == 0)


def _part(kind: str, prefix: str, anchor: Tensor) -> str:
    """Which part a module is, by its prefix or its bands."""
    if kind in ('fusion', 'calendar'):
        return kind
    if kind == 'swin':
        return 'hr'
    for ending, part in _ENDINGS[kind].items():
        if ('.' + prefix).endswith('.' + ending):
            return part
    return _BANDS.get(anchor.shape[1], '') if kind == 'vit' else ''


def select(state: Mapping[str, Tensor],
           part: Optional[str]) -> tuple[str, list[Found]]:
    """Decide which modules are asked for.

    Args:
        state (Mapping[str, Tensor]): Names to tensors.
        part (str, optional): One of :data:`PARTS`. None takes the file's only
            part, or all.

    Returns:
        tuple[str, list[Found]]: The part, and its modules. With ``'fusion'``
        go the heads and the calendar, where the file has them.

    Raises:
        ConfigError: If ``part`` is unknown.
        CheckpointError: If the file lacks it, holds it twice, or does not
            tell which sensor it is of.
    """
    if part not in (None, *PARTS):
        raise ConfigError(f'part={part!r} is unknown: choose '
                          f'{", ".join(PARTS)}.')
    found = find(state)
    if not found:
        raise CheckpointError(
            'no module of SkySense among the keys of the checkpoint; it holds '
            f'{len(state)} tensors such as {", ".join(list(state)[:3])}.')
    found = [_settle(module, state, part) for module in found]
    part = part or _only(found)
    members = ('fusion', *_HEADS, 'calendar') if part == 'fusion' else (part, )
    wanted = [m for m in found if part == 'all' or m.part in members]
    if part != 'all' and part not in {m.part for m in wanted}:
        raise CheckpointError(
            f'the checkpoint has no part {part!r}; it holds '
            f'{", ".join(sorted({m.part for m in found}))}.')
    _check_single(wanted)
    return part, wanted


def _only(found: list[Found]) -> str:
    """The part of a split file; the calendar strays into that of S2."""
    parts = {m.part for m in found}
    parts = parts - {'calendar'} or parts
    return parts.pop() if len(parts) == 1 else 'all'


def _settle(module: Found, state: Mapping[str, Tensor],
            part: Optional[str]) -> Found:
    """Give a module that nothing names the part that was asked for."""
    if module.part:
        return module
    if module.kind == 'head':
        if part in _HEADS:
            return module._replace(part=part)
        raise CheckpointError("a head's keys do not tell its sensor: give "
                              "part='head_s2' or part='head_s1'.")
    if part in ('s2', 's1'):
        return module._replace(part=part)
    key = module.prefix + getattr(module.spec, module.layout)[0]
    raise CheckpointError(
        f'{key} sees {state[key].shape[1]} bands, neither the 10 of '
        "Sentinel-2 nor the 2 of Sentinel-1: give part='s2' or part='s1'.")


def _check_single(wanted: list[Found]) -> None:
    for module in wanted:
        twins = [repr(m.prefix) for m in wanted if m.part == module.part]
        if len(twins) > 1:
            raise CheckpointError(
                f'the checkpoint holds {module.part!r} more than once, below '
                f'{", ".join(twins)}: choose one with `prefix` in init_cfg.')
