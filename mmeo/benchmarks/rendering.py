# Copyright (c) mmeo contributors. All rights reserved.
"""Paper tables as text, Markdown, CSV or JSON."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Optional

from .comparison import Cell, missing_commands
from .paper_tables import PaperTable

FORMATS = ('text', 'md', 'csv', 'json')
COLUMNS = ('row', 'column', 'metric', 'paper', 'ours', 'difference', 'status',
           'config')


def _number(value: Optional[float], digits: int, sign: str = '') -> str:
    return '' if value is None else f'{value:{sign}.{digits}f}'


def _row(cell: Cell) -> list[str]:
    ours = _number(cell.ours, cell.digits) + ('*' if cell.remark else '')
    return [cell.row, cell.column, cell.metric,
            _number(cell.paper, cell.digits), ours,
            _number(cell.difference, cell.digits, '+'), cell.status,
            cell.config or '']


def render(pairs: Sequence[tuple[PaperTable, Sequence[Cell]]],
           fmt: str = 'text', commands: bool = True, cost: str = '') -> str:
    """Write tables out.

    Args:
        pairs (Sequence): Tables with their cells.
        fmt (str): One of :data:`FORMATS`. Defaults to 'text'.
        commands (bool): End text and Markdown with the commands that would
            fill the empty cells. Defaults to True.
        cost (str): What the paper says that takes, added to the commands.
            Defaults to ''.
    """
    cells = [cell for _, group in pairs for cell in group]
    if fmt == 'json':
        return json.dumps([{**vars(cell), 'difference': cell.difference,
                            'status': cell.status} for cell in cells],
                          indent=1)
    if fmt == 'csv':
        return _csv(cells)
    blocks = [_block(table, group, fmt) for table, group in pairs]
    run = sum(cell.ours is not None for cell in cells)
    blocks.append(f'{run} of {len(cells)} cells measured.')
    if commands and missing_commands(cells):
        lines = missing_commands(cells)
        if fmt == 'md':
            lines = ['', '```bash', *lines, '```', '']
        blocks.append('\n'.join(
            ['To fill the empty ones:', *lines, *([cost] if cost else [])]))
    return '\n\n'.join(blocks)


def _csv(cells: Sequence[Cell]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(['table', *COLUMNS, 'record', 'remark'])
    for cell in cells:
        row = _row(cell)
        row[4] = row[4].rstrip('*')
        writer.writerow([cell.table, *row, cell.record or '', cell.remark])
    return out.getvalue().rstrip('\n')


def _block(table: PaperTable, cells: Sequence[Cell], fmt: str) -> str:
    name = (f'Table {table.number}' if table.number.isdigit()
            else table.number.capitalize())
    head = f'{name}. {table.title}'
    rows = [list(COLUMNS), *map(_row, cells)]
    if fmt == 'md':
        lines = [f'### {head}', '', '| ' + ' | '.join(rows[0]) + ' |',
                 '|' + ' --- |' * len(COLUMNS)]
        lines += ['| ' + ' | '.join(row) + ' |' for row in rows[1:]]
        lines.append('')
    else:
        widths = [max(len(row[i]) for row in rows)
                  for i in range(len(COLUMNS))]
        lines = [head]
        lines += ['  '.join(cell.ljust(width) for cell, width in
                            zip(row, widths)).rstrip() for row in rows]
    lines.append(f'{table.note.strip()} ({table.source})')
    lines += [f'* {cell.row}, {cell.column}: {cell.remark}'
              for cell in cells if cell.remark]
    return '\n'.join(lines)
