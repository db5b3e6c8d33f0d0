# Copyright (c) mmeo contributors. All rights reserved.
"""What the page asks the inferencer, and what it refuses first."""

import numpy as np
import pytest

from mmeo.demo.drawing import COLOURS
from mmeo.demo.question import Example, Question
from mmeo.errors import DataError


def names(**colours: str) -> list[str]:
    """Texts of the boxes; red, blue, ..."""
    order = ('red', 'blue', 'yellow', 'purple', 'cyan', 'orange', 'pink',
             'brown')
    return [colours.get(colour, '') for colour in order]


def painted(*numbers: int, kind: str = 'mask', modality: str = 'hr'
            ) -> Example:
    paint = np.zeros((40, 50), np.uint8)
    for place, number in enumerate(numbers):
        paint[2:12, 12 * place:12 * place + 10] = number
    return Example(f'{kind}.tif', modality, paint, kind)


def ask(mode: str, texts: list[str], *examples: Example) -> Question:
    return Question('target.tif', 'hr', mode, texts, list(examples))


def test_colours_are_named_as_they_look() -> None:
    hue = {'red': 0, 'blue': 2}
    assert np.argmax(COLOURS[0]) == hue['red']
    assert np.argmax(COLOURS[1]) == hue['blue']
    with pytest.raises(DataError, match='red paint'):
        ask('fused', names(blue='ship'), painted(1)).arguments()


def test_unused_colours_leave_no_gap() -> None:
    question = ask('fused', names(blue=' harbour_water ', brown='ship'),
                   painted(8, 2))
    given = question.arguments()
    assert given['text'] == ['harbour water', 'ship']
    mask, = given['mask']
    assert mask[5, 5] == 2 and mask[5, 15] == 1 and mask[30, 30] == 0
    assert question.palette() == {'harbour water': COLOURS[1],
                                  'ship': COLOURS[7]}
    assert given['example'] == ['mask.tif'] and 'boxes' not in given


def test_by_example_alone_names_may_be_left_out() -> None:
    given = ask('visual', names(yellow='quay'), painted(3, 5)).arguments()
    assert given['text'] == ['quay', 'class 5']


def test_a_named_class_without_paint_is_found_by_its_name() -> None:
    given = ask('fused', names(red='ship', blue='quay'),
                painted(1)).arguments()
    assert given['text'] == ['ship', 'quay']
    assert set(np.unique(given['mask'][0])) == {0, 1}


def test_names_alone_need_no_example() -> None:
    given = ask('textual', names(red='ship'), painted(4)).arguments()
    assert given['text'] == ['ship'] and 'example' not in given


def test_each_example_keeps_its_kind_and_sensor() -> None:
    given = ask('visual', names(red='ship'), painted(1),
                painted(1, kind='box'), painted(kind='mask'),
                painted(1, kind='point', modality='s1')).arguments()
    assert given['example'] == ['mask.tif', 'box.tif', 'point.tif']
    assert given['example_modality'] == ['hr', 'hr', 's1']
    assert [mask is None for mask in given['mask']] == [False, True, True]
    assert given['boxes'] == [None, {'ship': [(0, 2, 10, 12)]}, None]
    (x, y), = given['points'][2]['ship']
    assert 3 <= x <= 6 and 5 <= y <= 8


@pytest.mark.parametrize('mode, texts, examples, message', [
    ('textual', names(), (), 'no class name'),
    ('visual', names(red='ship'), (), 'Nothing is painted'),
    ('fused', names(red='ship'), (painted(), ), 'Nothing is painted'),
    ('fused', names(red='ship'), (painted(1, 3), ), 'yellow paint'),
    ('visual', names(red='ship', blue='quay'), (painted(1), ),
     "'quay' is painted nowhere.*blue"),
])
def test_what_does_not_go_together(mode: str, texts: list[str],
                                   examples: tuple, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ask(mode, texts, *examples).arguments()
