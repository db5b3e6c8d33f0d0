# Copyright (c) mmeo contributors. All rights reserved.
"""Table of in-context runs, and what the paper found in larger ones."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from mmeo.apis.in_context_runs import RECORD
from mmeo.errors import MissingDataError

FULL, FUSED_ONLY = 'full', 'fused only'
ADDED, NO_SGA = 'prototypes added', 'no SGA'
#: Title -> where a score lies in a record, ``{mode}`` left open.
COLUMNS = {
    'seen, optical': ('here/optical', '{mode}/mIoU_seen'),
    'seen, SAR': ('here/sar', '{mode}/mIoU_seen'),
    'held out, optical': ('here/optical', '{mode}/mIoU_held_out'),
    'held out, SAR': ('here/sar', '{mode}/mIoU_held_out'),
    'shifted, optical': ('shifted/optical', '{mode}/mIoU_seen'),
    'shifted, SAR': ('shifted/sar', '{mode}/mIoU_seen'),
}
MODES = dict(V='visual', T='textual', F='fused')
_SEEN = ('seen, optical', 'seen, SAR')
_HELD_OUT = ('held out, optical', 'held out, SAR')
_SHIFTED = ('shifted, optical', 'shifted, SAR')

#: Variant -> seed -> scores as they were recorded.
Runs = Mapping[str, Mapping[int, Mapping[str, Mapping[str, float]]]]


class Direction(NamedTuple):
    """A difference that the paper reports.

    Args:
        claim (str): What is compared, in words.
        paper (str): Its differences, in points of mIoU.
        better (tuple): Variant and mode that is ahead in the paper.
        other (tuple): Variant and modes; the best of them counts.
        columns (tuple[str]): Of :data:`COLUMNS`, averaged.
    """

    claim: str
    paper: str
    better: tuple[str, str]
    other: tuple[str, str]
    columns: tuple[str, ...]


DIRECTIONS = (
    Direction('T over V, seen classes',
              'Potsdam +10.2, FBP +11.8, LoveDA +4.4, iSAID +5.5, ETCI +1.9',
              (FULL, 'T'), (FULL, 'V'), _SEEN),
    Direction('F over the better of V and T, seen classes',
              'Potsdam +0.4, FBP -1.6, LoveDA +1.5, iSAID -1.7, ETCI +0.3',
              (FULL, 'F'), (FULL, 'VT'), _SEEN),
    Direction('F over the better of V and T, held-out classes',
              'FloodNet +4.7, GVLM +1.1',
              (FULL, 'F'), (FULL, 'VT'), _HELD_OUT),
    Direction('F over the better of V and T, shifted domain',
              'GLH-Water +0.8, Vaihingen +1.8',
              (FULL, 'F'), (FULL, 'VT'), _SHIFTED),
    Direction('V: three modes trained over fused only', 'FloodNet +20.1',
              (FULL, 'V'), (FUSED_ONLY, 'V'), _SEEN),
    Direction('T: three modes trained over fused only', 'FloodNet +23.0',
              (FULL, 'T'), (FUSED_ONLY, 'T'), _SEEN),
    Direction('F: three modes trained over fused only', 'FloodNet +2.9',
              (FULL, 'F'), (FUSED_ONLY, 'F'), _SEEN),
    Direction('F on SAR: prototypes attended over added', 'ETCI +15.2',
              (FULL, 'F'), (ADDED, 'F'), ('seen, SAR', )),
    Direction('F: SGA over none, seen classes', 'iSAID +2.2',
              (FULL, 'F'), (NO_SGA, 'F'), _SEEN),
    Direction('F: SGA over none, held-out classes', 'FloodNet +1.2',
              (FULL, 'F'), (NO_SGA, 'F'), _HELD_OUT),
)


def read_runs(work_dir: str) -> Runs:
    """Records of all finished runs.

    Args:
        work_dir (str): Of :func:`~mmeo.apis.in_context_runs.run_in_context`.

    Raises:
        MissingDataError: If nothing is finished.
    """
    found: dict = defaultdict(dict)
    for file in sorted(Path(work_dir).glob(f'*/seed*/{RECORD}')):
        record = json.loads(file.read_text())
        found[record['variant']][record['seed']] = record['scores']
    if not found:
        raise MissingDataError(f'{work_dir} holds no */seed*/{RECORD}: run '
                               '`run.py run` first.')
    return found


def in_context_table(work_dir: str, order: Sequence[str] = ()) -> str:
    """Mean and standard deviation over seeds, and the paper's directions.

    Args:
        work_dir (str): Of :func:`~mmeo.apis.in_context_runs.run_in_context`.
        order (Sequence[str]): Variants that come first. Defaults to (), all
            by name.

    Returns:
        str: Two Markdown tables.
    """
    runs = read_runs(work_dir)
    rank = {name: place for place, name in enumerate(order)}
    names = sorted(runs, key=lambda name: (rank.get(name, len(rank)), name))
    lines = ['| mIoU | | ' + ' | '.join(COLUMNS) + ' | seeds |',
             '| --- |' * 2 + ' --- |' * (len(COLUMNS) + 1)]
    for name in names:
        for mode in MODES:
            cells = [_cell([score(run, column, mode)
                            for run in runs[name].values()])
                     for column in COLUMNS]
            lines.append(f'| {name} | {mode} | ' + ' | '.join(cells) +
                         f' | {len(runs[name])} |')
    return '\n'.join([*lines, '', *_directions(runs)])


def score(run: Mapping[str, Mapping[str, float]], column: str,
          mode: str) -> float:
    """One score of a run, in percent."""
    test, key = COLUMNS[column]
    return run[test][key.format(mode=MODES[mode])]


def _directions(runs: Runs) -> list[str]:
    """What the paper says beside what came out, seed by seed."""
    lines = ['| difference of mIoU | paper | here | seeds with its sign |',
             '| --- | --- | --- | --- |']
    for one in DIRECTIONS:
        found = differences(runs, one)
        if found:
            ahead = sum(value > 0 for value in found)
            lines.append(f'| {one.claim} | {one.paper} | '
                         f'{_cell(found, "+")} | {ahead} of {len(found)} |')
    return lines


def differences(runs: Runs, one: Direction) -> list[float]:
    """Of each seed that both sides have, in points."""
    (ahead, mode), (behind, modes) = one.better, one.other
    seeds = [s for s in runs.get(ahead, {}) if s in runs.get(behind, {})]
    return [mean(score(runs[ahead][seed], column, mode) - max(
        score(runs[behind][seed], column, other) for other in modes)
        for column in one.columns) for seed in seeds]


def _cell(values: Sequence[float], sign: str = '') -> str:
    spread = f' ± {stdev(values):.1f}' if len(values) > 1 else ''
    return f'{mean(values):{sign}.1f}{spread}'


__all__ = ['ADDED', 'COLUMNS', 'DIRECTIONS', 'FULL', 'FUSED_ONLY', 'NO_SGA',
           'Direction', 'differences', 'in_context_table', 'read_runs']
