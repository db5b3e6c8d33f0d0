# Copyright (c) mmeo contributors. All rights reserved.
import numpy as np
import pytest

from mmeo.codecs import decode_mask, encode_mask
from mmeo.codecs.mask_repair import repair_rows
from mmeo.codecs.mask_rows import read_rows
from mmeo.errors import ConfigError, DataError

ROAD = ['others', 'road']
BLOCK = np.array([[0] * 8, [0, 0, 1, 1, 1, 0, 0, 0],
                  [0, 0, 1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0]])


def show(mask):
    """Rows of a binary mask as the fact sheet prints them."""
    return [''.join('.R'[cell] for cell in row) for row in mask]


def square(rows, side=8):
    return np.concatenate([rows, np.zeros((side - len(rows), side), int)])


def random_masks(count, classes, side, seed=0):
    """Blobs of several sizes, noise and constants."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        step = (1, 2, 5, side)[i % 4]
        coarse = rng.integers(0, classes, (side // step + 1, ) * 2)
        yield np.kron(coarse, np.ones((step, step), int))[:side, :side]


@pytest.mark.parametrize('dialect, text', [
    ('rsunivlm', 'others*8\nothers*2, building*3, others*3\n'
     'others*2, building*3, others*3\nbuilding*3, others*5'),
    ('text4seg', '<seg>others *8\n others *2| building *3| others *3\n '
     'others *2| building *3| others *3\n building *3| others *5'),
])
def test_worked_example(dialect, text):
    names = ['others', 'building']
    text += {'rsunivlm': '\nothers*8', 'text4seg': '\n others *8'}[
        dialect] * 4
    text += {'rsunivlm': '', 'text4seg': '\n</seg>'}[dialect]
    assert encode_mask(square(BLOCK), names, dialect) == text
    back = decode_mask(text, names, 8)
    assert back.valid and (back.mask == square(BLOCK)).all()


@pytest.mark.parametrize('text, rows, flags', [
    ('others*4\nroad*4\nothers*1, road*3\nothers*4',
     ['....', 'RRRR', '.RRR', '....'], {}),
    ('<seg>others *4\n road *2| others *2\n road *4\n others *4\n</seg>',
     ['....', 'RR..', 'RRRR', '....'], {}),
    ('others*4\nroad*3\nothers*4\nothers*4',
     ['....', 'RRRR', '....', '....'], dict(repairs=1)),
    ('others*4\nroad*6\nothers*4\nothers*4',
     ['....', 'RRRR', '....', '....'], dict(repairs=1)),
    ('others*4\nroad*4\nothers*4', ['....', 'RRRR', '....', '....'],
     dict(missing=1, truncated=True)),
    ('road*4\nothers*4\nothers*4\nothers*4\nroad*4',
     ['RRRR', '....', '....', '....'], dict(extra=1)),
    ('Road*4\n road * 4\nOTHERS *4\nothers* 4',
     ['RRRR', 'RRRR', '....', '....'], {}),
    ('lorry*4\nroad*4\nothers*4\nothers*4',
     ['....', 'RRRR', '....', '....'], dict(unknown=('lorry', ))),
    ('road*0, others*4\nroad*-1\nroad*x\nroad*2, road*, others*2',
     ['....', '....', '....', 'RR..'], dict(repairs=4)),
    ('', ['....'] * 4, dict(missing=4, readable=False)),
    ('There are approx 4 roads, and 3 ships.', ['....'] * 4,
     dict(missing=4, readable=False)),
    # The table of the fact sheet ends here.
    ('Sure:\nroad*4\n\nroad*4\nothers*4\nothers*4\nDone.',
     ['RRRR', 'RRRR', '....', '....'], dict(repairs=2)),
    ('It is here.\n<SEG>road *4\nroad *4\nothers *4\nothers *4',
     ['RRRR', 'RRRR', '....', '....'], dict(repairs=1)),
    ('The mask: <seg>road x 4\n road x4\n othersx4\n others×4\n</seg> Bye.',
     ['RRRR', 'RRRR', '....', '....'], {}),
    ('road*4\nnonsense\nroad*2,others*2,\nroad*004', [
        'RRRR', '....', 'RR..', 'RRRR'], dict(repairs=2)),
    (f'road*{"9" * 5000}\nroad*1|others*3\r\nothers*4\r\nroad*4\n',
     ['RRRR', 'R...', '....', 'RRRR'], dict(repairs=1)),
    ('others*16', ['....'] * 4, dict(repairs=1, missing=3, truncated=True)),
])
def test_decoder_goldens(text, rows, flags):
    out = decode_mask(text, ROAD, grid=4)
    assert show(out.mask) == rows
    expected = dict(repairs=0, missing=0, extra=0, unknown=(),
                    truncated=False, readable=True) | flags
    assert {key: getattr(out, key) for key in expected} == expected
    assert out.valid == (not flags)
    assert out.mask.dtype == np.int64


def test_missing_rows_may_be_copied():
    out = decode_mask('others*2\nroad*2', ROAD, 4, missing='copy')
    assert show(out.mask) == ['....', 'RRRR', 'RRRR', 'RRRR']
    assert (out.missing, out.repairs) == (2, 2)
    assert show(decode_mask('', ROAD, 4, missing='copy').mask) == ['....'] * 4
    with pytest.raises(ConfigError, match='missing'):
        decode_mask('', ROAD, 4, missing='zeros')


def test_runs_that_cross_rows():
    """Text4Seg's rule; row by row such a text is mended and flagged."""
    text = 'others*6, road*5, others*5'
    flat = decode_mask(text, ROAD, 4, runs='flat')
    assert show(flat.mask) == ['....', '..RR', 'RRR.', '....'] and flat.valid
    short = decode_mask('others*6\nroad*3', ROAD, 4, runs='flat')
    assert show(short.mask) == ['....', '..RR', 'RRRR', 'RRRR']
    assert (short.repairs, short.missing) == (1, 1)
    long = decode_mask('road*21', ROAD, 4, runs='flat')
    assert show(long.mask) == ['RRRR'] * 4 and long.extra == 2
    assert not decode_mask('no mask', ROAD, 4, runs='flat').readable
    assert not decode_mask(text, ROAD, 4).valid
    with pytest.raises(ConfigError, match='runs'):
        decode_mask('', ROAD, 4, runs='column')


@pytest.mark.parametrize('dialect', ['rsunivlm', 'text4seg'])
@pytest.mark.parametrize('side', [1, 2, 7, 24, 64])
def test_round_trip(dialect, side):
    names = ['others', 'water', 'low vegetation', 'façade/wall',
             "pilot's road-side", 'class 2']
    for mask in random_masks(12, len(names), side):
        text = encode_mask(mask, names, dialect)
        out = decode_mask(text, names, side)
        assert out.valid and (out.mask == mask).all()
        # The reader of any text agrees with the one of exact text.
        found = read_rows(text)
        plain = repair_rows(found.rows, names, side, False)
        assert (plain.mask == mask).all() and found.flaws == 0
        assert (plain.repairs, plain.missing, plain.unknown) == (0, 0, ())


def test_encoder_goldens():
    empty = encode_mask(np.zeros((24, 24), int), ROAD).split('\n')
    assert empty == ['others*24'] * 24
    assert encode_mask(np.ones((24, 24), np.uint8), ROAD) == '\n'.join(
        ['road*24'] * 24)
    stripe = np.zeros((24, 24), int)
    stripe[:, 3:5] = 1
    assert set(encode_mask(stripe, ROAD).split('\n')) == {
        'others*3, road*2, others*19'}
    ignored = np.full((3, 3), 255, np.uint8)
    ignored[0, 0] = 1
    assert encode_mask(ignored, ROAD).startswith('road*1, others*2\nothers*3')
    several = np.array([[2, 1], [1, 2]])
    assert encode_mask(several, ['others', 'a', 'b c']) == (
        'b c*1, a*1\na*1, b c*1')
    assert encode_mask(np.eye(2, dtype=bool), ROAD) == (
        'road*1, others*1\nothers*1, road*1')


@pytest.mark.parametrize('name', [
    'a,b', 'a|b', 'a*b', 'a\nb', '<a>', '', '  ', ' a', 'a  b', 'a\tb', '12',
    'road x 3', '4x4', 'others', 'Others', 'a×2', None])
def test_names_that_cannot_be_read_back(name):
    with pytest.raises(DataError, match='label name'):
        encode_mask(np.zeros((2, 2), int), ['others', name])


@pytest.mark.parametrize('mask, match', [
    (np.full((2, 2), 2), 'label id 2'), (np.full((2, 2), -1), 'id -1'),
    (np.zeros((2, 3), int), 'square'), (np.zeros((0, 0), int), 'square'),
    (np.zeros((2, 2)), 'float64'), (np.zeros(4, int), 'square')])
def test_maps_that_are_none(mask, match):
    with pytest.raises(DataError, match=match):
        encode_mask(mask, ROAD)


def test_wrong_options():
    with pytest.raises(ConfigError, match='text4seg'):
        encode_mask(np.zeros((2, 2), int), ROAD, 'coco')
    with pytest.raises(DataError, match='list'):
        decode_mask('', 'road')
    with pytest.raises(ConfigError, match='grid'):
        decode_mask('', ROAD, 0)
    with pytest.raises(DataError, match='id 255'):
        encode_mask(np.full((2, 2), 255), ROAD, ignore_index=None)


def test_never_raises():
    rng = np.random.default_rng(3)
    good = [encode_mask(mask, ROAD, dialect)
            for dialect in ('rsunivlm', 'text4seg')
            for mask in random_masks(6, 2, 24)]
    pieces = ['others', 'road', '*', ' *', ', ', '|', '\n', '\n ', '24', '0',
              '-1', '9' * 5000, '<seg>', '</seg>', 'é', 'İ', '٣', '\x00',
              '\u2028', 'x', '×', ' ' * 1000, '\\n', '.', '1.5']
    flawed = 0
    for i in range(1500):
        text = good[i % len(good)]
        kind = i % 3
        if kind == 0:
            text = ''.join(rng.choice(pieces, rng.integers(0, 60)))
        elif kind == 1:
            text = rng.bytes(int(rng.integers(0, 400))).decode(
                'utf-8', 'replace')
        else:
            at, stop = np.sort(rng.integers(0, len(text), 2))
            text = text[:at] + str(rng.choice(pieces)) + text[stop:]
        for runs in ('row', 'flat'):
            out = decode_mask(text, ROAD, 24, 'copy', runs)
            assert out.mask.shape == (24, 24)
            assert out.mask.min() >= 0 and out.mask.max() <= 1
            flawed += not out.valid
    assert flawed > 2000


def test_reading_is_linear():
    """Long junk must not stop an evaluation of thousands of answers."""
    for junk in (' ' * 200_000, 'x' * 200_000, '*' * 200_000, ',' * 100_000,
                 '<seg>' * 40_000, '1' * 200_000, 'a ' * 100_000):
        assert not decode_mask(junk, ROAD).readable


def test_a_wrong_row_leaves_the_others():
    mask = square(BLOCK)
    lines = encode_mask(mask, ROAD).split('\n')
    for i, bad in enumerate(('road*3', 'road*80', 'junk*', 'others*1, ?')):
        text = '\n'.join([*lines[:i + 1], bad, *lines[i + 2:]])
        out = decode_mask(text, ROAD, 8)
        assert out.repairs == 1 and not out.valid
        keep = np.arange(8) != i + 1
        assert (out.mask[keep] == mask[keep]).all()
