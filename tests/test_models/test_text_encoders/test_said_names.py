# Copyright (c) mmeo contributors. All rights reserved.
"""Names that people give."""

import pytest

from mmeo.errors import DataError
from mmeo.models.text_encoders import check_class_names, say_name


def test_names_are_said_with_spaces():
    assert say_name(' large_vehicle ') == 'large vehicle'
    assert check_class_names(['Flooded_road', 'water'], 2) == [
        'Flooded road', 'water']


@pytest.mark.parametrize('names, message', [
    ([], 'no class name'),
    ('water', "must be a list, got the string 'water'"),
    (['water', '  '], "class 2 of 2: class name '  ' is empty"),
    (['water', '_'], "class 2 of 2: class name '_' is empty"),
    (['water', 3], 'class 2 of 2: a class name must be a string, got 3'),
    (['water', 'road', 'water'], r'given twice \(classes 1 and 3'),
    (['dirt road', 'Dirt_Road'], r"'Dirt_Road' is given twice"),
    (['a', 'b', 'c'], '3 classes are more than the 2'),
])
def test_bad_names(names, message):
    with pytest.raises(DataError, match=message):
        check_class_names(names, max_classes=2 if 'more' in message else None)
