# Copyright (c) mmeo contributors. All rights reserved.
"""When an image was taken: from its name, its tags or the STAC item by it."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Optional

from mmeo.errors import ConfigError, DataError
from mmeo.structures.modality import UNKNOWN_DATE

# strptime code -> what it looks like in a file name.
_CODES = {'%Y': r'\d{4}', '%y': r'\d{2}', '%m': r'\d{2}', '%d': r'\d{2}',
          '%j': r'\d{3}', '%H': r'\d{2}', '%M': r'\d{2}', '%S': r'\d{2}',
          '%b': '[A-Za-z]{3}'}
_PLACEHOLDER = re.compile(r'\{date:([^}]*)\}|(\*)')
#: Tags of a GeoTIFF that hold a date, the first that is there counts.
DATE_TAGS = ('datetime', 'ACQUISITION_DATE', 'acquisition_date',
             'ACQUISITIONDATETIME', 'PRODUCT_START_TIME', 'TIFFTAG_DATETIME')
_FORMATS = ('%Y:%m:%d %H:%M:%S', '%Y-%m-%d', '%Y%m%d', '%Y/%m/%d',
            '%Y%m%dT%H%M%S')


def day_of_year(date: Optional[datetime]) -> int:
    """0 (1 January) to 365, -1 for None."""
    return UNKNOWN_DATE if date is None else date.timetuple().tm_yday - 1


class NamePattern:
    """Recognises the file names of a sensor and reads their dates.

    Args:
        pattern (str): File name relative to the folder of a place, ``*`` for
            any characters and ``{date:FORMAT}`` for the date in the codes of
            ``strptime``, e.g. ``'s2_{date:%Y%m%d}.tif'`` or
            ``'S2?_*_{date:%Y%m%dT%H%M%S}_*.tif'``. Without ``{date}`` the
            date is looked for inside the file.

    Raises:
        ConfigError: If a code is not among %Y %y %m %d %j %H %M %S %b.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.format: Optional[str] = None
        parts, at = [], 0
        for match in _PLACEHOLDER.finditer(pattern):
            parts.append(self._literal(pattern[at:match.start()]))
            parts.append('.*' if match[2] else self._date(match[1]))
            at = match.end()
        parts.append(self._literal(pattern[at:]))
        self.regex = re.compile(''.join(parts))

    @staticmethod
    def _literal(text: str) -> str:
        return re.escape(text).replace(r'\?', '.')

    def _date(self, form: str) -> str:
        codes = re.findall('%.', form)
        unknown = [code for code in codes if code not in _CODES]
        if unknown or not codes or self.format is not None:
            raise ConfigError(
                f'file pattern {self.pattern!r}: give one date of the codes '
                f'{" ".join(_CODES)}, e.g. {{date:%Y%m%d}}')
        self.format = form
        text = re.escape(form)
        for code, digits in _CODES.items():
            text = text.replace(re.escape(code), digits)
        return f'(?P<date>{text})'

    def match(self, name: str) -> Optional[re.Match]:
        """The match of a whole file name, or None."""
        return self.regex.fullmatch(name)

    def date(self, match: re.Match, path: str) -> Optional[datetime]:
        """The date in a matched name; None if the pattern has none.

        Raises:
            DataError: If the name holds no date of the calendar.
        """
        if self.format is None:
            return None
        try:
            return _strptime(match['date'], self.format)
        except ValueError:
            raise DataError(
                f'{path}: {match["date"]!r} in the name is no date of the '
                f'form {self.format}. Rename the file, or correct the '
                f'pattern {self.pattern!r}.') from None

    def __repr__(self) -> str:
        return f'NamePattern({self.pattern!r})'


@lru_cache(maxsize=100_000)
def _strptime(text: str, form: str) -> datetime:
    return datetime.strptime(text, form)


def parse_date(text: str) -> Optional[datetime]:
    """A date of the usual forms, None if it is none of them."""
    text = text.strip()
    try:
        return datetime.fromisoformat(text.replace('Z', '+00:00'))
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def date_of_tags(tags: Mapping[str, str]) -> Optional[datetime]:
    """The date in the tags of a raster, None without one."""
    for name in DATE_TAGS:
        date = parse_date(tags[name]) if name in tags else None
        if date is not None:
            return date
    return None


def date_of_item(item: Mapping) -> Optional[datetime]:
    """The date of a STAC item; of an interval, its middle."""
    properties = item.get('properties', {})
    if properties.get('datetime'):
        return parse_date(properties['datetime'])
    ends = [parse_date(properties[key]) for key in
            ('start_datetime', 'end_datetime') if properties.get(key)]
    if len(ends) == 2 and None not in ends:
        return ends[0] + (ends[1] - ends[0]) / 2
    return ends[0] if ends else None


def date_of_file(path: str, tags: Mapping[str, str]) -> Optional[datetime]:
    """The date of a raster whose name tells none.

    Args:
        path (str): The raster; a STAC item of the same name ending in
            ``.json`` comes first.
        tags (Mapping): Tags of the raster.

    Raises:
        DataError: If the item is no JSON.
    """
    item = Path(path).with_suffix('.json')
    if item.is_file():
        try:
            date = date_of_item(json.loads(item.read_text()))
        except (ValueError, AttributeError) as error:
            raise DataError(f'{item}: no STAC item ({error})') from None
        if date is not None:
            return date
    return date_of_tags(tags)
