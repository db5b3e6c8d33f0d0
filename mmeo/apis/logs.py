# Copyright (c) mmeo contributors. All rights reserved.
"""Curves and times from the logs of training runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmeo.errors import DataError, MissingDataError

Curve = dict[int, float]


def find_logs(path: str) -> list[Path]:
    """The ``vis_data/*.json`` files of a log, run folder or work dir.

    Args:
        path (str): A ``.json`` file or a folder that holds runs.

    Returns:
        list[Path]: Oldest first.

    Raises:
        MissingDataError: If there is none.
    """
    given = Path(path)
    if given.is_file():
        return [given]
    files = sorted(given.glob('**/vis_data/*.json'))
    scalars = [file for file in files if file.name == 'scalars.json']
    if not files:
        raise MissingDataError(
            f'{path} holds no log: expected a file, or a work dir with '
            '<time>/vis_data/scalars.json.')
    return scalars or files


def read_log(path: str) -> dict[str, Curve]:
    """Read every number that was logged.

    Several runs in one work dir are one curve: where a resumed run repeats
    steps, its values win.

    Args:
        path (str): See :func:`find_logs`.

    Returns:
        dict[str, Curve]: Name to value by step.

    Raises:
        DataError: If a line is not JSON.
    """
    curves: dict[str, Curve] = {}
    for file in find_logs(path):
        lines = file.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except json.JSONDecodeError as error:
                if number == len(lines):
                    continue  # cut off when the run was killed
                raise DataError(f'{file}:{number}: not JSON ({error.msg}); '
                                'is this a log of mmengine?') from error
            step = entry.get('step', entry.get('iter', entry.get('epoch')))
            for key, value in entry.items():
                if isinstance(value, (int, float)) and key != 'step' and \
                        step is not None:
                    curves.setdefault(key, {})[step] = value
    return curves


def plot_curves(paths: Sequence[str],
                keys: Sequence[str] = ('loss', ),
                legends: Optional[Sequence[str]] = None,
                out: str = 'curves.png',
                title: Optional[str] = None,
                smooth: int = 1) -> Path:
    """Draw curves of several logs into one picture.

    Args:
        paths (Sequence[str]): Logs or work dirs.
        keys (Sequence[str]): What to draw. Defaults to the loss.
        legends (Sequence[str], optional): A name for each curve, log by log
            and key by key. Defaults to folder and key.
        out (str): The picture. Defaults to 'curves.png'.
        title (str, optional): Its title.
        smooth (int): Running mean over so many points. Defaults to 1.

    Returns:
        Path: The picture.

    Raises:
        DataError: If a log lacks a key, or legends do not match in number.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    if legends and len(legends) != len(paths) * len(keys):
        raise DataError(f'{len(legends)} legends for {len(paths)} logs x '
                        f'{len(keys)} keys: give one for each curve.')
    names = iter(legends or [f'{Path(path).name} {key}'
                             for path in paths for key in keys])
    figure = Figure(figsize=(8, 5), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for path in paths:
        curves = read_log(path)
        for key in keys:
            if key not in curves:
                raise DataError(f'{path} has no {key!r}, but '
                                f'{", ".join(sorted(curves))}.')
            steps, values = zip(*sorted(curves[key].items()))
            values = running_mean(values, smooth)
            axes.plot(steps, values, label=next(names), linewidth=1.4,
                      marker='o' if len(steps) < 20 else None)
    axes.set_xlabel('step')
    axes.set_ylabel(keys[0] if len(keys) == 1 else '')
    axes.grid(alpha=0.3)
    axes.legend()
    if title:
        axes.set_title(title)
    file = Path(out)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)
    return file


def running_mean(values: Sequence[float], width: int) -> list[float]:
    """Mean of each value and up to ``width - 1`` before it."""
    return [sum(values[max(0, i + 1 - width):i + 1]) /
            len(values[max(0, i + 1 - width):i + 1])
            for i in range(len(values))]


def train_time(path: str, skip: int = 1) -> dict[str, float]:
    """Seconds per iteration.

    Args:
        path (str): Log or work dir.
        skip (int): Leave out so many first entries, which hold the start of
            workers and the choice of kernels. Defaults to 1.

    Returns:
        dict[str, float]: ``mean``, ``median``, ``fastest``, ``slowest``, and
        the share of time spent waiting for ``data``.
    """
    curves = read_log(path)
    if not curves.get('time'):
        raise DataError(f'{path} has no `time`: was it written in training?')
    # Validation logs its own time under the step it ran at.
    train = curves.get('lr') or curves.get('loss') or curves['time']
    steps = [step for step in sorted(curves['time']) if step in train]
    times = [curves['time'][step] for step in steps][skip:] or \
        [curves['time'][step] for step in steps]
    waits = [curves.get('data_time', {}).get(step, 0.) for step in steps]
    ordered = sorted(times)
    return dict(
        mean=sum(times) / len(times),
        median=ordered[len(ordered) // 2],
        fastest=ordered[0],
        slowest=ordered[-1],
        data=sum(waits[-len(times):]) / sum(times))
