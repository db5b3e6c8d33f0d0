# Copyright (c) mmeo contributors. All rights reserved.
import numpy as np
import pytest

from mmeo.codecs import decode_boxes, encode_boxes, inspect_boxes
from mmeo.errors import ConfigError, DataError

FORM = dict(dialect='rsunivlm')


def random_boxes(count, size, seed=0):
    height, width = size
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.random((count, 2, 2)) * [width, height], axis=1)
    return corners.reshape(count, 4)


def test_form():
    boxes = [[0, 10, 50, 100], [25, 0, 200, 1]]
    assert encode_boxes(boxes, (100, 200), **FORM) == (
        '[0, 10, 25, 100], [12, 0, 100, 1]')
    assert encode_boxes(boxes, (100, 200), scale=1000, **FORM) == (
        '[0, 100, 250, 1000], [125, 0, 1000, 10]')
    assert encode_boxes(boxes[:1], (100, 200), 'a ship', **FORM) == (
        'a ship [0, 10, 25, 100]')
    assert encode_boxes([], (5, 5), **FORM) == ''


def test_rounding():
    boxes = [[0.5, 1.5, 2.51, 99.9]]
    assert encode_boxes(boxes, (100, 100), **FORM) == '[0, 2, 3, 100]'
    assert encode_boxes(boxes, (100, 100), rounding='down', **FORM) == (
        '[0, 1, 2, 99]')
    with pytest.raises(ConfigError, match='rounding'):
        encode_boxes(boxes, (100, 100), rounding='up', **FORM)


def test_thin_boxes_keep_one_unit():
    boxes = [[50.1, 0, 50.2, 0.3], [49.8, 99.8, 49.9, 100], [3, 4, 9, 9]]
    plain = encode_boxes(boxes, (100, 100), **FORM)
    assert plain == '[50, 0, 50, 0], [50, 100, 50, 100], [3, 4, 9, 9]'
    wide = encode_boxes(boxes, (100, 100), widen=True, **FORM)
    assert wide == '[50, 0, 51, 1], [49, 99, 50, 100], [3, 4, 9, 9]'
    rng = np.random.default_rng(0)
    tiny = rng.random((500, 2))
    boxes = np.concatenate([tiny, np.minimum(tiny + 1e-4, 1)], 1)
    for rounding in ('nearest', 'down'):
        text = encode_boxes(boxes, (1, 1), widen=True, rounding=rounding,
                            **FORM)
        assert not inspect_boxes(text, **FORM)
        assert np.abs(decode_boxes(text, (1, 1), **FORM).boxes -
                      boxes).max() <= 0.0151


@pytest.mark.parametrize('scale', [None, 1000])
def test_round_trip(scale):
    size = (480, 640)
    boxes = random_boxes(300, size)
    out = decode_boxes(encode_boxes(boxes, size, scale=scale, **FORM), size,
                       scale=scale, **FORM)
    assert out.repairs == 0 and out.phrases == [None] * 300
    limit = np.array([640, 480] * 2) / (2 * (scale or 100))
    assert (np.abs(out.boxes - boxes) <= limit + 1e-9).all()


@pytest.mark.parametrize('text, boxes, repairs, outside', [
    ('[1, 2, 3, 4]', [[1, 2, 3, 4]], 0, 0),
    ('[1,2,3,4][5, 6, 7, 8]', [[1, 2, 3, 4], [5, 6, 7, 8]], 0, 0),
    ('[[1, 2, 3, 4], [5, 6, 7, 8]]', [[1, 2, 3, 4], [5, 6, 7, 8]], 0, 0),
    ('The ship is at [ 1, 2, 3.5, 4 ].', [[1, 2, 3.5, 4]], 0, 0),
    ('[VG] the 2 ships', [], 0, 0),
    ('[1, 2, 3, 4, 5]', [[1, 2, 3, 4]], 1, 0),
    ('[1, 2, 3]', [], 1, 0),
    ('[1, 2, 3, 4', [[1, 2, 3, 4]], 1, 0),
    ('[1, 2, 3, 4 and more', [[1, 2, 3, 4]], 1, 0),
    ('[9, 2, 3, 4]', [[3, 2, 9, 4]], 1, 0),
    ('[-1, 2, 3, 101]', [[0, 2, 3, 100]], 1, 1),
    ('[9, 2, 3, 101], [1, 1, 2, 2], [0, 0, 0, 900]',
     [[3, 2, 9, 100], [1, 1, 2, 2], [0, 0, 0, 100]], 3, 2),
    ('1, 2, 3, 4', [[1, 2, 3, 4]], 1, 0),
    ('(1, 2, 3, 4)', [[1, 2, 3, 4]], 1, 0),
    ('{<1><2><3><4>}', [[1, 2, 3, 4]], 1, 0),
    ('There are 4 ships and 3 docks, 2 cars, 1 road', [], 0, 0),
    ('', [], 0, 0),
])
def test_decode(text, boxes, repairs, outside):
    out = decode_boxes(text, **FORM)
    assert out.boxes.tolist() == boxes
    assert out.boxes.shape == (len(boxes), 4)
    assert (out.repairs, out.outside) == (repairs, outside)
    assert len(out.phrases) == len(boxes)


def test_outside_is_counted_in_the_other_dialect_too():
    out = decode_boxes('<box>[[1, 2, 3, 1001], [1, 1, 2, 2]]</box>')
    assert (out.repairs, out.outside) == (1, 1)


def test_decode_never_raises():
    rng = np.random.default_rng(1)
    pieces = ['[', ']', '[[', ', ', '-', '.', '12', '9' * 5000, 'e', '\n',
              'é', '1.5', '--3', '٣', '<', '}', ' ' * 500, '[VG]']
    for i in range(1500):
        text = ''.join(rng.choice(pieces, rng.integers(1, 25)))
        if i % 3 == 0:
            text = rng.bytes(60).decode('utf-8', 'replace')
        out = decode_boxes(text, (50, 80), **FORM)
        assert ((out.boxes >= 0) & (out.boxes <= [80, 50, 80, 50])).all()
        assert (out.boxes[:, :2] <= out.boxes[:, 2:]).all()
        inspect_boxes(text, **FORM)
    for junk in ('[' * 50_000, '[' + ' ' * 100_000, '1' * 100_000,
                 '[' + ',' * 100_000 + 'a'):
        decode_boxes(junk, **FORM)


@pytest.mark.parametrize('text, kinds', [
    ('[1, 2, 3, 4], [0, 0, 100, 100]', []), ('[VG] no box', []),
    ('[1, 2, 3]', ['form']), ('[1, 2, 3, 4', ['form']),
    ('[1, 2, 3, 101] [-1, 2, 3, 4]', ['range', 'range']),
    ('[9, 2, 3, 4]', ['inverted']), ('[3, 2, 3, 4]', ['empty'])])
def test_inspect(text, kinds):
    assert [kind for kind, _ in inspect_boxes(text, **FORM)] == kinds
    assert inspect_boxes('[1, 2, 3, 999]', scale=1000, **FORM) == []


def test_refuses():
    with pytest.raises(DataError, match='box 0'):
        encode_boxes([[0, 0, 11, 5]], (10, 10), **FORM)
    with pytest.raises(ConfigError, match="'internvl', 'rsunivlm'"):
        decode_boxes('', dialect='yolo')
    with pytest.raises(ConfigError, match='scale'):
        decode_boxes('', scale=0)
