# Copyright (c) mmeo contributors. All rights reserved.
"""Results under corruptions: their averages, table and picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any, Optional

from mmeo.datasets.transforms.corrupt import CORRUPTIONS, SEVERITIES


@dataclass
class Robustness:
    """What was measured.

    Args:
        identity (dict): Config, checkpoint, seed: what it was measured on.
        metric (str, optional): Name of the metric.
        clean (float, optional): Its value on clean images.
        results (dict[str, dict[int, float]]): Corruption, then severity, to
            its value.
    """

    identity: dict[str, Any] = field(default_factory=dict)
    metric: Optional[str] = None
    clean: Optional[float] = None
    results: dict[str, dict[int, float]] = field(default_factory=dict)

    @property
    def means(self) -> dict[str, float]:
        """Mean over the severities that were run, per corruption."""
        return {name: mean(self.results[name].values())
                for name in CORRUPTIONS if self.results.get(name)}

    @property
    def average(self) -> float:
        """Mean over corruptions (``Avg`` of the paper's Table 16)."""
        return mean(self.means.values())

    @property
    def delta_tp(self) -> float:
        """Clean minus average (the paper's Table 16)."""
        return self.clean - self.average

    @property
    def is_complete(self) -> bool:
        """Whether all corruptions were run at all severities."""
        return all(set(self.results.get(name, ())) == set(SEVERITIES)
                   for name in CORRUPTIONS)

    def metrics(self) -> dict[str, float]:
        """For a run record: only what all five severities were run for, and
        averages only over all twelve corruptions."""
        out = {'robustness/clean': self.clean}
        for name, value in self.means.items():
            if set(self.results[name]) == set(SEVERITIES):
                out[f'robustness/{name}'] = value
        if self.is_complete:
            out['robustness/average'] = self.average
            out['robustness/delta_tp'] = self.delta_tp
        return out

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return dict(schema='mmeo/robustness/1', **vars(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> 'Robustness':
        """From what :meth:`to_dict` returned, read back from JSON."""
        results = {name: {int(key): value for key, value in by.items()}
                   for name, by in data['results'].items()}
        return cls(data['identity'], data['metric'], data['clean'], results)


def robustness_table(state: Robustness) -> str:
    """A Markdown table: clean, each corruption, average, drop."""
    severities = sorted({severity for by in state.results.values()
                         for severity in by})
    lines = [f'| {state.metric} | '
             + ' | '.join(f'severity {each}' for each in severities)
             + ' | mean | drop |', '|' + ' --- |' * (len(severities) + 3)]
    blank = ' |' * len(severities)
    lines.append(f'| clean |{blank} {state.clean:.4f} | |')
    for name, value in state.means.items():
        cells = [f'{state.results[name][each]:.4f}'
                 if each in state.results[name] else '' for each in severities]
        lines.append(f'| {name} | {" | ".join(cells)} | {value:.4f} | '
                     f'{state.clean - value:.4f} |')
    if state.means:
        lines.append(f'| **average** |{blank} {state.average:.4f} | '
                     f'{state.delta_tp:.4f} |')
    lines.append('')
    if state.is_complete:
        lines.append("The drop of the average is the paper's ΔTP.")
    else:
        runs = sum(map(len, state.results.values()))
        lines.append(f'{runs} of {len(CORRUPTIONS) * len(SEVERITIES)} tests: '
                     'the average is not comparable with ΔTP of the paper, '
                     'which is over all.')
    return '\n'.join(lines)


def draw_robustness(state: Robustness, path: Path) -> None:
    """Value by severity beside the drop per corruption.

    Args:
        state (Robustness): Results.
        path (Path): The picture.
    """
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(12, 5), layout='constrained')
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    colours = {name: colormaps['tab20'](i)
               for i, name in enumerate(CORRUPTIONS)}
    left.axhline(state.clean, color='black', linestyle='--', label='clean')
    for name in state.means:
        points = sorted(state.results[name].items())
        left.plot(*zip(*points), marker='o', color=colours[name], label=name)
    left.set(xlabel='severity', ylabel=state.metric, xticks=SEVERITIES)
    left.grid(alpha=0.3)
    left.legend(fontsize=7, ncols=2)
    drops = sorted(((state.clean - value, name)
                    for name, value in state.means.items()))
    right.barh([name for _, name in drops], [drop for drop, _ in drops],
               color=[colours[name] for _, name in drops])
    right.axvline(0, color='black', linewidth=0.8)
    if state.means:
        right.axvline(state.delta_tp, color='black', linestyle='--',
                      label=f'average {state.delta_tp:.4f}')
        right.legend()
    right.set(xlabel=f'drop of {state.metric} from {state.clean:.4f}')
    figure.savefig(path, dpi=120)
