# Copyright (c) mmeo contributors. All rights reserved.
"""Tables of papers as data: ``papers/<system>/*.yml``.

A file holds one printed table. Tables that the paper sets side by side are
several ``parts``, each with columns, rows as text (cells separated by ``|``,
``-`` where the paper prints none, ``?`` where what it prints is not known to
us, digits as printed) and ``ours``: for a row and a column the config of this
repository that measures the same thing, or several whose mean does. Where all
of these test the weights of one training, ``trained_by`` names its config, for
the table or for a part of it. ``cost.txt`` says what the paper's runs cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import yaml

from mmeo.errors import ConfigError, DataError

#: One config, or several: whose mean is printed, or that are run in turn. In
#: ``ours`` the key of a record may follow it after a space, where it is not
#: the column's.
Configs = Union[str, tuple[str, ...]]
FOLDER = Path(__file__).resolve().parent / 'papers'
#: Cells without a number.
NO_NUMBER = ('-', '?')


@dataclass(frozen=True)
class Column:
    """A measured quantity.

    Args:
        name (str): As the paper heads it.
        metric (str): What it really is, e.g. 'AP50'.
        key (str, optional): Its name in a run record. None where no run
            measures it.
        scale (float): The paper's unit over ours, e.g. 100 for a fraction
            that the paper prints in percent. Defaults to 1.
    """

    name: str
    metric: str
    key: Optional[str] = None
    scale: float = 1.0


@dataclass(frozen=True)
class Part:
    """Columns and rows that belong together.

    Args:
        columns (list[Column]): Quantities.
        rows (dict[str, list[str]]): Row name to cells as printed; '-' where
            there is none, '?' where it is not known.
        ours (dict[str, dict[str, Configs]]): Row, then column, to config
            path, or to several.
        trained_by (Configs, optional): As of the whole table, for this part.
            Defaults to None.
    """

    columns: list[Column]
    rows: dict[str, list[str]]
    ours: dict[str, dict[str, Configs]] = field(default_factory=dict)
    trained_by: Optional[Configs] = None

    def value(self, row: str, column: str) -> Optional[float]:
        """A cell as a number, or None."""
        names = [each.name for each in self.columns]
        text = self.rows[row][names.index(column)]
        return None if text in NO_NUMBER else float(text)


@dataclass(frozen=True)
class PaperTable:
    """One printed table.

    Args:
        number (str): As the paper counts, e.g. '13' or 'figure 6'.
        title (str): Short.
        source (str): Paper, table and section.
        note (str): What the caption leaves out.
        parts (list[Part]): Usually one.
        trained_by (Configs, optional): Config whose weights all of ours
            test, the last of several that are run one after the other.
            Defaults to None: each trains its own.
        gpus (int): How many the commands name. Defaults to 8.
    """

    number: str
    title: str
    source: str
    note: str
    parts: list[Part]
    trained_by: Optional[Configs] = None
    gpus: int = 8


def systems() -> list[str]:
    """Names of the papers there is data of."""
    return sorted(path.name for path in FOLDER.iterdir()
                  if any(path.glob('*.yml')))


def load_tables(system: str) -> list[PaperTable]:
    """Read all tables of a paper, in the order of their file names.

    Args:
        system (str): E.g. 'vitp'.

    Raises:
        ConfigError: If there is no such paper.
        DataError: If a file does not parse.
    """
    if system not in systems():
        raise ConfigError(f'there are no tables of {system!r}: choose '
                          f'{", ".join(systems())}.')
    tables = [read_table(path)
              for path in (FOLDER / system).glob('*.yml')]
    return sorted(tables, key=lambda table: (not table.number.isdigit(),
                                             table.number.zfill(12)))


def read_cost(system: str) -> str:
    """What the paper says that its runs cost; '' where it does not."""
    path = FOLDER / system / 'cost.txt'
    return path.read_text(encoding='utf-8').strip() if path.is_file() else ''


def read_table(path: Path) -> PaperTable:
    """Read one file.

    Raises:
        DataError: If a field is absent or a row has another number of cells
            than there are columns.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding='utf-8'))
        parts = [_read_part(part) for part in data['parts']]
        return PaperTable(str(data['table']), data['title'], data['source'],
                          data.get('note', ''), parts,
                          _one_or_more(data.get('trained_by')),
                          data.get('gpus', 8))
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise DataError(f'{path}: cannot be read as a table: {error}. It '
                        'needs table, title, source and parts; each part '
                        'columns and rows.') from error


def _read_part(data: Mapping) -> Part:
    columns = [Column(**each) for each in data['columns']]
    names = [column.name for column in columns]
    rows: dict[str, list[str]] = {}
    for line in data['rows'].splitlines():
        name, *cells = (cell.strip() for cell in line.split('|'))
        if len(cells) != len(columns) or name in rows:
            raise ValueError(f'row {line!r} has {len(cells)} cells for '
                             f'{len(columns)} columns, or comes twice')
        for cell in cells:
            if cell not in NO_NUMBER:
                float(cell)
        rows[name] = cells
    ours = {row: _read_ours(configs, columns)
            for row, configs in data.get('ours', {}).items()}
    for row, configs in ours.items():
        unknown = set(configs) - set(names)
        if row not in rows or unknown:
            raise ValueError(f'`ours` names {row!r} {sorted(unknown)}, which '
                             'the table has not')
    return Part(columns, rows, ours, _one_or_more(data.get('trained_by')))


def _read_ours(configs: object, columns: list[Column]) -> dict[str, Configs]:
    """One config for all columns that can be measured, or one, or a list to
    take the mean over, for each."""
    if isinstance(configs, str):
        return {column.name: configs for column in columns if column.key}
    return {name: _one_or_more(each) for name, each in dict(configs).items()}


def _one_or_more(configs: Any) -> Any:
    return tuple(configs) if isinstance(configs, list) else configs
