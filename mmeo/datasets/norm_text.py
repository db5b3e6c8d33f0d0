# Copyright (c) mmeo contributors. All rights reserved.
"""What a measurement says: warnings, a table and the config block."""

from collections.abc import Sequence
from pprint import pformat
from typing import TYPE_CHECKING, Optional

import numpy as np

from mmeo.datasets.band_meter import QUANTILES
from mmeo.datasets.band_stats import BandStats
from mmeo.datasets.units import UNITS

if TYPE_CHECKING:
    from mmeo.datasets.norm_report import SensorReport


def find_warnings(report: 'SensorReport',
                  stats: Optional[BandStats]) -> list[str]:
    """What a user should look at.

    Args:
        report (SensorReport): The measurement.
        stats (BandStats, optional): The documented statistics.
    """
    found = []
    if report.errors:
        found.append(f'{len(report.errors)} file(s) could not be read; '
                     f'first: {report.errors[0]}')
    if stats is None:
        return found
    if report.found is None:
        found.append('the values fit no unit, expected '
                     f'{UNITS[stats.unit]}')
        return found
    if report.found != stats.unit:
        found.append(f'the files hold {UNITS[report.found]}: keep '
                     f"`unit='{report.found}'`")
    if report.bands == stats.bands:
        found += _far_from(report, stats)
    if report.name == 's2' and report.meter.percentiles()[0].min() >= 1000:
        found.append('hardly a pixel is below 1000 DN in any band: products '
                     'of processing baseline 04.00 or later carry +1000; '
                     "then set `offset=-1000` beside `preset='s2'`")
    return found


def _far_from(report: 'SensorReport', stats: BandStats) -> list[str]:
    """Our choice of far: one standard deviation, three times as wide."""
    found = []
    rows = list(zip(stats.bands, report.meter.mean, stats.mean,
                    report.meter.std, stats.std))
    far = [f'{band} ({m:.5g}, documented {e:.5g})'
           for band, m, e, _, d in rows if abs(m - e) > d]
    if far:
        found.append('more than one documented standard deviation from the '
                     f'documented mean: {", ".join(far)}. If these are all '
                     'your data, use the block below')
    odd = [f'{band} ({s:.5g}, documented {d:.5g})'
           for band, _, _, s, d in rows if not 1 / 3 <= s / d <= 3]
    if odd:
        found.append('standard deviation unlike the documented one: '
                     + ', '.join(odd))
    return found


def format_report(reports: Sequence['SensorReport']) -> str:
    """Tables, warnings and the block for a config."""
    return '\n\n'.join([*map(_table, reports), 'For a config:\n'
                        + config_block(reports)])


def _table(report: 'SensorReport') -> str:
    meter, points = report.meter, report.meter.percentiles()
    unit = UNITS.get(report.unit, 'an unknown unit')
    head = ['band', 'mean', 'std', 'min', *(f'p{q}' for q in QUANTILES),
            'max']
    rows = [[band, *(f'{v:.5g}' for v in (
        meter.mean[i], meter.std[i], meter.low[i], *points[:, i],
        meter.high[i]))] for i, band in enumerate(report.bands)]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    lines = [f'{report.name}: {report.files} files, {meter.pixels:,} pixels, '
             f'{meter.missing:.2%} without data, in {unit}']
    lines += ['  ' + '  '.join(cell.rjust(width) for cell, width
                               in zip(row, widths)) for row in [head, *rows]]
    return '\n'.join(lines + [f'  WARNING: {text}' for text
                              in report.warnings])


def config_block(reports: Sequence['SensorReport']) -> str:
    """``dict(type='NormalizeBands', ...)`` in Python.

    One sensor of unknown name gives the form for one image, others that for
    several sensors.
    """
    if len(reports) == 1 and reports[0].name == 'image':
        return ("dict(\n    type='NormalizeBands',\n"
                f'{_arguments(reports[0], 4)})')
    parts = ',\n'.join(f'        {r.name}=dict(\n{_arguments(r, 12)})'
                       for r in reports)
    return ("dict(\n    type='NormalizeBands',\n    modalities=dict(\n"
            f'{parts}))')


def _arguments(report: 'SensorReport', indent: int) -> str:
    space = ' ' * indent
    parts = []
    for key, value in report.config().items():
        text = pformat(value, width=76 - indent - len(key), compact=True)
        parts.append(space + f'{key}=' + text.replace(
            '\n', '\n' + space + ' ' * (len(key) + 1)))
    return ',\n'.join(parts)


def round_all(values: np.ndarray, digits: int = 6) -> list[float]:
    """Significant digits, for reading."""
    return [float(f'{value:.{digits}g}') for value in values]
