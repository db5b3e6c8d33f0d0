# Copyright (c) mmeo contributors. All rights reserved.
"""Class hierarchies: those that mmeo brings, and what may be wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from mmeo.datasets.hierarchy import (
    FOLDER,
    read_hierarchy,
    shipped_hierarchies,
)
from mmeo.datasets.hierarchy_check import plain
from mmeo.datasets.synthetic.classes import LEAVES, class_tree
from mmeo.errors import DataError, MissingDataError
from mmeo.registry import DATASETS

READERS = {name: read_hierarchy(name).reader
           for name in shipped_hierarchies() if read_hierarchy(name).reader}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    def write(content: Any) -> Path:
        path = tmp_path / 'tree.json'
        path.write_text(content if isinstance(content, str)
                        else json.dumps(content))
        return path
    return write


def root(*children: dict, **more: Any) -> dict:
    return dict(name='all', children=list(children), **more)


def node(name: str, *children: dict, **more: Any) -> dict:
    return dict(name=name, **more,
                **(dict(children=list(children)) if children else {}))


@pytest.mark.parametrize('name', shipped_hierarchies())
def test_shipped_trees_have_three_levels_and_plain_names(name: str) -> None:
    tree = read_hierarchy(name)
    assert tree.levels == 3
    assert tree.remarks['source']
    for leaf in tree.leaves:
        path = tree.path(leaf)
        assert len(path) == 3
        assert all('_' not in said and said == said.strip() for said in path)


@pytest.mark.parametrize('name', READERS)
def test_shipped_trees_hold_the_classes_of_their_reader(name: str) -> None:
    classes = DATASETS.get(READERS[name]).METAINFO['classes']
    read_hierarchy(name).check_classes(classes)


@pytest.mark.parametrize('reader', [
    'ADE20KDataset', 'AIRPolSARSegDataset', 'AMOSDataset', 'BraTSDataset',
    'COVIDQUExDataset', 'DynamicEarthNetDataset', 'FiveBillionPixelsDataset',
    'ISAIDDataset', 'LoveDADataset', 'PASTISDataset', 'PotsdamDataset',
    'SPARCSDataset', 'UAVidDataset', 'VaihingenDataset', 'FloodNetDataset',
    'ETCIFloodDataset', 'C2SFloodDataset', 'GLHWaterDataset', 'GVLMDataset'])
def test_each_segmentation_reader_has_a_tree(reader: str) -> None:
    assert reader in READERS.values()


def test_sen1floods11_fits_its_config(repo_root: Path) -> None:
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/datasets/synthearth_water.py')
    read_hierarchy('sen1floods11').check_classes(
        cfg.dataset['metainfo']['classes'])


def test_synthearth_is_the_same_tree_as_its_semantics(tmp_path) -> None:
    path = tmp_path / 'semantics.json'
    path.write_text(json.dumps(class_tree()))
    written, shipped = read_hierarchy(path), read_hierarchy('synthearth')
    assert written.paths == shipped.paths
    assert shipped.leaves == tuple(leaf.name for leaf in LEAVES)
    assert [len(written.names(level)) for level in range(3)] == [6, 16, 44]
    assert written.ancestor('lake', 0) == 'water'


def test_raw_names_become_readable() -> None:
    tree = read_hierarchy('isaid')
    assert tree.path('Ground_Track_Field') == (
        'sports facility', 'sports field', 'ground track field')
    assert tree.path('ground track field') == tree.path('Ground_Track_Field')
    assert 'running track' in tree.synonyms['ground track field']


def test_ragged_trees_repeat_the_deepest_name() -> None:
    tree = read_hierarchy('isaid')
    assert tree.path('background') == ('background', ) * 3
    assert tree.path('ship') == ('vehicle', 'ship', 'ship')
    assert tree.ancestor('ship', 1) == tree.ancestor('ship', -1) == 'ship'
    # The classes of each level are a partition: paths meet upwards only.
    for level in range(2):
        above = {}
        for path in tree.paths.values():
            assert above.setdefault(path[level + 1], path[level]) == \
                path[level]


def test_a_tree_may_state_more_levels_than_it_has(write) -> None:
    tree = read_hierarchy(write(root(node('a'), node('b'), depth=4)))
    assert tree.path('b') == ('b', ) * 4
    assert read_hierarchy(write(root(node('a')))).levels == 1


def test_the_root_may_be_called_like_a_class(write) -> None:
    assert read_hierarchy(write(root(node('all')))).path('all') == ('all', )


def test_classes_in_the_order_asked_for(write) -> None:
    tree = read_hierarchy(write(root(node('x', node('b'), node('a')))))
    assert tree.class_paths(('a', 'b')) == (('x', 'a'), ('x', 'b'))


@pytest.mark.parametrize('content, words', [
    ('{"name": "a", ', ['no usable JSON']),
    ('{"name": "a", "children": [], "children": []}', ["'children' twice"]),
    ([node('a'), node('b')], ['no single root', 'list']),
    (root(), ['root has no "children"']),
    (root(node('a', node('b', node('a')))), ["'a' lies below itself"]),
    (root(node('a'), node('A')), ["two nodes are named 'A'"]),
    (root(node('big car'), node('big_car')), ["'big_car'", 'rename']),
    (root(node('a', id='x'), node('b', id='x')),
     ["class 'x'", "'a' and 'b'"]),
    (root(node('a', id='b'), node('b', id='c')), ["'b' of leaf 'a'"]),
    (root(node('a'), node(' ')), ["child 1 of node 'all' has no \"name\""]),
    (root(node('a', {})), ["child 0 of node 'a' has no \"name\""]),
    (root(node('a', id='')), ["node 'a'", 'words']),
    (root(dict(name='a', children=[])), ["node 'a' has empty"]),
    (root(node('a', node('b'), id='x')), ["'a' has an \"id\" and children"]),
    (root(dict(name='a', sinonyms=['b'])), ["node 'a'", "'sinonyms'"]),
    (root('a'), ["child 0 of node 'all' is a str"]),
    (root(node('a', synonyms='bc')), ['lists']),
    (root(node('a', synonyms=['b']), node('b')),
     ["synonym 'b' of node 'a' also means 'b'"]),
    (root(node('a', synonyms=['c']), node('b', synonyms=['C'])),
     ["synonym 'C' of node 'b' also means 'a'"]),
    (root(node('a', synonyms=['A'])), ["'A' of node 'a' is its name"]),
    (root(node('a', node('b')), depth=1), ['2 levels, "depth" is 1']),
    (root(node('a'), depth='3'), ['"depth" is \'3\'']),
    (dict(levels=[[dict(id=1, name='a', parent=None)],
                  [dict(id=1, name='b', parent=2)]]),
     ["'b' of level 1", 'parent 2']),
    (dict(levels=[[dict(id=1, name='a', parent=7)]]), ["'a'", 'null']),
    (dict(levels=[[dict(id=1, name='a')]]), ['parent']),
], ids=lambda x: None if isinstance(x, (dict, list)) else str(x)[:20])
def test_what_is_wrong_is_said(write, content: Any, words: list[str]) -> None:
    path = write(content)
    with pytest.raises(DataError) as error:
        read_hierarchy(path)
    assert str(path) in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_all_problems_of_a_tree_are_said_at_once(write) -> None:
    tree = root(node('a'), node('A'), node('b', synonyms=['b']), depth=0)
    with pytest.raises(DataError) as error:
        read_hierarchy(write(tree))
    assert len(str(error.value).splitlines()) == 3


def test_classes_must_be_those_of_the_data_set() -> None:
    tree = read_hierarchy('loveda')
    with pytest.raises(DataError, match="no leaf for class 'airport'.*Add"):
        tree.path('airport')
    with pytest.raises(DataError, match=r"no leaf for \['lake'\]"):
        tree.check_classes([*tree.leaves, 'lake'])
    with pytest.raises(DataError, match=r"\['barren'\] are no class"):
        tree.check_classes([c for c in tree.leaves if c != 'barren'])
    with pytest.raises(DataError, match='level 3 of 3'):
        tree.ancestor('water', 3)


def test_unknown_trees_are_listed() -> None:
    with pytest.raises(MissingDataError, match='mmeo brings.*loveda'):
        read_hierarchy('lovedaa')
    with pytest.raises(MissingDataError, match='does not exist'):
        read_hierarchy('nowhere/tree.json')


def test_unified_classes_are_176_leaves_of_three_levels() -> None:
    tree = read_hierarchy('sky_vt')
    assert len(tree.leaves) == 176
    assert 8 <= len(tree.names(0)) <= 14
    assert 35 <= len(tree.names(1)) <= 50
    assert 'Our construction' in tree.remarks['remark']


def test_each_class_of_each_earth_data_set_is_mapped() -> None:
    tree = read_hierarchy('sky_vt')
    nodes = {name for path in tree.paths.values() for name in path}
    maps = json.loads((FOLDER / 'maps/sky_vt.json').read_text())
    others = {'ade20k', 'amos2022', 'brats2021', 'covid_quex', 'sky_vt'}
    assert set(maps) == set(shipped_hierarchies()) - others
    for name, mapped in maps.items():
        assert tuple(mapped) == read_hierarchy(name).leaves
        assert {node for node in mapped.values() if node} <= nodes
        # What is said alike means the same.
        for leaf, path in read_hierarchy(name).paths.items():
            same = {n for n in nodes if plain(n) == plain(path[-1])}
            assert not same or same == {mapped[leaf]}, (name, leaf)
