# Copyright (c) mmeo contributors. All rights reserved.
"""The nodes of a class hierarchy's file, and what may be wrong with them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from mmeo.errors import DataError

_NODE_KEYS = {'name', 'id', 'synonyms', 'children'}
_ROOT_KEYS = {'name', 'children', 'depth', 'reader', 'source', 'remark'}
_FORM = '{"name": "root", "children": [{"name": ..., "children": [...]}]}'


@dataclass(frozen=True)
class Node:
    """A class of any level.

    Args:
        name (str): As text prompts say it.
        id (str): As the data set writes it; of leaves.
        synonyms (tuple[str]): Other names.
        children (tuple[Node]): Empty for a leaf.
    """

    name: str
    id: str
    synonyms: tuple[str, ...] = ()
    children: tuple['Node', ...] = ()

    def walk(self) -> Iterator['Node']:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def plain(name: str) -> str:
    """A name without underscores and hyphens, in small letters."""
    return ' '.join(name.replace('_', ' ').replace('-', ' ').lower().split())


def read_nodes(data: dict[str, Any], file: str) -> Node:
    """Nodes of a file's content, of either form.

    Raises:
        DataError: If the content has neither form.
    """
    if 'levels' in data:
        return _read_levels(data['levels'], file)
    if not data.get('children'):
        raise DataError(f'{file}: the root has no "children". Give {_FORM}.')
    return _read_node(data, 'the root', file, _ROOT_KEYS)


def _check_keys(data: dict, known: set[str], where: str, file: str) -> None:
    unknown = set(data) - known
    if unknown:
        raise DataError(
            f'{file}: {where} has the key {sorted(unknown)[0]!r}; there are '
            f'{", ".join(sorted(known))}. Correct or remove it.')


def _read_node(data: Any, where: str, file: str,
               known: set[str] = _NODE_KEYS) -> Node:
    if not isinstance(data, dict):
        raise DataError(f'{file}: {where} is a {type(data).__name__}, not an '
                        'object; write {"name": ...}.')
    name = data.get('name')
    if not isinstance(name, str) or not name.strip():
        raise DataError(f'{file}: {where} has no "name" ({name!r}). Give it '
                        'one.')
    where = f'node {name!r}'
    _check_keys(data, known, where, file)
    children = data.get('children', [])
    synonyms = data.get('synonyms', [])
    if not isinstance(children, list) or not isinstance(synonyms, list):
        raise DataError(f'{file}: "children" and "synonyms" of {where} are '
                        'lists; write [...].')
    if 'children' in data and not children:
        raise DataError(f'{file}: {where} has empty "children". Give it '
                        'some, or remove the key to make it a leaf.')
    if children and 'id' in data:
        raise DataError(f'{file}: {where} has an "id" and children; only '
                        'leaves are classes of the data set. Remove one.')
    if not all(isinstance(s, str) and s.strip() for s in
               [*synonyms, data.get('id', name)]):
        raise DataError(f'{file}: "id" and each of the "synonyms" of {where} '
                        'are words. Remove empty ones.')
    return Node(name, data.get('id', name), tuple(synonyms), tuple(
        _read_node(child, f'child {i} of {where}', file)
        for i, child in enumerate(children)))


def _read_levels(levels: Any, file: str) -> Node:
    """The form of SynthEarth: lists of nodes, ``parent`` is an id above."""
    below: dict[Any, tuple[Node, ...]] = {}
    try:
        for depth in reversed(range(len(levels))):
            above = {node['id'] for node in levels[depth - 1]} if depth \
                else {None}
            grouped: dict[Any, tuple[Node, ...]] = {}
            for item in levels[depth]:
                parent = item['parent']
                if parent not in above:
                    raise DataError(
                        f'{file}: node {item["name"]!r} of level {depth} has '
                        f'the parent {parent!r}, which level {depth - 1} '
                        'lacks (null on level 0). Correct "parent".')
                node = Node(item['name'], item['name'],
                            children=below.get(item['id'], ()))
                grouped[parent] = (*grouped.get(parent, ()), node)
            below = grouped
        return Node('classes', 'classes', children=below[None])
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(
            f'{file}: "levels" are lists of nodes with id, name and parent '
            f'({type(error).__name__}: {error}). Correct it, or write '
            f'{_FORM}.') from None


def check_hierarchy(root: Node, depth: Optional[int], file: str) -> int:
    """Stop unless the nodes are a tree in which each name means one class.

    Args:
        root (Node): As read.
        depth (int, optional): Number of levels as the file states it. None
            takes the longest path.
        file (str): For messages.

    Returns:
        int: Number of levels below the root.

    Raises:
        DataError: All that is wrong, one line each.
    """
    # The root is on no level; its name may be that of a class.
    cycles = [text for child in root.children for text in _cycles(child, ())]
    problems = [*cycles, *_names(root), *_identifiers(root)]
    longest = _longest(root)
    if depth is None:
        depth = longest
    elif not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
        problems.append(f'"depth" is {depth!r}; give a number from 1')
    elif longest > depth:
        problems.append(f'a path has {longest} levels, "depth" is {depth}; '
                        'take a level out or raise "depth"')
    if problems:
        raise DataError('\n'.join(f'{file}: {text}.' for text in problems))
    return depth


def _longest(node: Node) -> int:
    return max((1 + _longest(child) for child in node.children), default=0)


def _cycles(node: Node, above: tuple[str, ...]) -> Iterator[str]:
    if plain(node.name) in above:
        yield (f'node {node.name!r} lies below itself; a leaf that is '
               'coarser than others is written once, its name is repeated '
               'by itself: remove the inner one or rename it')
    for child in node.children:
        yield from _cycles(child, (*above, plain(node.name)))


def _names(root: Node) -> Iterator[str]:
    """Names and synonyms that mean two classes."""
    owner: dict[str, Node] = {}
    nodes = [node for child in root.children for node in child.walk()]
    for node in nodes:
        other = owner.setdefault(plain(node.name), node)
        if other is not node:
            yield (f'two nodes are named {node.name!r}; rename one, names '
                   'tell classes apart on every level')
    for node in nodes:
        for synonym in node.synonyms:
            other = owner.get(plain(synonym))
            if other is node:
                yield (f'synonym {synonym!r} of node {node.name!r} is its '
                       'name or given twice; remove it')
            elif other is not None:
                yield (f'synonym {synonym!r} of node {node.name!r} also '
                       f'means {other.name!r}; remove one')
            owner.setdefault(plain(synonym), node)


def _identifiers(root: Node) -> Iterator[str]:
    owner: dict[str, Node] = {}
    leaves = [node for node in root.walk() if not node.children]
    for leaf in leaves:
        other = owner.setdefault(leaf.id, leaf)
        if other is not leaf:
            yield (f'class {leaf.id!r} is the "id" of two leaves, '
                   f'{other.name!r} and {leaf.name!r}; remove one')
    for leaf in leaves:
        other = next((o for o in leaves if o.name == leaf.id), leaf)
        if other is not leaf:
            yield (f'"id" {leaf.id!r} of leaf {leaf.name!r} is the name of '
                   'another leaf; rename that')
