# Copyright (c) mmeo contributors. All rights reserved.
"""The language of masks as an automaton over bytes.

It accepts exactly what :func:`mmeo.codecs.encode_mask` writes for some grid:
g rows whose counts add up to g, neighbouring runs of different labels. From
every state that can be reached the text can be completed.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

from mmeo.codecs.mask_dialects import check_names, get_mask_dialect
from mmeo.errors import ConfigError

_ZERO = ord('0')


class MaskState(NamedTuple):
    """Where in a mask a text stands.

    Attributes:
        rows (int): Rows to come after this one; -1 in the closing tag.
        room (int): Cells of the row that the current run may fill.
        last (int): Id of the label of the current run, or of the run before
            where a label is being spelled; -1 at the start of a row.
        kind (str): 'literal', 'label' or 'count'.
        text (bytes): Of a literal what is left to spell, of a label and of a
            count what has been spelled.
    """

    rows: int
    room: int
    last: int
    kind: str
    text: bytes


class MaskGrammar:
    """Masks of some names and size in one dialect.

    Args:
        names (Sequence[str]): Label names, the background's word first.
        grid (int): Cells of a side. Defaults to 24.
        dialect (str): 'rsunivlm' or 'text4seg'. Defaults to 'rsunivlm'.

    Raises:
        DataError: If a name cannot be read back.
        ConfigError: If the dialect is unknown or the grid has no cell.
    """

    def __init__(self, names: Sequence[str], grid: int = 24,
                 dialect: str = 'rsunivlm') -> None:
        if grid < 1:
            raise ConfigError(f'grid={grid}: give at least 1')
        spelling = get_mask_dialect(dialect)
        self.grid = grid
        self.labels = [f'{name}{spelling.star}'.encode()
                       for name in check_names(names)]
        self.between = spelling.between.encode()
        self.newline = spelling.newline.encode()
        self.end = spelling.end.encode()
        self._ids = {label: i for i, label in enumerate(self.labels)}
        # A row may not have the same label twice in a row.
        self._prefixes = {
            last: {label[:n] for i, label in enumerate(self.labels)
                   if i != last for n in range(1, len(label) + 1)}
            for last in range(-1, len(self.labels))
        }
        self._after_count = bytes({
            *b'0123456789', *self.between[:1], *self.newline[:1],
            *self.end[:1]})
        self._after_label: dict[tuple[int, bytes], bytes] = {}
        for last, prefixes in self._prefixes.items():
            for text in prefixes:
                key = last, text[:-1]
                self._after_label[key] = self._after_label.get(
                    key, b'') + text[-1:]
        self.start = self._literal(grid - 1, grid, -1, spelling.start.encode())

    @property
    def alphabet(self) -> bytes:
        """All bytes that occur in masks."""
        return b'0123456789' + self.between + self.newline + self.end + \
            self.start.text + b''.join(self.labels)

    def accepts(self, state: MaskState) -> bool:
        """Whether the text is a whole mask."""
        if state.rows < 0:
            return not state.text
        return (not self.end and state.rows == 0 and state.kind == 'count'
                and _value(state.text) == state.room)

    def expected(self, state: MaskState) -> bytes:
        """Bytes that may follow, and some more."""
        if state.kind == 'literal':
            return state.text[:1]
        if state.kind == 'label':
            return self._after_label[state.last, state.text]
        return self._after_count

    def step(self, state: MaskState, byte: int) -> Optional[MaskState]:
        """The state behind one more byte; None where it may not follow."""
        if state.kind == 'literal':
            if state.text[:1] != bytes((byte, )):
                return None
            return self._literal(*state[:3], state.text[1:])
        if state.kind == 'label':
            text = state.text + bytes((byte, ))
            if text not in self._prefixes[state.last]:
                return None
            if text in self._ids:
                return MaskState(*state[:2], self._ids[text], 'count', b'')
            return state._replace(text=text)
        return self._step_count(state, byte)

    def rest_of_row(self, state: MaskState) -> bytes:
        """The shortest text from here to the end of the row.

        Of a state on this way the rest is what is left of it.
        """
        if state.kind == 'literal':
            if state.rows < 0:
                return state.text
            return state.text + self._shortest(b'', state.last, state.room)
        if state.kind == 'label':
            return self._shortest(state.text, state.last, state.room)
        count = str(state.room).encode()
        if count.startswith(state.text):
            return count[len(state.text):]
        return self.between + self._shortest(
            b'', state.last, state.room - _value(state.text))

    @property
    def shortest_row(self) -> bytes:
        """A line break and the row that follows, in the fewest bytes."""
        return self.newline + self._shortest(b'', -1, self.grid)

    def _shortest(self, prefix: bytes, last: int, room: int) -> bytes:
        fitting = [label for i, label in enumerate(self.labels)
                   if i != last and label.startswith(prefix)]
        return min(fitting, key=len)[len(prefix):] + str(room).encode()

    def _step_count(self, state: MaskState,
                    byte: int) -> Optional[MaskState]:
        if 0 <= byte - _ZERO <= 9:
            return self._step_digit(state, state.text + bytes((byte, )))
        left = state.room - _value(state.text)
        if not state.text or (left and len(self.labels) == 1):
            return None
        if left:
            after = self._literal(state.rows, left, state.last, self.between)
        elif state.rows:
            after = self._literal(state.rows - 1, self.grid, -1, self.newline)
        else:
            after = self._literal(-1, 0, -1, self.end)
        return self.step(after, byte) if after.text else None

    def _step_digit(self, state: MaskState,
                    text: bytes) -> Optional[MaskState]:
        value = _value(text)
        if not 0 < value <= state.room:
            return None
        alone = len(self.labels) == 1
        if alone and not str(state.room).encode().startswith(text):
            return None
        return state._replace(text=text)

    def _literal(self, rows: int, room: int, last: int,
                 text: bytes) -> MaskState:
        kind = 'literal' if text or rows < 0 else 'label'
        return MaskState(rows, room, last, kind, text)


def _value(digits: bytes) -> int:
    return int(digits or b'0')
