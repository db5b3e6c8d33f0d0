# Copyright (c) mmeo contributors. All rights reserved.
"""Class hierarchies: from a data set's classes to coarser ones."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

from mmeo.errors import DataError, MissingDataError

from .hierarchy_check import Node, check_hierarchy, plain, read_nodes

#: Where the trees that mmeo brings lie.
FOLDER = Path(__file__).parent / 'hierarchies'


@dataclass(frozen=True)
class ClassHierarchy:
    """A tree of classes, all leaves of which are on the finest level.

    Levels count from 0, the coarsest. A leaf that hangs higher in the tree
    than others is its own descendant on the levels below: its name is
    repeated, so that all paths have one length.

    Args:
        name (str): Of the root, which is on no level.
        levels (int): L, their number.
        paths (dict[str, tuple[str, ...]]): Leaf, as the data set writes it,
            to L names from coarse to fine, as a text prompt says them.
        synonyms (dict[str, tuple[str, ...]]): Name on any level to others.
        reader (str): Type of the data set whose classes the leaves are, ''
            if of none.
        remarks (dict[str, str]): ``source`` and ``remark`` of the file.
        file (str): For messages.
    """

    name: str
    levels: int
    paths: dict[str, tuple[str, ...]]
    synonyms: dict[str, tuple[str, ...]]
    reader: str
    remarks: dict[str, str]
    file: str

    @property
    def leaves(self) -> tuple[str, ...]:
        """Classes as the data set writes them, in the order of the tree."""
        return tuple(self.paths)

    def path(self, name: str) -> tuple[str, ...]:
        """Names of a class on each level, coarse to leaf.

        Args:
            name (str): As the data set writes it, or as prompts say it.

        Returns:
            tuple[str]: L names; the deepest is repeated where a leaf hangs
            higher.

        Raises:
            DataError: If there is no such leaf.
        """
        if name in self.paths:
            return self.paths[name]
        for path in self.paths.values():
            if path[-1] == name:
                return path
        raise DataError(
            f'{self.file}: no leaf for class {name!r}; there are '
            f'{", ".join(self.paths)}. Add {{"name": "{plain(name)}", "id": '
            f'"{name}"}} to the tree, or correct `metainfo.classes`.')

    def ancestor(self, name: str, level: int) -> str:
        """Name of a class on a level, 0 the coarsest, L - 1 or -1 the leaf.

        Raises:
            DataError: If there is no such leaf or level.
        """
        if not -self.levels <= level < self.levels:
            raise DataError(f'{self.file}: level {level} of {self.levels}; '
                            f'give 0 (coarsest) to {self.levels - 1}')
        return self.path(name)[level]

    def class_paths(self, classes: Sequence[str]
                    ) -> tuple[tuple[str, ...], ...]:
        """:meth:`path` of each class, in the order given."""
        return tuple(self.path(name) for name in classes)

    def names(self, level: int = -1) -> tuple[str, ...]:
        """All names of a level, each once, in the order of the tree."""
        return tuple(dict.fromkeys(
            self.ancestor(leaf, level) for leaf in self.paths))

    def check_classes(self, classes: Sequence[str]) -> None:
        """Stop unless the leaves are these classes, all and no other.

        Raises:
            DataError: Which are missing and which unknown.
        """
        missing = [name for name in classes if name not in self.paths]
        unknown = [name for name in self.paths if name not in set(classes)]
        if missing:
            raise DataError(f'{self.file}: no leaf for {missing}. Add one '
                            'each, with the class name as "id".')
        if unknown:
            raise DataError(
                f'{self.file}: the leaves {unknown} are no class of the data '
                'set. Remove them, or correct their "id".')


def read_hierarchy(source: Union[str, Path]) -> ClassHierarchy:
    """Read a tree: a JSON file, or the name of one that mmeo brings.

    Two forms: nested nodes (see ``docs/en/semantic_granularity.md``), or
    SynthEarth's ``semantics.json``, whose ``levels`` list the nodes.

    Args:
        source (str or Path): A path, or e.g. ``'loveda'``.

    Raises:
        MissingDataError: If there is no such file.
        DataError: Everything that is wrong with it.
    """
    path = Path(source)
    if path.suffix != '.json':
        path = FOLDER / f'{source}.json'
        if not path.is_file():
            raise MissingDataError(
                f'no hierarchy {str(source)!r}; mmeo brings '
                f'{", ".join(shipped_hierarchies())}. Give one of them or '
                'the path of a .json file.')
    if not path.is_file():
        raise MissingDataError(f'hierarchy {path} does not exist. Correct '
                               'the path.')
    data = _load(path)
    root = read_nodes(data, str(path))
    depth = check_hierarchy(root, data.get('depth'), str(path))
    return _build(root, data, depth, path)


def shipped_hierarchies() -> tuple[str, ...]:
    """Names of the trees that mmeo brings."""
    return tuple(sorted(path.stem for path in FOLDER.glob('*.json')))


def _load(path: Path) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # json keeps the last of several, and a part of the tree is lost.
        keys = [key for key, _ in pairs]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ValueError(f'key {sorted(twice)[0]!r} twice in one object, '
                             f'which begins {json.dumps(pairs[0])}')
        return dict(pairs)

    try:
        data = json.loads(path.read_text(encoding='utf-8'),
                          object_pairs_hook=unique)
    except ValueError as error:
        raise DataError(f'{path} is no usable JSON: {error}. Correct it '
                        'there.') from None
    if not isinstance(data, dict):
        raise DataError(
            f'{path} has no single root: it holds a {type(data).__name__}. '
            'Put the nodes into {"name": ..., "children": [...]}.')
    return data


def _build(root: Node, data: dict, depth: int, path: Path) -> ClassHierarchy:
    paths, synonyms = {}, {}
    for node, names in _walk(root):
        if node.synonyms:
            synonyms[node.name] = node.synonyms
        if not node.children:
            paths[node.id] = (*names, *names[-1:] * (depth - len(names)))
    remarks = {key: str(value) for key, value in data.items()
               if key in ('source', 'remark')}
    return ClassHierarchy(root.name, depth, paths, synonyms,
                          data.get('reader', ''), remarks, str(path))


def _walk(node: Node, above: tuple[str, ...] = ()
          ) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """Nodes below the root with the names from level 0 to their own."""
    for child in node.children:
        names = (*above, child.name)
        yield child, names
        yield from _walk(child, names)
