# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.apis.table`` and ``mmeo.apis.record``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmeo.apis.config import ConfigLike, load_config
from mmeo.benchmarks.comparison import compare
from mmeo.benchmarks.paper_tables import load_tables, read_cost
from mmeo.benchmarks.rendering import FORMATS, render
from mmeo.benchmarks.run_record import find_records, make_record, write_record
from mmeo.errors import ConfigError


def table(system: str,
          table: Optional[Sequence[str]] = None,
          records: Optional[str] = None,
          fmt: str = 'text',
          commands: bool = True) -> str:
    """A paper's tables with our column filled from run records.

    Args:
        system (str): E.g. ``'vitp'``.
        table (Sequence[str], optional): Numbers of the tables; all by
            default.
        records (str, optional): Folder that is searched for run records, at
            any depth. Defaults to ``work_dirs`` if there is one.
        fmt (str): ``'text'``, ``'md'``, ``'csv'`` or ``'json'``. Defaults to
            'text'.
        commands (bool): Print what would fill the empty cells. Defaults to
            True.

    Returns:
        str: The tables. Cells without a record are empty.

    Raises:
        ConfigError: If there is no such paper, table or format.
        MissingDataError: If ``records`` is given and is no folder.
    """
    if fmt not in FORMATS:
        raise ConfigError(f'--format {fmt}: choose {", ".join(FORMATS)}.')
    tables = load_tables(system)
    if table:
        known = [each.number for each in tables]
        unknown = [number for number in table if number not in known]
        if unknown:
            raise ConfigError(f'--table {unknown[0]}: the data of {system} '
                              f'has {", ".join(known)}.')
        tables = [each for each in tables if each.number in table]
    if records is None and not Path('work_dirs').is_dir():
        found = []
    else:
        found = find_records(records or 'work_dirs')
    return render([(each, compare(each, found)) for each in tables], fmt,
                  commands, read_cost(system))


def record(config: ConfigLike,
           metrics: Sequence[str],
           checkpoint: Optional[str] = None,
           note: Optional[str] = None,
           work_dir: Optional[str] = None) -> Path:
    """Write a run record by hand, e.g. of an evaluation server's result.

    ``tools/test.py`` writes one by itself.

    Args:
        config (str | Path | Config): What was run.
        metrics (Sequence[str]): ``KEY=VALUE`` each, in the unit that the
            config's metric has, e.g. ``'dota/AP50=0.6023'``.
        checkpoint (str, optional): The weights; hashed if the file exists.
        note (str, optional): Where the numbers come from.
        work_dir (str, optional): Where the record goes; the config's by
            default.

    Returns:
        Path: The record.

    Raises:
        ConfigError: If a metric does not parse.
    """
    values = {}
    for item in metrics:
        key, sign, value = item.rpartition('=')
        try:
            values[key] = float(value)
        except ValueError:
            sign = ''
        if not sign or not key:
            raise ConfigError(f'--metric {item}: write KEY=VALUE, e.g. '
                              'dota/AP50=0.6023.')
    cfg = load_config(config, None, work_dir)
    return write_record(cfg.work_dir, make_record(
        cfg, checkpoint, values, note=note or 'entered by hand'))
