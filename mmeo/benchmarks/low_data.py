# Copyright (c) mmeo contributors. All rights reserved.
"""The curve of accuracy over the share of labels, beside the paper's."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Optional

from mmeo.errors import ConfigError, DataError

from .comparison import compare
from .paper_tables import load_tables
from .run_record import find_records

Curve = list[tuple[float, float]]


def paper_curves(system: str = 'vitp', table: str = '15') -> dict[str, Curve]:
    """A paper's curves: row to (percent of the data, value)."""
    chosen = [each for each in load_tables(system) if each.number == table]
    if not chosen:
        raise ConfigError(f'there is no table {table} of {system}.')
    part = chosen[0].parts[0]
    return {row: [(float(column.name.rstrip('%')),
                   part.value(row, column.name)) for column in part.columns]
            for row in part.rows}


def recorded_curve(records: str, system: str = 'vitp',
                   table: str = '15') -> Curve:
    """Our curve from run records of the configs that the table maps to."""
    chosen = [each for each in load_tables(system) if each.number == table]
    cells = compare(chosen[0], find_records(records))
    return [(float(cell.column.rstrip('%')), cell.ours) for cell in cells
            if cell.ours is not None]


def measured_curve(file: str, metric: Optional[str] = None,
                   scale: float = 1.0) -> tuple[str, Curve]:
    """Our curve from ``low_data.json``, averaged over seeds.

    Args:
        file (str): What ``run_low_data`` wrote.
        metric (str, optional): Defaults to the first.
        scale (float): E.g. 100 for fractions. Defaults to 1.

    Returns:
        tuple[str, Curve]: The metric's name and the curve.

    Raises:
        DataError: If the file lacks the metric.
    """
    path = Path(file)
    if not path.is_file():
        raise DataError(f'{file} does not exist: projects/low_data/run.py '
                        'run writes it.')
    runs = json.loads(path.read_text())['runs']
    metric = metric or next(iter(runs[0]['metrics']))
    values = defaultdict(list)
    for run in runs:
        if run['metrics'].get(metric) is None:
            raise DataError(f'{file}: a run has no {metric!r}, but '
                            f'{", ".join(run["metrics"])}.')
        values[100 * run['fraction']].append(run['metrics'][metric] * scale)
    return metric, sorted((share, mean(each))
                          for share, each in values.items())


def draw_low_data(curves: dict[str, Curve], reference: dict[str, Curve],
                  path: str, ylabel: str = '') -> Path:
    """Draw measured curves, and a paper's as dashed lines.

    Args:
        curves (dict[str, Curve]): Measured ones, possibly none.
        reference (dict[str, Curve]): The paper's.
        path (str): The picture.
        ylabel (str): Defaults to ''.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(7, 5), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, curve in reference.items():
        axes.plot(*zip(*sorted(curve)), '--', marker='.', alpha=0.7,
                  label=f'{name} (paper, AP50 on RSAR)')
    for name, curve in curves.items():
        if curve:
            axes.plot(*zip(*sorted(curve)), marker='o', linewidth=2,
                      label=f'{name} (measured)')
    axes.set_xscale('log')
    ticks = _shares([*curves.values(), *reference.values()])
    axes.set_xticks(ticks, [f'{tick:g} %' for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel='share of the training images', ylabel=ylabel)
    axes.grid(alpha=0.3)
    axes.legend()
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)
    return file


def _shares(curves: Sequence[Curve]) -> list[float]:
    return sorted({round(share, 6) for curve in curves for share, _ in curve})
