# Copyright (c) mmeo contributors. All rights reserved.
"""Read a part of SkySense V1 or SkySense++ out of a file."""

from torch import Tensor

from mmeo.errors import CheckpointError

from .convert import convert_with_report, detect_family
from .families import skysense_pp
from .io import load, unwrap
from .report import Report


def read_skysense(path: str,
                  part: str,
                  prefix: str = '',
                  trust: bool = False) -> tuple[dict[str, Tensor], Report]:
    """Load a checkpoint, combined or split, and take one part of it.

    Args:
        path (str): The file.
        part (str): ``'hr'``, ``'s2'``, ``'s1'``, ``'fusion'``, ``'head_s2'``,
            ``'head_s1'``, ``'calendar'`` or ``'all'``.
        prefix (str): Only look at keys that start so. Defaults to ``''``.
        trust (bool): See :func:`mmeo.weights.load`. Defaults to False.

    Returns:
        tuple[dict[str, Tensor], Report]: Tensors under mmeo's names, and what
        became of the keys.

    Raises:
        CheckpointError: If it cannot be read, is of another family, or lacks
            the part.
    """
    state = unwrap(load(path, trust=trust))
    state = {k: v for k, v in state.items() if k.startswith(prefix)}
    plus = skysense_pp.detect(state)
    try:
        return convert_with_report(
            state, family='skysense_pp' if plus else 'skysense_v1', part=part)
    except CheckpointError as error:
        raise CheckpointError(
            f'{path}: {error}{_what_it_is(state)}') from error


def _what_it_is(state: dict[str, Tensor]) -> str:
    """Name the family of a file that is of another one."""
    try:
        family = detect_family(state)
    except CheckpointError:
        return ''
    if family.startswith('skysense'):
        return ''
    return f' These are weights of {family}.'
