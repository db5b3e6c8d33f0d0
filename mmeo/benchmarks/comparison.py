# Copyright (c) mmeo contributors. All rights reserved.
"""A paper's numbers beside ours, ours taken from run records and nowhere
else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from .paper_tables import Column, Configs, PaperTable, Part
from .run_record import harmful_options

# Points. Our choice: the paper reports no spread over seeds to take it from.
REPRODUCED, CLOSE = 0.3, 1.0


@dataclass(frozen=True)
class Cell:
    """One quantity: the paper's value and ours.

    Args:
        table (str): Number of the table.
        row (str): Usually 'ViTP'.
        column (str): As the paper heads it.
        metric (str): What it really is.
        key (str, optional): Its name in a run record.
        paper (float, optional): None where the paper prints none.
        digits (int): Decimals the paper prints.
        config (str, optional): What would measure it; None: nothing does.
            Several, joined by ' + ', if it is the mean over them.
        ours (float, optional): In the paper's unit; None: not run.
        record (str, optional): File that holds it, or several.
        remark (str): What sets the run apart from the config.
        runs (int): Records that hold it; the newest counts.
        trained_by (tuple[str, ...]): Configs that are trained in turn, the
            last one for the weights it tests; () if these are its own.
        missing (tuple[str, ...]): Configs that have not been run.
        gpus (int): How many a run takes.
    """

    table: str
    row: str
    column: str
    metric: str
    key: Optional[str]
    paper: Optional[float]
    digits: int
    config: Optional[str] = None
    ours: Optional[float] = None
    record: Optional[str] = None
    remark: str = ''
    runs: int = 0
    trained_by: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    gpus: int = 8

    @property
    def difference(self) -> Optional[float]:
        """Ours minus the paper's."""
        if self.ours is None or self.paper is None:
            return None
        return self.ours - self.paper

    @property
    def status(self) -> str:
        """'reproduced', 'within ±1.0', 'differs by ...', 'not run', or
        'nothing to compare' where the paper's number is absent."""
        difference = self.difference
        if self.ours is None:
            return 'not run' if self.config else 'no config'
        if difference is None:
            return 'nothing to compare'
        if abs(difference) <= REPRODUCED + 1e-9:
            return 'reproduced'
        if abs(difference) <= CLOSE + 1e-9:
            return f'within ±{CLOSE}'
        return f'differs by {difference:+.{self.digits}f}'


def compare(table: PaperTable,
            records: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """Our rows of a table.

    Args:
        table (PaperTable): The paper's numbers.
        records (Sequence[Mapping]): Run records, oldest first.

    Returns:
        list[Cell]: One for each cell of the rows that are the paper's own
        method.
    """
    cells = []
    for part in table.parts:
        for row in own_rows(part):
            for column, text in zip(part.columns, part.rows[row]):
                digits = len(text.partition('.')[2])
                sources = [
                    _source(each, column) for each in
                    _all(part.ours.get(row, {}).get(column.name))]
                configs = tuple(dict.fromkeys(each for each, _ in sources))
                cell = Cell(table.number, row, column.name, column.metric,
                            column.key, part.value(row, column.name), digits,
                            ' + '.join(configs) or None, missing=configs,
                            trained_by=_all(part.trained_by
                                            or table.trained_by),
                            gpus=table.gpus)
                cells.append(_fill(cell, sources, column.scale, records))
    return cells


def _all(configs: Optional[Configs]) -> tuple[str, ...]:
    return (configs, ) if isinstance(configs, str) else configs or ()


def _source(text: str, column: Column) -> tuple[str, Optional[str]]:
    """Config, and the key of its record."""
    config, _, key = text.partition(' ')
    return config, key or column.key


def own_rows(part: Part) -> list[str]:
    """Rows of the paper's own method: others come with a reference."""
    return [row for row in part.rows if '[' not in row]


def _fill(cell: Cell, sources: Sequence[tuple[str, Optional[str]]],
          scale: float, records: Sequence[Mapping[str, Any]]) -> Cell:
    """With the mean over its sources, once all have been run."""
    found = {source: _runs(*source, records) for source in sources}
    missing = {config: None for (config, _), runs in found.items()
               if not runs}
    if missing or not found:
        return Cell(**{**vars(cell), 'missing': tuple(missing)})
    newest = [runs[-1] for runs in found.values()]
    values = [float(record['metrics'][key])
              for record, (_, key) in zip(newest, found)]
    files = dict.fromkeys(str(record['file']) for record in newest
                          if record.get('file'))
    remarks = dict.fromkeys(filter(None, map(_remark, newest)))
    fields = {**vars(cell), 'missing': (),
              'runs': min(map(len, found.values())),
              'ours': sum(values) / len(values) * scale,
              'record': ', '.join(files) or None,
              'remark': '; '.join(remarks)}
    return Cell(**fields)


def _runs(config: str, key: Optional[str],
          records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Records of a config that hold a number, oldest first."""
    return [record for record in records if record['config'] == config
            and record['metrics'].get(key) is not None]


def _remark(record: Mapping[str, Any]) -> str:
    """What a reader must know before trusting the number."""
    words = [f'{key}={value}' for key, value in
             harmful_options(record.get('options')).items()]
    if record.get('tta'):
        words.append('test-time augmentation')
    if (record.get('checkpoint') or {}).get('path') is None:
        words.append('no checkpoint named')
    if record.get('note'):
        words.append(str(record['note']))
    return '; '.join(words)


def missing_commands(cells: Sequence[Cell]) -> list[str]:
    """What would fill the empty cells, one command a config.

    Where several are tested with the weights of one training, that comes
    first, in a line of its own.
    """
    commands: dict[str, None] = {}
    for cell in cells:
        for config in cell.missing:
            training = [_train(each, cell.gpus)
                        for each in cell.trained_by or (config, )]
            test = _test(cell, config)
            if cell.trained_by:
                commands.update(dict.fromkeys([*training, test]))
            else:
                commands[f'{training[0]} && {test}'] = None
    return list(commands)


def _train(config: str, gpus: int) -> str:
    return (f'tools/dist_train.sh {config} {gpus} --work-dir '
            f'{_work_dir(config)}')


def _test(cell: Cell, config: str) -> str:
    source = cell.trained_by[-1] if cell.trained_by else config
    weights = f'$(cat {_work_dir(source)}/last_checkpoint)'
    folder = _work_dir(config)
    if (cell.key or '').startswith('robustness/'):
        return (f'python tools/analysis_tools/test_robustness.py {config} '
                f'{weights} --work-dir {folder}/robustness')
    return (f'tools/dist_test.sh {config} {weights} {cell.gpus} --work-dir '
            f'{folder}/test')


def _work_dir(config: str) -> str:
    return 'work_dirs/' + config.rsplit('/', 1)[-1].removesuffix('.py')
