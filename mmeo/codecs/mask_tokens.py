# Copyright (c) mmeo contributors. All rights reserved.
"""What the tokens of a tokenizer spell, and which of them can follow in a
mask."""

import json
import re
import weakref
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from mmeo.codecs.mask_grammar import MaskGrammar, MaskState
from mmeo.errors import ConfigError

_BYTE_TOKEN = re.compile(r'<0x([0-9A-Fa-f]{2})>')
_KEPT_AUTOMATA = 128
_NEVER = 10**9


def token_bytes(tokenizer: Any) -> dict[int, bytes]:
    """What each token spells.

    Args:
        tokenizer (transformers.PreTrainedTokenizerBase): Of the byte-level
            kind (GPT-2, Qwen, Llama 3, ``ByteBPETokenizer``) or of the kind
            that marks spaces by '▁' (Llama 2).

    Returns:
        dict[int, bytes]: By token id; special and added tokens are left out.

    Raises:
        ConfigError: If it is of neither kind.
    """
    kinds = _decoder_kinds(tokenizer)
    skip = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    vocab = {text: i for text, i in tokenizer.get_vocab().items()
             if i not in skip}
    if 'ByteLevel' in kinds:
        from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode
        table = {char: byte for byte, char in bytes_to_unicode().items()}
        return {i: bytes([table[char] for char in text])
                for text, i in vocab.items()
                if all(char in table for char in text)}
    if kinds & {'Metaspace', 'Replace'}:
        return {i: _spaced(text) for text, i in vocab.items()}
    raise ConfigError(
        f'{type(tokenizer).__name__} is no BPE tokenizer whose tokens spell '
        f'known bytes (its decoder: {sorted(kinds) or "none"}): masks cannot '
        'be constrained, set constrain_masks=None')


class TokenTexts:
    """What all tokens spell, in order, so that prefixes are found by halving.

    Args:
        spelled (dict[int, bytes]): See :func:`token_bytes`.
    """

    def __init__(self, spelled: dict[int, bytes]) -> None:
        order = sorted((text, i) for i, text in spelled.items() if text)
        self.texts = [text for text, _ in order]
        self.ids = [i for _, i in order]
        self.known = set(self.texts)
        self.longest = max(map(len, self.texts), default=0)
        # No row is empty, so line breaks do not follow each other.
        self._breaking = [text for text in self.known
                          if b'\n' in text and b'\n\n' not in text]

    def most_breaks(self, alphabet: bytes) -> int:
        """Line breaks in a token of these bytes, at most."""
        return max((text.count(b'\n') for text in self._breaking
                    if not text.translate(None, alphabet)), default=0)

    def narrow(self, prefix: bytes, start: int,
               stop: int) -> tuple[int, int]:
        """The part of ``texts[start:stop]`` that begins with a prefix."""
        first = bisect_left(self.texts, prefix, start, stop)
        # No text has a byte of 255 behind a prefix: it is not UTF-8.
        return first, bisect_left(self.texts, prefix + b'\xff', first, stop)


class TokenMoves(NamedTuple):
    """Tokens that may follow in a state.

    Attributes:
        ids (np.ndarray): ``(M,)`` int64 token ids.
        needs (np.ndarray): ``(M,)`` int64, how many more tokens suffice
            behind each, without the rows to come.
        rows (np.ndarray): ``(M,)`` int64, how many rows each finishes.
        most (int): The largest need, if no row were finished.
        after (dict[int, MaskState]): The state behind each.
    """

    ids: np.ndarray
    needs: np.ndarray
    rows: np.ndarray
    most: int
    after: dict[int, MaskState]


class TokenAutomaton:
    """A :class:`MaskGrammar` whose steps are tokens.

    Tokens may spell any part of a mask: a piece of a name, one digit or
    several, or the end of a row together with the start of the next. Moves
    are worked out when a state is first met, and kept.

    Args:
        grammar (MaskGrammar): The masks.
        tokens (TokenTexts): The vocabulary.

    Raises:
        ConfigError: If the tokens cannot spell a mask.
    """

    def __init__(self, grammar: MaskGrammar, tokens: TokenTexts) -> None:
        self.grammar = grammar
        self._tokens = tokens
        # Beyond so many rows to come, nothing depends on their number.
        self._rows = 1 + tokens.most_breaks(grammar.alphabet)
        self._moves: dict[MaskState, TokenMoves] = {}
        self._shortest: dict[bytes, int] = {}
        self.row_cost = self._cost(grammar.shortest_row)
        self._end_cost = self._cost(grammar.end) + 1  # and the end token
        parts = [*grammar.labels, grammar.between, grammar.newline,
                 grammar.end, *(b'%d' % i for i in range(10))]
        mute = [part for part in parts if self._cost(part) >= _NEVER]
        if mute:
            raise ConfigError(
                'the tokenizer has no tokens for some of the characters of '
                f'{mute[0].decode()!r}: masks cannot be constrained to it')

    def least(self, state: MaskState) -> int:
        """Tokens that suffice from a state to the end token, inclusive.

        Each state on the way needs one token less, so a number of tokens
        that once sufficed goes on to suffice.
        """
        if state.rows < 0:
            return self._cost(state.text) + 1
        return (self._cost(self.grammar.rest_of_row(state)) +
                state.rows * self.row_cost + self._end_cost)

    def moves(self, state: MaskState) -> TokenMoves:
        """Tokens that may follow; none where the mask is complete."""
        key = self._key(state)
        if key not in self._moves:
            self._moves[key] = self._find_moves(key)
        return self._moves[key]

    def advance(self, state: MaskState, token: int) -> Optional[MaskState]:
        """The state behind a token; None where it may not follow."""
        after = self.moves(state).after.get(token)
        if after is None or after.rows < 0:
            return after
        # `after` counts from the rows of the key.
        return after._replace(
            rows=state.rows - (self._key(state).rows - after.rows))

    def _key(self, state: MaskState) -> MaskState:
        if state.rows <= self._rows:
            return state
        return state._replace(rows=self._rows)

    def _find_moves(self, state: MaskState) -> TokenMoves:
        after: dict[int, MaskState] = {}
        tokens = self._tokens
        stack = [(b'', 0, len(tokens.texts), state)]
        while stack:
            prefix, start, stop, here = stack.pop()
            while start < stop and tokens.texts[start] == prefix:
                after[tokens.ids[start]] = here
                start += 1
            for byte in self.grammar.expected(here) if start < stop else ():
                following = self.grammar.step(here, byte)
                if following is not None:
                    longer = prefix + bytes((byte, ))
                    stack.append((longer, *tokens.narrow(longer, start, stop),
                                  following))
        needs = {token: self.least(there) for token, there in after.items()}
        after = {token: there for token, there in after.items()
                 if needs[token] < _NEVER}
        # In the closing tag all rows are finished.
        rows = np.array([state.rows - max(there.rows, 0)
                         for there in after.values()], dtype=np.int64)
        need = np.array([needs[token] for token in after], dtype=np.int64)
        need -= (state.rows - rows) * self.row_cost
        return TokenMoves(np.array(list(after), dtype=np.int64), need, rows,
                          int(need.max(initial=0)), after)

    def _cost(self, text: bytes) -> int:
        """The smallest number of tokens that spell a text."""
        if text not in self._shortest:
            best = [0] + [_NEVER] * len(text)
            for stop in range(1, len(text) + 1):
                for start in range(max(stop - self._tokens.longest, 0), stop):
                    if text[start:stop] in self._tokens.known:
                        best[stop] = min(best[stop], best[start] + 1)
            self._shortest[text] = best[-1]
        return self._shortest[text]


class TokenTable:
    """The tokens of one tokenizer, and automata that were made of them.

    Args:
        tokenizer (transformers.PreTrainedTokenizerBase): See
            :func:`token_bytes`.

    Attributes:
        size (int): One more than the largest id that spells something.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._texts = TokenTexts(token_bytes(tokenizer))
        self.size = max(self._texts.ids, default=-1) + 1
        self._automata: OrderedDict[tuple, TokenAutomaton] = OrderedDict()

    def automaton(self, names: Sequence[str], grid: int,
                  dialect: str) -> TokenAutomaton:
        """The automaton of some masks, made when first asked for."""
        key = (tuple(names), grid, dialect)
        if key not in self._automata:
            self._automata[key] = TokenAutomaton(
                MaskGrammar(names, grid, dialect), self._texts)
            if len(self._automata) > _KEPT_AUTOMATA:
                self._automata.popitem(last=False)
        self._automata.move_to_end(key)
        return self._automata[key]


_TABLES: 'weakref.WeakKeyDictionary[Any, TokenTable]' = \
    weakref.WeakKeyDictionary()


def token_table(tokenizer: Any) -> TokenTable:
    """The table of a tokenizer, kept as long as the tokenizer lives."""
    if tokenizer not in _TABLES:
        _TABLES[tokenizer] = TokenTable(tokenizer)
    return _TABLES[tokenizer]


def _decoder_kinds(tokenizer: Any) -> set[str]:
    if not getattr(tokenizer, 'is_fast', False):
        return {'ByteLevel'} if hasattr(tokenizer, 'byte_decoder') else set()
    decoder = tokenizer.backend_tokenizer.decoder
    if decoder is None:
        return set()
    state = json.loads(decoder.__getstate__())
    parts = state.get('decoders', [state])
    return {part['type'] for part in parts}


def _spaced(text: str) -> bytes:
    byte = _BYTE_TOKEN.fullmatch(text)
    if byte:
        return bytes([int(byte[1], 16)])
    return text.replace('▁', ' ').encode()
