# Copyright (c) mmeo contributors. All rights reserved.
"""Table of runs in two stages, and what the paper found in larger ones."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from mmeo.apis.synthearth_vlm_runs import RECORD, STAGE_1
from mmeo.errors import MissingDataError

BLIND, ORACLE = 'blind', 'oracle'
G_MOE, FULL, LORA, MOE_8 = 'G-MoE', 'full', 'LoRA', 'MoE-8'
#: Title -> names of the scores whose mean it is.
COLUMNS = {
    'VQA': ('eval_vqa/vqa/macro', ),
    'scene': ('eval_cls/scene/accuracy', ),
    'caption CIDEr': ('eval_cap/caption/CIDEr', ),
    'grounding @0.5': ('eval_vg/grounding/acc@0.5', ),
    'grounding mIoU': ('eval_vg/grounding/mean_iou', ),
    'region CIDEr': ('eval_ref/caption/CIDEr', ),
    'seg. mIoU': ('eval_seg/seg/mIoU', ),
    'change F1': ('eval_cd/change/F1', ),
    'change BLEU-4': ('eval_ccd/change_caption/BLEU-4', ),
    'change CIDEr': ('eval_ccd/change_caption/CIDEr', ),
    # Of either kind of pairs, so that no habit is worth more than 50.
    'change or not': ('eval_ccd/change_caption/change_accuracy',
                      'eval_ccd/change_caption/no_change_accuracy'),
}

#: Variant -> seed -> record.
Runs = Mapping[str, Mapping[int, Mapping]]


class Direction(NamedTuple):
    """A difference of Table 8 of the paper.

    Args:
        other (str): What G-MoE is compared with.
        vqa (float): G-MoE's lead in VQA, points.
        grounding (float): G-MoE's lead in grounding, points.
    """

    other: str
    vqa: float
    grounding: float


# Table 8: G-MoE 91.57 and 70.90.
DIRECTIONS = (
    Direction(FULL, 91.57 - 90.22, 70.90 - 65.27),
    Direction(LORA, 91.57 - 90.80, 70.90 - 64.56),
    Direction(MOE_8, 91.57 - 82.75, 70.90 - 49.44),
)


def read_runs(work_dir: str) -> Runs:
    """Records of all finished runs that were tested.

    Args:
        work_dir (str): Of
            :func:`~mmeo.apis.synthearth_vlm_runs.run_stages`.

    Raises:
        MissingDataError: If nothing is finished.
    """
    found: dict = defaultdict(dict)
    for file in sorted(Path(work_dir).glob(f'*/seed*/{RECORD}')):
        record = json.loads(file.read_text())
        if record['scores']:
            found[record['variant']][record['seed']] = record
    if not found:
        raise MissingDataError(f'{work_dir} holds no */seed*/{RECORD}: run '
                               '`run.py run` first.')
    return found


def stages_table(work_dir: str, bounds: Mapping[str, Mapping[str, float]],
                 order: Sequence[str] = ()) -> str:
    """Mean and standard deviation over seeds, and the paper's directions.

    Args:
        work_dir (str): Of :func:`run_stages`.
        bounds (Mapping): 'blind' and 'oracle' -> scores, see
            :func:`~mmeo.apis.synthearth_vlm_blind.score_blind`.
        order (Sequence[str]): Variants in the order of their rows; others
            follow by name.

    Returns:
        str: Two Markdown tables.
    """
    runs = read_runs(work_dir)
    rank = {name: place for place, name in enumerate((STAGE_1, *order))}
    names = sorted(runs, key=lambda name: (rank.get(name, len(rank)), name))
    lines = ['| | ' + ' | '.join(COLUMNS) + ' | trained | stored | seeds |',
             '|' + ' --- |' * (len(COLUMNS) + 4),
             _row(BLIND, [bounds[BLIND]])]
    for name in names:
        records = list(runs[name].values())
        counts = records[0]['parameters']
        lines.append(_row(name, [record['scores'] for record in records],
                          _millions(counts['trained']),
                          _millions(counts['stored']), str(len(records))))
    lines.append(_row(ORACLE, [bounds[ORACLE]]))
    return '\n'.join([*lines, '', *_directions(runs)])


def _row(name: str, scores: Sequence[Mapping[str, float]],
         *rest: str) -> str:
    cells = [cell([score(one, title) for one in scores])
             for title in COLUMNS]
    cells += rest or [''] * 3
    return f'| {name} | ' + ' | '.join(cells) + ' |'


def _directions(runs: Runs) -> list[str]:
    """What the paper says beside what came out, seed by seed."""
    lines = ['| G-MoE over | VQA, paper | VQA, here | grounding @0.5, paper '
             '| grounding @0.5, here | seeds with the sign of the paper |',
             '| --- | --- | --- | --- | --- | --- |']
    for one in DIRECTIONS:
        vqa, grounding = (differences(runs, one.other, title)
                          for title in ('VQA', 'grounding @0.5'))
        if vqa:
            ahead = [sum(value > 0 for value in found)
                     for found in (vqa, grounding)]
            lines.append(
                f'| {one.other} | {one.vqa:+.1f} | {cell(vqa, "+")} | '
                f'{one.grounding:+.1f} | {cell(grounding, "+")} | '
                f'{ahead[0]} and {ahead[1]} of {len(vqa)} |')
    return lines


def score(scores: Mapping[str, float], title: str) -> float:
    """One column of a run."""
    return mean(scores[key] for key in COLUMNS[title])


def differences(runs: Runs, other: str, title: str) -> list[float]:
    """G-MoE minus another variant, of each seed that both have."""
    mine, theirs = runs.get(G_MOE, {}), runs.get(other, {})
    return [score(mine[seed]['scores'], title) -
            score(theirs[seed]['scores'], title)
            for seed in mine if seed in theirs]


def cell(values: Sequence[float], sign: str = '') -> str:
    """``mean ± deviation``."""
    spread = f' ± {stdev(values):.1f}' if len(values) > 1 else ''
    return f'{mean(values):{sign}.1f}{spread}'


def _millions(number: int) -> str:
    return f'{number / 1e6:.2f} M'


__all__ = ['BLIND', 'COLUMNS', 'DIRECTIONS', 'FULL', 'G_MOE', 'LORA',
           'MOE_8', 'ORACLE', 'Direction', 'differences', 'read_runs',
           'score', 'stages_table']
