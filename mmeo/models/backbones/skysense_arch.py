# Copyright (c) mmeo contributors. All rights reserved.
"""Sizes and sensors of SkySense V2."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

from mmeo.errors import ConfigError

# `huge` is the paper's; the smaller ones are ours.
ARCHS = dict(
    tiny=dict(embed_dims=96, depths=(2, 2, 6, 2)),
    small=dict(embed_dims=96, depths=(2, 2, 18, 2)),
    base=dict(embed_dims=128, depths=(2, 2, 18, 2)),
    large=dict(embed_dims=192, depths=(2, 2, 18, 2)),
    huge=dict(embed_dims=352, depths=(2, 2, 18, 2)))
ARCH_DEFAULTS = dict(head_dim=32, mlp_ratio=4.0)

# 32 pixels of the high-resolution image make one of the others. The paper
# says 0.3 m, which is 0.3125 m on such a grid.
MODALITIES = dict(
    hr=dict(in_channels=3, gsd=0.3125),
    s2=dict(in_channels=10, gsd=10.0),
    s1=dict(in_channels=2, gsd=10.0))
COARSEST_TOKEN = 40.0  # metres: the token of Sentinel-2 with a patch of 4

Modes = tuple[bool, bool, bool]


def parse_arch(arch: Union[str, Mapping]) -> dict[str, Any]:
    """Complete a size.

    Args:
        arch (str or dict): A name of :data:`ARCHS`, or ``embed_dims``,
            ``depths`` (four) and, if other than 32 and 4.0, ``head_dim`` and
            ``mlp_ratio``.

    Returns:
        dict: The four values.

    Raises:
        ConfigError: If the name is unknown or the values do not fit.
    """
    if isinstance(arch, str):
        if arch not in ARCHS:
            raise ConfigError(f'arch={arch!r} is unknown: choose '
                              f'{", ".join(ARCHS)}, or give a dict of '
                              'embed_dims, depths, head_dim, mlp_ratio.')
        arch = ARCHS[arch]
    full = {**ARCH_DEFAULTS, **arch}
    if set(full) != {'embed_dims', 'depths', 'head_dim', 'mlp_ratio'}:
        raise ConfigError('arch takes embed_dims, depths, head_dim and '
                          f'mlp_ratio, got {sorted(arch)}.')
    if len(full['depths']) != 4 or min(full['depths']) < 1:
        raise ConfigError(f"arch['depths']={full['depths']} must be four "
                          'numbers from 1 on.')
    if full['embed_dims'] % full['head_dim'] or full['head_dim'] % 4:
        raise ConfigError(
            f"arch['head_dim']={full['head_dim']} must be a multiple of 4 "
            f"that divides embed_dims={full['embed_dims']}.")
    return full


def parse_modalities(modalities: Union[Sequence[str], Mapping[str, Mapping]]
                     ) -> dict[str, dict]:
    """Complete the description of the sensors.

    Args:
        modalities (Sequence[str] or dict): Names of :data:`MODALITIES`, or
            name -> ``in_channels`` and ``gsd`` (metres per pixel); a known
            name may leave out either.

    Returns:
        dict[str, dict]: Name -> ``in_channels`` and ``gsd``.

    Raises:
        ConfigError: If a sensor is unknown and not described.
    """
    if not isinstance(modalities, Mapping):
        modalities = {name: {} for name in modalities}
    if not modalities:
        raise ConfigError('modalities is empty: name at least one sensor.')
    full = {}
    for name, given in modalities.items():
        spec = {**MODALITIES.get(name, {}), **given}
        if set(spec) != {'in_channels', 'gsd'}:
            raise ConfigError(
                f'modalities[{name!r}]={dict(given)} needs in_channels and '
                f'gsd (metres per pixel); only {", ".join(MODALITIES)} have '
                'defaults.')
        full[name] = spec
    return full


def apm_modes_from_gsd(gsd: float, patch_size: int = 4,
                       coarsest: float = COARSEST_TOKEN) -> Modes:
    """Merge as long as tokens stay no coarser than Sentinel-2's.

    Our choice: merge if twice the present token is at most 40 m. Optical
    images of 0.3 m merge three times, 10 m images never.

    Args:
        gsd (float): Metres per pixel.
        patch_size (int): Pixels per token of stage 1. Defaults to 4.
        coarsest (float): Metres. Defaults to 40.

    Returns:
        tuple[bool, bool, bool]: For each transition, whether to merge.
    """
    modes, token = [], gsd * patch_size
    for _ in range(3):
        modes.append(2 * token <= coarsest)
        token *= 2 if modes[-1] else 1
    return tuple(modes)


def parse_modes(modes: Sequence, name: str) -> Modes:
    """Check the three modes of a modality; ``'merge'`` and 1 mean merge.

    Raises:
        ConfigError: If these are not three modes.
    """
    table = {'merge': True, 'preserve': False, 1: True, 0: False}
    if isinstance(modes, str) or len(modes) != 3 or any(
            mode not in table for mode in modes):
        raise ConfigError(
            f'apm_modes of {name!r} is {modes}: give three values, one for '
            "each transition, of 'merge' (or 1) and 'preserve' (or 0).")
    return tuple(table[mode] for mode in modes)


def parse_apm(given: Union[str, Mapping, None],
              modalities: Mapping[str, Mapping]) -> dict[str, Modes]:
    """Modes of all modalities.

    Args:
        given (dict or str, optional): Name -> modes; ``'gsd'`` or None names
            none.
        modalities (dict[str, dict]): Of :func:`parse_modalities`.

    Returns:
        dict[str, tuple[bool, bool, bool]]: As given, else by the gsd.

    Raises:
        ConfigError: If an unknown modality is named.
    """
    if isinstance(given, str) and given != 'gsd':
        raise ConfigError(f"apm_modes={given!r} must be 'gsd' or a dict.")
    given = {} if given is None or given == 'gsd' else given
    unknown = sorted(set(given) - set(modalities))
    if unknown:
        raise ConfigError(f'apm_modes names {unknown}, but the modalities are '
                          f'{", ".join(modalities)}.')
    return {
        name: parse_modes(given[name], name) if name in given else
        apm_modes_from_gsd(spec['gsd']) for name, spec in modalities.items()
    }


def expert_blocks(moe: Optional[Mapping], depths: Sequence[int]) -> range:
    """Numbers of the blocks, over all stages, that get experts.

    Args:
        moe (dict, optional): With ``num_layers``, the last ones; 6 unless
            given. None is no block.
        depths (Sequence[int]): Blocks of each stage.

    Raises:
        ConfigError: If stages 3 and 4 have fewer blocks.
    """
    if moe is None:
        return range(0)
    count, most = moe.get('num_layers', 6), sum(depths[2:])
    if not 1 <= count <= most:
        raise ConfigError(f"moe['num_layers']={count} must be 1..{most}, "
                          'the blocks of stages 3 and 4.')
    return range(sum(depths) - count, sum(depths))


def entry_of(name: str) -> tuple[int, int]:
    """Where a parameter of the backbone enters.

    Args:
        name (str): Its name within the backbone.

    Returns:
        tuple[int, int]: Stage, -1 before the first, and block of the stage,
        both from 0.
    """
    kind, *rest = name.split('.')
    if kind == 'tokenizers':
        return -1, 0
    if kind == 'stages':
        return int(rest[0]), int(rest[1])
    if kind == 'norms':
        return int(rest[0]), 0
    if kind == 'merges':
        return int(rest[0]) + 1, 0
    return (int(rest[1]) + 2, 0) if kind == 'prompts' else (2, 0)
