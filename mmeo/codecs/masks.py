# Copyright (c) mmeo contributors. All rights reserved.
"""Masks as text: a grid of labels, each row run-length encoded.

Source: RSUniVLM (arXiv 2412.05679) section 3.1, after Text4Seg (arXiv
2410.09855). Runs never cross rows. Repairs, flags and the fast path are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Optional

import numpy as np

from mmeo.codecs.mask_dialects import (
                                       MASK_DIALECTS,
                                       MaskDialect,
                                       check_names,
                                       get_mask_dialect,
)
from mmeo.codecs.mask_repair import Repaired, repair_flat, repair_rows
from mmeo.codecs.mask_rows import read_rows
from mmeo.errors import ConfigError, DataError

IGNORE_LABEL = 255


@dataclass
class MaskText:
    """A mask read from text.

    Attributes:
        mask (np.ndarray): ``(g, g)`` int64, indices into the names.
        rows (int): Rows that the text has; 0 where it holds no mask at all.
        repairs (int): Rows that were mended (a run without a positive count,
            too few or too many cells), lines of prose that were left out,
            and a missing tag.
        missing (int): Rows that the text lacks.
        extra (int): Rows too many, which were ignored.
        unknown (tuple[str, ...]): Labels that were not asked for; their cells
            are background.
    """

    mask: np.ndarray
    rows: int
    repairs: int = 0
    missing: int = 0
    extra: int = 0
    unknown: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Nothing had to be mended; case, spaces and dialect are free."""
        return not (self.repairs or self.missing or self.extra
                    or self.unknown)

    @property
    def readable(self) -> bool:
        """The text holds at least one run."""
        return self.rows > 0

    @property
    def truncated(self) -> bool:
        """The text has rows, but too few."""
        return self.rows > 0 and self.missing > 0


def encode_mask(label_map: np.ndarray,
                names: Sequence[str],
                dialect: str = 'rsunivlm',
                ignore_index: Optional[int] = IGNORE_LABEL) -> str:
    """Write a grid of labels as text.

    Args:
        label_map (np.ndarray): ``(g, g)`` integers, indices into ``names``.
            :func:`mmeo.codecs.to_grid` makes one from a label raster.
        names (Sequence[str]): ``names[0]`` is the background's word, 'others'
            in the papers.
        dialect (str): 'rsunivlm' or 'text4seg'. Defaults to 'rsunivlm'.
        ignore_index (int, optional): Written as background. Defaults to 255.

    Returns:
        str: g rows, such as ``others*2, building*3, others*19``.

    Raises:
        DataError: If the map is no square of integers, an id is out of range,
            or a name cannot be read back (see :func:`check_names`).
        ConfigError: If the dialect is unknown.
    """
    spelling = get_mask_dialect(dialect)
    grid = _check_map(label_map, len(names), ignore_index)
    size = len(grid)
    pieces = _table(_key(names), size, spelling).pieces
    breaks = np.ones((size, size), dtype=bool)
    breaks[:, 1:] = grid[:, 1:] != grid[:, :-1]
    starts = np.flatnonzero(breaks)
    counts = np.diff(starts, append=size * size)
    last = (starts + counts) % size == 0
    codes = (grid.ravel()[starts] * size + counts - 1) * 2 + last
    body = ''.join([pieces[code] for code in codes.tolist()])
    end = len(body) - len(spelling.newline)
    return f'{spelling.start}{body[:end]}{spelling.end}'


def decode_mask(text: str,
                names: Sequence[str],
                grid: int = 24,
                missing: str = 'background',
                runs: str = 'row') -> MaskText:
    """Read a mask, of either dialect; any text is accepted.

    Labels match without regard to case and spaces. A row that is too short
    is filled with its last label, one that is too long is cut. Cells of
    unknown labels are background.

    Args:
        text (str): Output of a model or of :func:`encode_mask`.
        names (Sequence[str]): ``names[0]`` is the background's word.
        grid (int): Cells of a side. Defaults to 24.
        missing (str): What fills rows that the text lacks: 'background', or
            'copy' of the last row there is. Defaults to 'background'.
        runs (str): 'row', each row is mended by itself; 'flat', Text4Seg's
            rule: runs follow each other over the whole grid, the last label
            fills the end, and one wrong count moves all that follows. Reads
            text whose runs cross rows. Defaults to 'row'.

    Returns:
        MaskText: The mask and what was mended.

    Raises:
        DataError: If the names are not usable; never because of the text.
        ConfigError: If an option is unknown.
    """
    if missing not in ('background', 'copy'):
        raise ConfigError(f"missing={missing!r} is none of 'background', "
                          "'copy'")
    if runs not in ('row', 'flat'):
        raise ConfigError(f"runs={runs!r} is none of 'row', 'flat'")
    if grid < 1:
        raise ConfigError(f'grid={grid}: give at least 1')
    names = _key(names)
    exact = _read_exact(text, names, grid)
    if exact is not None:
        return MaskText(exact, grid)
    found = read_rows(text)
    repair = repair_rows if runs == 'row' else repair_flat
    result: Repaired = repair(found.rows, names, grid, missing == 'copy')
    return MaskText(result.mask, len(found.rows),
                    result.repairs + found.flaws, result.missing,
                    result.extra, result.unknown)


class _Table(NamedTuple):
    """Each run that a row can have, by code and by text.

    The code is ``(label * g + count - 1) * 2 + (ends its row)``.
    """

    pieces: list[str]
    codes: dict[str, int]


def _key(names: Sequence[str]) -> tuple[str, ...]:
    # A string would pass as a list of letters.
    return check_names(names) if isinstance(names, str) else tuple(names)


@lru_cache(maxsize=256)
def _table(names: tuple[str, ...], size: int, spelling: MaskDialect) -> _Table:
    check_names(names)
    pieces = [
        f'{name}{spelling.star}{count}{behind}' for name in names
        for count in range(1, size + 1)
        for behind in (spelling.between, spelling.newline)
    ]
    # In reading, the text is split at `between`.
    codes = {piece.removesuffix(spelling.between): code
             for code, piece in enumerate(pieces)}
    return _Table(pieces, codes)


def _check_map(label_map: np.ndarray, count: int,
               ignore_index: Optional[int]) -> np.ndarray:
    grid = np.asarray(label_map)
    if grid.ndim != 2 or grid.shape[0] != grid.shape[1] or not grid.size:
        raise DataError(f'a mask of shape {grid.shape} is no square: sample '
                        'it with mmeo.codecs.to_grid')
    if grid.dtype.kind not in 'iub':
        raise DataError(f'a mask of {grid.dtype} holds no label ids: give '
                        'integers')
    grid = grid.astype(np.int64)
    if ignore_index is not None:
        grid = np.where(grid == ignore_index, 0, grid)
    low, high = int(grid.min()), int(grid.max())
    if low < 0 or high >= count:
        raise DataError(f'the mask has label id {low if low < 0 else high}, '
                        f'but there are {count} names (ids 0 to '
                        f'{count - 1})')
    return grid


def _read_exact(text: str, names: tuple[str, ...],
                size: int) -> Optional[np.ndarray]:
    """Read what :func:`encode_mask` writes; None for any other text."""
    spelling = MASK_DIALECTS['text4seg' if text.startswith('<seg>') else
                             'rsunivlm']
    codes = _table(names, size, spelling).codes
    body = text[len(spelling.start):]
    if not body.endswith(spelling.end):
        return None
    body = body[:len(body) - len(spelling.end)] + spelling.newline
    pieces = body.replace(spelling.newline, spelling.newline +
                          spelling.between).split(spelling.between)
    try:
        code = np.array([codes[piece] for piece in pieces[:-1]])
    except KeyError:
        return None
    label, count = np.divmod(code >> 1, size)
    count += 1
    ends = np.cumsum(count)[(code & 1).astype(bool)]
    if len(ends) != size or (ends != np.arange(1, size + 1) * size).any():
        return None
    return np.repeat(label, count).reshape(size, size)
