# Copyright (c) mmeo contributors. All rights reserved.
import itertools

import numpy as np
import pytest
from mask_tokenizers import KINDS, NAMES, make_tokenizer

from mmeo.codecs import decode_mask, encode_mask
from mmeo.codecs.mask_grammar import MaskGrammar
from mmeo.codecs.mask_tokens import (
    TokenAutomaton,
    TokenTexts,
    token_bytes,
    token_table,
)
from mmeo.errors import ConfigError, DataError

DIALECTS = ('rsunivlm', 'text4seg')


@pytest.fixture(scope='module', params=KINDS)
def tokenizer(request, tmp_path_factory):
    return make_tokenizer(request.param,
                          tmp_path_factory.mktemp(request.param))


def walk(automaton, rng, limit=None):
    """Tokens chosen at random until none can follow."""
    state, tokens = automaton.grammar.start, []
    while not automaton.grammar.accepts(state):
        moves = automaton.moves(state)
        ids = moves.ids
        if limit is not None:
            needs = moves.needs + (state.rows -
                                   moves.rows) * automaton.row_cost
            ids = ids[needs < limit - len(tokens)]
        assert len(ids), 'a dead end'
        tokens.append(int(rng.choice(ids)))
        state = automaton.advance(state, tokens[-1])
    return tokens


def texts_of(grid, names, dialect):
    """All masks there are."""
    cells = itertools.product(range(len(names)), repeat=grid * grid)
    return [encode_mask(np.array(mask).reshape(grid, grid), names, dialect)
            for mask in cells]


@pytest.mark.parametrize('dialect', DIALECTS)
@pytest.mark.parametrize('names, grid', [
    (['o'], 12), (['o'], 2), (['o', 'ab'], 2), (['a', 'ab'], 3),
    (['ab', 'ac', 'a b'], 2)])
def test_grammar_is_the_prefixes_of_all_masks(names, grid, dialect):
    texts = [text.encode() for text in texts_of(grid, names, dialect)]
    following: dict = {}
    for text in texts:
        for n in range(len(text)):
            following.setdefault(text[:n], set()).add(text[n])
    grammar = MaskGrammar(names, grid, dialect)
    states = {b'': grammar.start}
    while states:
        prefix, state = states.popitem()
        found = {byte: after for byte in range(256)
                 if (after := grammar.step(state, byte)) is not None}
        assert set(found) == following.get(prefix, set())
        assert set(found) <= set(grammar.expected(state))
        assert grammar.accepts(state) == (prefix in texts)
        states |= {prefix + bytes((byte, )): after
                   for byte, after in found.items()}


@pytest.mark.parametrize('dialect', DIALECTS)
def test_tokens_that_may_follow(tokenizer, dialect):
    """Those whose text goes on as some mask does; compared with a list."""
    names = ['road', 'roadside tree']
    texts = [text.encode() for text in texts_of(2, names, dialect)]
    spelled = token_bytes(tokenizer)
    automaton = TokenAutomaton(MaskGrammar(names, 2, dialect),
                               TokenTexts(spelled))
    rng = np.random.default_rng(0)
    for _ in range(15):
        state, prefix = automaton.grammar.start, b''
        for token in [*walk(automaton, rng), None]:
            expected = {i for i, text in spelled.items() if text and any(
                whole.startswith(prefix + text) for whole in texts)}
            assert set(automaton.moves(state).ids.tolist()) == expected
            if token is not None:
                state = automaton.advance(state, token)
                prefix += spelled[token]


@pytest.mark.parametrize('dialect', DIALECTS)
@pytest.mark.parametrize('names, grid', [
    (NAMES, 8), (NAMES[:2], 24), (NAMES[1:3], 11), (['others'], 5)])
def test_walks_are_masks(tokenizer, names, grid, dialect):
    automaton = token_table(tokenizer).automaton(names, grid, dialect)
    rng = np.random.default_rng(grid)
    for i in range(6):
        least = automaton.least(automaton.grammar.start)
        limit = [None, least, least + 5, least + 40, 4 * least, 800][i]
        tokens = walk(automaton, rng, limit)
        assert limit is None or len(tokens) < limit  # the end token fits
        text = tokenizer.decode(tokens)
        out = decode_mask(text, names, grid)
        assert out.valid
        assert encode_mask(out.mask, names, dialect) == text


@pytest.mark.parametrize('dialect', DIALECTS)
def test_what_the_tokenizer_writes_is_allowed(tokenizer, dialect):
    """Training targets are never forbidden."""
    rng = np.random.default_rng(1)
    automaton = token_table(tokenizer).automaton(NAMES, 8, dialect)
    for _ in range(20):
        text = encode_mask(rng.integers(0, len(NAMES), (8, 8)), NAMES,
                           dialect)
        state = automaton.grammar.start
        for token in tokenizer(text)['input_ids']:
            state = automaton.advance(state, token)
            assert state is not None
        assert automaton.grammar.accepts(state)


def test_each_step_needs_one_token_less(tokenizer):
    """So a limit that suffices goes on to suffice."""
    automaton = token_table(tokenizer).automaton(NAMES, 6, 'text4seg')
    rng = np.random.default_rng(2)
    state = automaton.grammar.start
    for token in walk(automaton, rng):
        least = automaton.least(state)
        moves = automaton.moves(state)
        needs = moves.needs + (state.rows - moves.rows) * automaton.row_cost
        assert needs.min() <= least - 1
        for i, need in zip(moves.ids.tolist(), needs.tolist()):
            assert automaton.least(automaton.advance(state, i)) == need
        state = automaton.advance(state, token)
    assert automaton.least(state) == 1  # the end token


def test_spelled_bytes_are_the_text(tokenizer):
    spelled = token_bytes(tokenizer)
    text = '<seg>façade/wall *12| low vegetation *3\n'
    ids = tokenizer(text)['input_ids']
    assert b''.join(spelled[i] for i in ids).decode() == text
    assert tokenizer.eos_token_id not in spelled


def test_tables_are_kept(tokenizer):
    table = token_table(tokenizer)
    assert token_table(tokenizer) is table
    first = table.automaton(['a', 'b'], 3, 'rsunivlm')
    assert table.automaton(('a', 'b'), 3, 'rsunivlm') is first
    assert table.automaton(('a', 'b'), 4, 'rsunivlm') is not first


def test_refuses(tokenizer):
    with pytest.raises(DataError, match='a,b'):
        token_table(tokenizer).automaton(['o', 'a,b'], 3, 'rsunivlm')
    with pytest.raises(ConfigError, match='grid'):
        MaskGrammar(['o'], 0)
    letters = {i: bytes((i, )) for i in range(256) if i != ord('b')}
    with pytest.raises(ConfigError, match='no tokens for'):
        TokenAutomaton(MaskGrammar(['bb'], 3), TokenTexts(letters))


def test_letters_that_lead_nowhere_are_never_written():
    """'d' is spelled in 'ad' only, so 'a' alone would be a dead end."""
    tokens = {i: bytes((i, )) for i in range(256) if i != ord('d')}
    with pytest.raises(ConfigError, match='road'):
        TokenAutomaton(MaskGrammar(['others', 'road'], 3),
                       TokenTexts(tokens))
    tokens[256] = b'ad'
    automaton = TokenAutomaton(MaskGrammar(['others', 'road'], 3),
                               TokenTexts(tokens))
    rng = np.random.default_rng(0)
    for _ in range(10):
        walked = walk(automaton, rng)
        text = b''.join(tokens[i] for i in walked).decode()
        assert decode_mask(text, ['others', 'road'], 3).valid


def test_other_tokenizers_are_refused(tmp_path):
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast
    backend = Tokenizer(models.WordPiece({'[UNK]': 0, 'a': 1},
                                         unk_token='[UNK]'))
    backend.decoder = decoders.WordPiece()
    with pytest.raises(ConfigError, match='WordPiece'):
        token_bytes(PreTrainedTokenizerFast(tokenizer_object=backend))
