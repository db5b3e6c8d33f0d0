# Copyright (c) mmeo contributors. All rights reserved.
"""Read what mmengine's runner leaves in a work directory."""

import json
from pathlib import Path
from typing import Any

from mmeo.errors import DataError


def read_scalars(work_dir: Path, key: str = 'loss') -> dict[int, float]:
    """Read one curve from the logs of all starts of a run.

    A resumed run writes a second log; where both hold a step, the later one
    counts.

    Args:
        work_dir: A run's work directory.
        key: Scalar to read, e.g. ``'loss'``.

    Returns:
        Step to value, in order of steps.

    Raises:
        DataError: If no log holds the key.
    """
    curve: dict[int, float] = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if key in record:
                curve[int(record['step'])] = float(record[key])
    if not curve:
        raise DataError(
            f'{work_dir}: no */vis_data/scalars.json holds {key!r}; the run '
            'wrote no log, or logs under another name')
    return dict(sorted(curve.items()))


def read_metrics(work_dir: Path) -> dict[str, Any]:
    """Read the metrics of the newest test in a work directory.

    Raises:
        DataError: If there is no record.
    """
    records = sorted(path for path in work_dir.glob('*/*.json')
                     if path.parent.name == path.stem)
    if not records:
        raise DataError(f'{work_dir}: no test record; run tools/test.py with '
                        f'--work-dir {work_dir}')
    return json.loads(records[-1].read_text())
