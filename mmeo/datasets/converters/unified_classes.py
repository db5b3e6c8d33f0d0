# Copyright (c) mmeo contributors. All rights reserved.
"""One class tree for many data sets: which class of each is which node."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from mmeo.datasets.hierarchy import FOLDER, ClassHierarchy, read_hierarchy
from mmeo.datasets.hierarchy_check import plain
from mmeo.errors import ConfigError

ClassMap = dict[str, Optional[str]]


@dataclass(frozen=True)
class UnifiedClasses:
    """A tree that classes of all data sets are nodes of.

    A coarse class is a node above the leaves: what a data set calls a
    building is the node over houses and hangars. None has no meaning across
    data sets (background, clutter).

    Args:
        tree (ClassHierarchy): The tree.
        maps (dict[str, dict[str, str | None]]): Name of a data set to class
            -> node.
    """

    tree: ClassHierarchy
    maps: dict[str, ClassMap]

    def lineage(self, node: str) -> tuple[str, ...]:
        """Names from the coarsest level down to a node.

        Raises:
            ConfigError: If there is no such node.
        """
        for path in self.tree.paths.values():
            if node in path:
                return path[:path.index(node) + 1]
        raise ConfigError(f'{self.tree.file} has no class {node!r} on any '
                          'level; correct `unified`, or add it to the tree')

    def class_map(self, given: Union[str, Mapping, None],
                  classes: Sequence[str], source: str) -> ClassMap:
        """Node of each class of a data set.

        Args:
            given (str | Mapping): Name of a map of mmeo, or class -> node.
            classes (Sequence[str]): Of the data set.
            source (str): Its name, for messages.

        Raises:
            ConfigError: If there is no such map, or it lacks a class.
        """
        if not isinstance(given, Mapping):
            if given not in self.maps:
                raise ConfigError(
                    f'{source}: no class map {given!r}; there are '
                    f'{", ".join(self.maps)}. Give one of them in `unified`, '
                    'or a dict of class -> node (or None)')
            given = self.maps[given]
        missing = [name for name in classes if name not in given]
        if missing:
            raise ConfigError(f'{source}: `unified` lacks {missing}; give '
                              'each class a node of the tree, or None')
        for name in classes:
            if given[name] is not None:
                self.lineage(given[name])
        return {name: given[name] for name in classes}

    def names(self, node: str) -> tuple[str, ...]:
        """Name of a node and its synonyms."""
        return (node, *self.tree.synonyms.get(node, ()))

    def own_tree(self, mapped: ClassMap, names: Mapping[str, str],
                 synonyms: Mapping[str, Sequence[str]],
                 title: str) -> dict[str, Any]:
        """The part of the tree that a data set has, in its form on file.

        A class that is a leaf of the tree bears the leaf's name, and its own
        becomes a synonym. One that is a node above keeps its own name, as a
        leaf below that node.

        Args:
            mapped (dict[str, str | None]): Class -> node.
            names (Mapping[str, str]): Class -> name that prompts say.
            synonyms (Mapping): Such a name to others.
            title (str): Name of the root.
        """
        at = {c: self.lineage(node) if node else ()
              for c, node in mapped.items()}
        lines = {c: self._line(at[c], list(at.values()), names[c])
                 for c in mapped}
        taken = {plain(name) for line in lines.values() for name in line}
        root: dict[str, Any] = dict(name=title, depth=self.tree.levels,
                                    source='our choice')
        for name, line in lines.items():
            leaf = _descend(root, line)
            if leaf['name'] != name:
                leaf['id'] = name
            words = [*self.names(line[-1])[1:], names[name],
                     *synonyms.get(names[name], ())]
            leaf['synonyms'] = _unused(words, taken)
            if not leaf['synonyms']:
                del leaf['synonyms']
        return root

    def _line(self, at: tuple[str, ...], every: Sequence[tuple[str, ...]],
              own: str) -> tuple[str, ...]:
        """Names down to a class of a data set.

        Args:
            at (tuple[str]): Lineage of its node. Without one it is a leaf on
                the coarsest level.
            every (Sequence[tuple[str]]): Those of all classes. A leaf that
                several share has these below it.
            own (str): Its own name.
        """
        alone = sum(line[:len(at)] == at for line in every) == 1
        same = bool(at) and plain(own) == plain(at[-1])
        if at and alone and (same or at[-1] in self.tree.names()):
            return at
        if same:
            own = f'other {own}'
        if len(at) == self.tree.levels:
            # One level less above makes room for one more below.
            at = (*at[:-2], at[-1])
        return (*at, own)


def _descend(root: dict, line: Sequence[str]) -> dict:
    """The node at the end of a line; what lacks is added."""
    node = root
    for name in line:
        children = node.setdefault('children', [])
        found = next((c for c in children if c['name'] == name), None)
        if found is None:
            found = dict(name=name)
            children.append(found)
        node = found
    return node


def _unused(words: Sequence[str], taken: set[str]) -> list[str]:
    """Words that no class is called by yet; they are taken from now on."""
    kept = []
    for word in words:
        if plain(word) not in taken:
            taken.add(plain(word))
            kept.append(word)
    return kept


def read_unified(name: str = 'sky_vt') -> UnifiedClasses:
    """The tree of 176 leaf classes and the maps that mmeo brings."""
    maps = json.loads((FOLDER / 'maps' / f'{name}.json').read_text())
    return UnifiedClasses(read_hierarchy(name), maps)
