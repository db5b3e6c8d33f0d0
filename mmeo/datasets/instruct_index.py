# Copyright (c) mmeo contributors. All rights reserved.
"""Where the records of an annotation file stand, in a few bytes each.

A million dialogues as Python objects take gigabytes in every process; their
places in the file take twenty bytes each, and reading one back costs far less
than decoding its image.
"""

import codecs
import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmeo.errors import DataError, MissingDataError

# source: position in the list of annotation files; number: line of a .jsonl
# (from 1) or element of a list (from 0); start, length: bytes.
SPAN = np.dtype([('source', '<i4'), ('number', '<i4'), ('start', '<i8'),
                 ('length', '<i4')])

_CHUNK = 1 << 20  # characters
_SPACE = ' \t\r\n'


class RawRecord(NamedTuple):
    """A record that is not parsed yet.

    Attributes:
        number (int): Line from 1 (``.jsonl``) or element from 0 (list).
        start (int): Byte of the file it begins at.
        text (bytes): Its JSON.
    """

    number: int
    start: int
    text: bytes


def require_annotations(path: Path) -> None:
    """Raise MissingDataError unless the annotation file exists."""
    if not path.is_file():
        raise MissingDataError(
            f'instruction annotations {path} do not exist: correct `ann_file` '
            'and `data_root`, or make SynthEarth with '
            'tools/dataset_converters/make_synthearth.py')


def parse_json(text: bytes, source: str) -> Any:
    """``json.loads`` whose error names the place."""
    try:
        return json.loads(text.decode('utf-8-sig'))
    except ValueError as error:
        raise DataError(f'{source}: not JSON ({error}). Correct or remove '
                        'this line.') from None


def is_meta(path: Path) -> bool:
    """Whether a file is an InternVL meta: a ``.json`` holding an object."""
    if path.suffix != '.json':
        return False
    with open(path, 'rb') as file:
        return file.read(4096).lstrip(b'\xef\xbb\xbf' +
                                      _SPACE.encode()).startswith(b'{')


def place(path: Path, number: int) -> str:
    """A record's name in messages: ``file:line`` or ``file[element]``."""
    return (f'{path}:{number}' if path.suffix == '.jsonl' else
            f'{path}[{number}]')


def scan(path: Path) -> Iterator[RawRecord]:
    """Walk the records of a ``.jsonl`` or of a ``.json`` list.

    Neither is ever held in memory as a whole.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If a ``.json`` is no list or breaks off.
    """
    require_annotations(path)
    yield from _scan_lines(path) if path.suffix == '.jsonl' else \
        _scan_list(path)


def _scan_lines(path: Path) -> Iterator[RawRecord]:
    start = 0
    with open(path, 'rb') as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield RawRecord(number, start, line.rstrip(b'\r\n'))
            start += len(line)


def _scan_list(path: Path) -> Iterator[RawRecord]:
    """Decode element by element from a growing window of the file."""
    decoder = json.JSONDecoder()
    with open(path, 'rb') as file:
        window = _Window(file, path)
        if window.peek() != '[':
            raise DataError(f'{path} holds no list of records: give a LLaVA '
                            'list, a .jsonl file or an InternVL meta')
        window.skip(1)
        number = 0
        while window.peek() != ']':
            if number:
                if window.peek() != ',':
                    raise DataError(f'{path}[{number}]: a comma or the end '
                                    'of the list is missing before this '
                                    'element')
                window.skip(1)
                window.peek()
            start = window.start
            yield RawRecord(number, start, window.element(decoder, number))
            number += 1


class _Window:
    """A piece of a text file whose start in bytes is known."""

    def __init__(self, file: Any, path: Path) -> None:
        self.file = file
        self.path = path
        self.decode = codecs.getincrementaldecoder('utf-8')().decode
        self.text = ''
        self.begin = 0  # first character of `text` that is not yet used
        self.start = 0  # byte of the file at `begin`
        self.ended = False
        if file.read(3) == codecs.BOM_UTF8:
            self.start = 3
        else:
            file.seek(0)

    def grow(self) -> None:
        """Read at least as much again as is there."""
        size = max(_CHUNK, len(self.text) - self.begin)
        more = self.file.read(size)
        self.ended = not more
        try:
            self.text = self.text[self.begin:] + self.decode(more, not more)
        except UnicodeDecodeError as error:
            raise DataError(f'{self.path} is not UTF-8 ({error}): convert '
                            'the file') from None
        self.begin = 0

    def skip(self, count: int) -> None:
        """Pass so many characters."""
        end = self.begin + count
        self.start += len(self.text[self.begin:end].encode())
        self.begin = end

    def peek(self) -> str:
        """Pass white space; the next character."""
        while True:
            for i in range(self.begin, len(self.text)):
                if self.text[i] not in _SPACE:
                    self.skip(i - self.begin)
                    return self.text[i]
            self.skip(len(self.text) - self.begin)
            if self.ended:
                raise DataError(f'{self.path} breaks off: the list has no '
                                'end. Copy or download the file again.')
            self.grow()

    def element(self, decoder: json.JSONDecoder, number: int) -> bytes:
        """Pass one JSON value; its bytes."""
        while True:
            try:
                end = decoder.raw_decode(self.text, self.begin)[1]
            except ValueError as error:
                if self.ended:
                    raise DataError(f'{self.path}[{number}]: not JSON '
                                    f'({error})') from None
                self.grow()
                continue
            raw = self.text[self.begin:end].encode()
            self.skip(end - self.begin)
            return raw


class SpanList:
    """Collects spans; 16 bytes each while it grows."""

    def __init__(self, source: int) -> None:
        self.source = source
        self._columns = array('q'), array('q')  # start; number << 32 | length

    def append(self, raw: RawRecord) -> None:
        """Note where a record stands."""
        self._columns[0].append(raw.start)
        self._columns[1].append(raw.number << 32 | len(raw.text))

    def to_array(self) -> np.ndarray:
        """``(N,)`` of :data:`SPAN`."""
        starts, packed = (np.frombuffer(column, np.int64) if column else
                          np.zeros(0, np.int64) for column in self._columns)
        out = np.empty(len(starts), SPAN)
        out['source'] = self.source
        out['start'] = starts
        out['number'] = packed >> 32
        out['length'] = packed & 0xffffffff
        return out


def read_span(path: Path, span: np.void) -> tuple[str, Any]:
    """Read one record back.

    The file is opened each time: workers that were forked would share one
    open file's position.

    Args:
        path (Path): The annotation file.
        span (np.void): An element of dtype :data:`SPAN`.

    Returns:
        tuple[str, Any]: ``file:line`` and the parsed record.

    Raises:
        DataError: If the file has changed since it was scanned.
    """
    source = place(path, int(span['number']))
    with open(path, 'rb') as file:
        file.seek(int(span['start']))
        text = file.read(int(span['length']))
    return source, parse_json(text, source)
