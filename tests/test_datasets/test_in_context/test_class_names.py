# Copyright (c) mmeo contributors. All rights reserved.
"""Names of classes, and those that must not be said."""

from pathlib import Path

import pytest
from episode_places import CLASSES

from mmeo.datasets.in_context.class_names import (
    ClassNames,
    class_names,
    hide_names,
    ids_of,
    require_known,
)
from mmeo.errors import ConfigError, DataError


def test_a_tree_gives_paths_and_synonyms(places: Path) -> None:
    names = class_names(CLASSES, str(places / 'tree.json'),
                        dict(oak_tree=['holm oak']))
    assert names.paths[2] == ('trees', 'oak tree')
    assert names.synonyms['oak tree'] == ('oak', 'holm oak')


def test_without_a_tree_there_is_one_level() -> None:
    names = class_names(CLASSES, None, dict(car=['auto']))
    assert names.paths[2] == ('oak tree', )
    assert names.synonyms == dict(car=('auto', ))


def test_wrong_names_are_explained(places: Path) -> None:
    with pytest.raises(ConfigError, match="'cart'.*do you mean 'car'"):
        class_names(CLASSES, None, dict(cart=['auto']))
    with pytest.raises(DataError, match="'tram'"):
        class_names((*CLASSES, 'tram'), str(places / 'tree.json'), None)
    with pytest.raises(ConfigError, match="held_out.*'oak tre'.*'oak_tree'"):
        require_known(['river', 'oak tre'], CLASSES, 'held_out')
    require_known(['Oak Tree'], CLASSES, 'held_out')


def test_held_out_names_are_neither_synonym_nor_ancestor() -> None:
    """'forest' is a class of one data set and an ancestor in another."""
    names = ClassNames(
        (('plants', 'forest', 'pine'), ('plants', 'forest', 'oak'),
         ('plants', 'grass', 'grass')),
        dict(pine=('Pine_Forest', 'fir'), grass=('lawn', 'forest')))
    hidden = hide_names(names, ['Forest', 'pine forest'])
    assert hidden.paths == (('plants', 'pine', 'pine'),
                            ('plants', 'oak', 'oak'),
                            ('plants', 'grass', 'grass'))
    assert hidden.synonyms == dict(pine=('fir', ), grass=('lawn', ))


def test_classes_are_found_by_either_spelling() -> None:
    paths = [('a', 'small vehicle'), ('a', 'ship')]
    assert ids_of(['Small Vehicle'], ('sv', 'ship'), paths) == [0]
    assert ids_of(['sv', 'SHIP'], ('sv', 'ship'), paths) == [0, 1]
