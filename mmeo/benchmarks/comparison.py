# Copyright (c) mmeo contributors. All rights reserved.
"""A paper's numbers beside ours, ours taken from run records and nowhere
else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from .paper_tables import Column, PaperTable, Part
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
        ours (float, optional): In the paper's unit; None: not run.
        record (str, optional): File that holds it.
        remark (str): What sets the run apart from the config.
        runs (int): Records that hold it; the newest counts.
        trained_by (str, optional): Config of the weights it tests, if these
            are not its own.
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
    trained_by: Optional[str] = None

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
                config = part.ours.get(row, {}).get(column.name)
                cell = Cell(table.number, row, column.name, column.metric,
                            column.key, part.value(row, column.name), digits,
                            config, trained_by=table.trained_by)
                cells.append(_fill(cell, column, records))
    return cells


def own_rows(part: Part) -> list[str]:
    """Rows of the paper's own method: others come with a reference."""
    return [row for row in part.rows if '[' not in row]


def _fill(cell: Cell, column: Column,
          records: Iterable[Mapping[str, Any]]) -> Cell:
    found = [record for record in records
             if cell.config and record['config'] == cell.config
             and record['metrics'].get(column.key) is not None]
    if not found:
        return cell
    newest = found[-1]
    fields = {**vars(cell), 'runs': len(found),
              'ours': float(newest['metrics'][column.key]) * column.scale,
              'record': newest.get('file'), 'remark': _remark(newest)}
    return Cell(**fields)


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
        if not cell.config or cell.ours is not None:
            continue
        train, test = _commands(cell)
        if cell.trained_by:
            commands.update({train: None, test: None})
        else:
            commands[f'{train} && {test}'] = None
    return list(commands)


def _commands(cell: Cell) -> tuple[str, str]:
    """Training and test of a cell."""
    source = cell.trained_by or cell.config
    weights = f'$(cat {_work_dir(source)}/last_checkpoint)'
    folder = _work_dir(cell.config)
    train = (f'tools/dist_train.sh {source} 8 --work-dir '
             f'{_work_dir(source)}')
    if (cell.key or '').startswith('robustness/'):
        return train, (f'python tools/analysis_tools/test_robustness.py '
                       f'{cell.config} {weights} --work-dir '
                       f'{folder}/robustness')
    return train, (f'tools/dist_test.sh {cell.config} {weights} 8 --work-dir '
                   f'{folder}/test')


def _work_dir(config: str) -> str:
    return 'work_dirs/' + config.rsplit('/', 1)[-1].removesuffix('.py')
