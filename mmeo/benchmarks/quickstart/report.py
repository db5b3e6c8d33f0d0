# Copyright (c) mmeo contributors. All rights reserved.
"""Write the quick start's report from what its runs left on disk."""

import base64
import html
import json
import platform
import shlex
import statistics
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from mmeo.benchmarks.records import read_metrics, read_scalars

from .figures import draw_curve, draw_curves
from .plan import INITS, STAMP_SUFFIX, Plan, Task

PICTURES_PER_TASK = 3


def _score(plan: Plan, task: Task, init: str, seed: int) -> float:
    """The task's metric in percent."""
    record = read_metrics(plan.run_dir(task, init, seed) / 'test')
    return float(record[task.metric]) * task.scale


def _summary(scores: list[float]) -> str:
    if len(scores) == 1:
        return f'{scores[0]:.2f}'
    return f'{statistics.mean(scores):.2f} ± {statistics.stdev(scores):.2f}'


def result_rows(plan: Plan) -> list[list[str]]:
    """Task, metric, each initialisation's score, difference; all measured."""
    rows = []
    for task in plan.tasks:
        scores = {
            init: [_score(plan, task, init, seed)
                   for seed in range(plan.seeds)]
            for init in INITS
        }
        gain = statistics.mean(scores['pretrained']) - statistics.mean(
            scores['random'])
        rows.append([task.title, task.metric.split('/')[-1],
                     *(_summary(scores[init]) for init in INITS),
                     f'{gain:+.2f}'])
    return rows


def _draw(plan: Plan, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / 'pretraining.png']
    draw_curve(read_scalars(plan.pretrain_dir), 'Instruction pretraining',
               paths[0])
    for task in plan.tasks:
        paths.append(folder / f'{task.name}.png')
        draw_curves({
            init: [read_scalars(plan.run_dir(task, init, seed))
                   for seed in range(plan.seeds)]
            for init in INITS
        }, task.title, paths[-1])
    return paths


def _pictures(plan: Plan, task: Task) -> list[Path]:
    """Predictions beside the ground truth, from the pretrained run."""
    folder = plan.run_dir(task, 'pretrained', 0) / 'test'
    found = [path for path in sorted(folder.rglob('*'))
             if path.suffix in ('.png', '.jpg')]
    return found[:PICTURES_PER_TASK]


def _stages(plan: Plan) -> list[dict]:
    """The records that finished stages left, in order of finishing."""
    stamps = sorted(plan.work_dir.rglob(f'*{STAMP_SUFFIX}'),
                    key=lambda path: path.stat().st_mtime)
    return [json.loads(path.read_text()) for path in stamps]


def _facts(plan: Plan) -> list[str]:
    packages = ', '.join(
        f'{name} {version(name)}'
        for name in ('mmeo', 'torch', 'onedl-mmengine', 'transformers'))
    loss = list(read_scalars(plan.pretrain_dir).values())
    tenth = max(1, len(loss) // 10)
    return [
        f'Written {datetime.now():%Y-%m-%d %H:%M} on {platform.machine()}, '
        f'Python {platform.python_version()}, {packages}.',
        f'{plan.scenes} SynthEarth scenes of {plan.size} x {plan.size} '
        'pixels, seed 0. Synthetic data: the numbers show that the pipeline '
        'works, never how accurate a model is on real images.',
        'Pretraining loss, mean of the first and the last tenth of the '
        f'steps: {statistics.mean(loss[:tenth]):.3f} and '
        f'{statistics.mean(loss[-tenth:]):.3f}.',
        f'{plan.seeds} seed(s) per task and initialisation'
        + ('; one seed says little about the difference: `make quickstart '
           'SEEDS=3` gives mean ± standard deviation.'
           if plan.seeds == 1 else ' (mean ± standard deviation).'),
    ]


HEADER = ['Task', 'Metric (%)', 'Pretrained', 'Random init', 'Difference']
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem
auto;padding:0 1rem}table{border-collapse:collapse}td,th{padding:.3rem .8rem;
border-bottom:1px solid #ccc;text-align:left}img{max-width:100%}figure{margin:
1rem 0}code{font-size:.85em;overflow-wrap:anywhere}.row{display:flex;flex-wrap:
wrap;gap:1rem}.row img{width:32rem}"""


def _markdown(plan: Plan, rows: list, curves: list[Path],
              pictures: dict[str, list[Path]]) -> str:
    def link(path: Path) -> str:
        return f'![]({path.relative_to(plan.work_dir).as_posix()})'

    lines = ['# mmeo quick start', '']
    lines += [' | '.join(HEADER), ' | '.join(['---'] * len(HEADER))]
    lines += [' | '.join(row) for row in rows]
    lines += ['', *(f'- {fact}' for fact in _facts(plan)), '', '## Curves', '']
    lines += [link(path) for path in curves]
    for task in plan.tasks:
        lines += ['', f'## {task.title}', '']
        lines += [link(path) for path in pictures[task.name]]
    lines += ['', '## Commands', '']
    lines += [f'- {stage["seconds"]:.0f} s: `{shlex.join(stage["command"])}`'
              for stage in _stages(plan)]
    return '\n'.join(lines) + '\n'


def _html(plan: Plan, rows: list, curves: list[Path],
          pictures: dict[str, list[Path]]) -> str:
    def image(path: Path) -> str:
        data = base64.b64encode(path.read_bytes()).decode()
        kind = 'png' if path.suffix == '.png' else 'jpeg'
        return f'<img alt="{path.stem}" src="data:image/{kind};base64,{data}">'

    def table_row(cells: list[str], tag: str) -> str:
        return '<tr>' + ''.join(
            f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells) + '</tr>'

    parts = ['<!doctype html><meta charset="utf-8"><title>mmeo quick start'
             f'</title><style>{STYLE}</style><h1>mmeo quick start</h1><table>',
             table_row(HEADER, 'th')]
    parts += [table_row(row, 'td') for row in rows]
    parts += ['</table><ul>']
    parts += [f'<li>{html.escape(fact)}</li>' for fact in _facts(plan)]
    parts += ['</ul><h2>Curves</h2><div class="row">',
              *map(image, curves), '</div>']
    for task in plan.tasks:
        parts += [f'<h2>{html.escape(task.title)}</h2>']
        parts += [f'<figure>{image(path)}</figure>'
                  for path in pictures[task.name]]
    parts += ['<h2>Commands</h2><ul>']
    parts += [f'<li>{stage["seconds"]:.0f} s: <code>'
              f'{html.escape(shlex.join(stage["command"]))}</code></li>'
              for stage in _stages(plan)]
    return '\n'.join([*parts, '</ul>'])


def write_report(plan: Plan) -> Path:
    """Write ``report.md`` and ``report.html`` (self-contained).

    Args:
        plan: A finished quick start.

    Returns:
        The HTML file.

    Raises:
        DataError: If a run left no log or no test record.
    """
    rows = result_rows(plan)
    curves = _draw(plan, plan.work_dir / 'figures')
    pictures = {task.name: _pictures(plan, task) for task in plan.tasks}
    arguments = (plan, rows, curves, pictures)
    (plan.work_dir / 'report.md').write_text(_markdown(*arguments))
    path = plan.work_dir / 'report.html'
    path.write_text(_html(*arguments))
    return path
