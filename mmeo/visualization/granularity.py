# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures of semantic granularity annealing."""

from pathlib import Path
from typing import Union

import numpy as np

from mmeo.models.in_context.granularity import GranularitySchedule


def draw_schedule(schedule: GranularitySchedule,
                  path: Union[str, Path]) -> None:
    """Draw the share of each level and the mean level over training.

    Args:
        schedule (GranularitySchedule): The schedule.
        path (str or Path): Picture to write; its ending is the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    times = np.linspace(0, 1, 201)
    shares = np.stack([schedule.probabilities(t) for t in times], 1)
    figure = Figure(figsize=(7, 3.6), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    greens = [(0.75 - 0.6 * i / max(1, schedule.levels - 1), 0.86 - 0.42 * i
               / max(1, schedule.levels - 1), 0.66 - 0.4 * i / max(
                   1, schedule.levels - 1)) for i in range(schedule.levels)]
    axes.stackplot(times, shares, colors=greens, labels=[
        _label(i, schedule.levels) for i in range(schedule.levels)])
    axes.axvline(min(schedule.period, 1), color='0.2', linestyle=':',
                 linewidth=1)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel='iteration / iterations',
             ylabel='share of samples')
    mean = axes.twinx()
    mean.plot(times, [schedule.mean(t) for t in times], color='black',
              label='mean level')
    mean.set(ylim=(1, max(schedule.levels, 1.01)), ylabel='mean level',
             yticks=range(1, schedule.levels + 1))
    handles = [*axes.get_legend_handles_labels()[0],
               *mean.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc='outside upper center',
                  ncols=len(handles), frameon=False)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _label(level: int, levels: int) -> str:
    text = f'level {level + 1}'
    if levels > 1 and level in (0, levels - 1):
        text += ' (leaves)' if level else ' (coarsest)'
    return text
