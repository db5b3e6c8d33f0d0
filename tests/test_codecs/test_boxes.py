# Copyright (c) mmeo contributors. All rights reserved.
import numpy as np
import pytest

from mmeo.codecs import decode_boxes, encode_boxes, inspect_boxes
from mmeo.errors import DataError


def test_form():
    text = encode_boxes([[0, 10, 50, 100], [25, 0, 200, 1]], (100, 200),
                        'ship')
    assert text == ('<ref>ship</ref><box>[[0, 100, 250, 1000], '
                    '[125, 0, 1000, 10]]</box>')
    assert encode_boxes([], (10, 10)) == '<box>[]</box>'


def test_round_trip():
    rng = np.random.default_rng(0)
    corners = rng.random((200, 2, 2)) * [640, 480]
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1)
    out = decode_boxes(encode_boxes(boxes, (480, 640), 'a tank'), (480, 640))
    assert out.repairs == 0 and out.phrases == ['a tank'] * 200
    assert (np.abs(out.boxes - boxes) <= np.array([640, 480] * 2) / 2000 +
            1e-9).all()


@pytest.mark.parametrize('boxes', [
    [[0, 0, 11, 5]], [[-1, 0, 5, 5]], [[5, 0, 4, 5]],
    [[0, 0, float('nan'), 5]]])
def test_encode_refuses(boxes):
    with pytest.raises(DataError, match='box 0'):
        encode_boxes(boxes, (10, 10))
    with pytest.raises(DataError, match='shape'):
        encode_boxes([[1, 2, 3]], (10, 10))


@pytest.mark.parametrize('text, boxes, phrases, repairs', [
    ('<box>[[1,2,3,4]]</box>', [[1, 2, 3, 4]], [None], 0),
    ('a <ref>x</ref><box>[[1, 2, 3, 4]]</box> b <ref>y</ref> '
     '<box>[[5, 6, 7, 8]]</box>', [[1, 2, 3, 4], [5, 6, 7, 8]], ['x', 'y'],
     0),
    ('<box>[[1, 2, 3, 4], [5, 6', [[1, 2, 3, 4]], [None], 2),
    ('<box>[[3, 4, 1, 2]]</box>', [[1, 2, 3, 4]], [None], 1),
    ('<box>[[-3, 4, 10, 2000]]</box>', [[0, 4, 10, 1000]], [None], 1),
    ('<box>[[1, 2, 3]]</box>', [], [], 1),
    ('<ref>x<box>[[1, 2, 3, 4]]</box>', [[1, 2, 3, 4]], ['x'], 1),
    ('<box>[[1, 2, 3, 4]]<box>[[5, 6, 7, 8]]</box>',
     [[1, 2, 3, 4], [5, 6, 7, 8]], [None, None], 1),
    ('nothing', [], [], 0),
    ('', [], [], 0),
])
def test_decode(text, boxes, phrases, repairs):
    out = decode_boxes(text)
    assert out.boxes.tolist() == boxes
    assert out.boxes.shape == (len(boxes), 4)
    assert out.phrases == phrases and out.repairs == repairs


def test_decode_never_raises():
    rng = np.random.default_rng(1)
    pieces = ['<box>', '</box>', '<ref>', '</ref>', '[[', ']]', ', ', '-', '.',
              '12', '9' * 5000, 'e', '\n', 'é', '[', ']', '1.5', '--3']
    for _ in range(2000):
        out = decode_boxes(''.join(rng.choice(pieces, rng.integers(1, 25))))
        assert ((out.boxes >= 0) & (out.boxes <= 1000)).all()
        assert (out.boxes[:, :2] <= out.boxes[:, 2:]).all()
        assert len(out.phrases) == len(out.boxes)


@pytest.mark.parametrize('text, kinds', [
    ('<ref>a</ref><box>[[1, 2, 3, 4], [0, 0, 1000, 1000]]</box>', []),
    ('no box', []),
    ('<box>[[1, 2, 3]]</box>', ['form']),
    ('<box>[[1, 2, 3, 4]]', ['form']),
    ('<ref>a<box>[[1, 2, 3, 4]]</box>', ['form']),
    ('<box></box>', ['form']),
    ('<box>[[1, 2, 3, 1001]]</box><box>[[-1, 2, 3, 4]]</box>',
     ['range', 'range']),
    ('<box>[[9, 2, 3, 4], [1, 5, 3, 4], [1, 2, 3, 4]]</box>',
     ['inverted', 'inverted']),
    ('<box>[[3, 2, 3, 4]]</box>', ['empty']),
])
def test_inspect(text, kinds):
    assert [kind for kind, _ in inspect_boxes(text)] == kinds


def test_what_is_encoded_has_no_flaw():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 640, (50, 2, 2)), 1)
    boxes = corners.reshape(50, 4)
    flaws = inspect_boxes(encode_boxes(boxes, (640, 640), 'ship'))
    assert {kind for kind, _ in flaws} <= {'empty'}
