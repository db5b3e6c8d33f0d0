# Copyright (c) mmeo contributors. All rights reserved.
"""Figures of the quick-start report."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use('Agg')  # machines without a screen
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {'pretrained': 'tab:blue', 'random': 'tab:orange'}


def _smooth(values: np.ndarray, share: float = 0.05) -> np.ndarray:
    """Running mean over ``share`` of the curve, shrinking at its ends."""
    half = max(1, int(len(values) * share / 2))
    sums = np.cumsum(np.insert(values, 0, 0.0))
    index = np.arange(len(values))
    low = np.maximum(index - half, 0)
    high = np.minimum(index + half + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)


def draw_curve(curve: dict[int, float], title: str, path: Path) -> None:
    """One training curve, raw and smoothed."""
    draw_curves({'': [curve]}, title, path)


def draw_curves(curves: dict[str, list[dict[int, float]]], title: str,
                path: Path) -> None:
    """Training losses, a colour for each initialisation.

    Args:
        curves: Initialisation to the curves (step to loss) of its seeds.
        title: Title of the figure.
        path: PNG to write.
    """
    figure, axis = plt.subplots(figsize=(5, 3.2), layout='constrained')
    for name, seeds in curves.items():
        colour = COLOURS.get(name, 'tab:blue')
        for i, curve in enumerate(seeds):
            steps = np.array(list(curve))
            values = np.array(list(curve.values()))
            axis.plot(steps, values, color=colour, alpha=0.2, linewidth=0.8)
            axis.plot(steps, _smooth(values), color=colour,
                      label=name if name and i == 0 else None)
    axis.set(title=title, xlabel='iteration', ylabel='training loss')
    if any(curves):
        axis.legend(frameon=False)
    axis.spines[['top', 'right']].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
