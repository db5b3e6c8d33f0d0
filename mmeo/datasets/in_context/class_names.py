# Copyright (c) mmeo contributors. All rights reserved.
"""Names that episodes may say: hierarchies, synonyms, held-out classes."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple, Optional

from mmeo.datasets.hierarchy import read_hierarchy
from mmeo.datasets.hierarchy_check import plain as key_of
from mmeo.errors import ConfigError


class ClassNames(NamedTuple):
    """How the classes of a data set are called.

    Args:
        paths (tuple[tuple[str, ...], ...]): Of each class its names from the
            coarsest level to the leaf.
        synonyms (dict[str, tuple[str, ...]]): Name on any level to others.
    """

    paths: tuple[tuple[str, ...], ...]
    synonyms: dict[str, tuple[str, ...]]


def class_names(classes: Sequence[str], hierarchy: Optional[str],
                synonyms: Optional[Mapping[str, Sequence[str]]]
                ) -> ClassNames:
    """Names of a data set's classes, from its hierarchy where it has one.

    Args:
        classes (Sequence[str]): As the data set writes them.
        hierarchy (str, optional): See
            :func:`~mmeo.datasets.hierarchy.read_hierarchy`.
        synonyms (Mapping, optional): Name to others, added to those of the
            hierarchy.

    Raises:
        DataError: If the hierarchy lacks a class.
    """
    others: dict[str, tuple[str, ...]] = {}
    if hierarchy is None:
        paths = tuple((name.replace('_', ' '), ) for name in classes)
    else:
        tree = read_hierarchy(hierarchy)
        paths = tree.class_paths(classes)
        others.update(tree.synonyms)
    known = {key_of(name): name for path in paths for name in path}
    for name, more in (synonyms or {}).items():
        said = known.get(key_of(name))
        if said is None:
            raise ConfigError(f'synonyms of {name!r}, which is no class: '
                              f'{_hint(name, known.values())}')
        others[said] = (*others.get(said, ()), *more)
    return ClassNames(paths, others)


def hide_names(names: ClassNames, held_out: Collection[str]) -> ClassNames:
    """Never say a held-out name, neither as synonym nor as ancestor.

    One data set's class may be an ancestor in the tree of another one. On
    such a level the next finer name takes its place.

    Args:
        names (ClassNames): Of a data set.
        held_out (Collection[str]): Names in any spelling.
    """
    hidden = {key_of(name) for name in held_out}
    paths = []
    for path in names.paths:
        said = list(path)
        for level in range(len(said) - 2, -1, -1):
            if key_of(said[level]) in hidden:
                said[level] = said[level + 1]
        paths.append(tuple(said))
    synonyms = {
        name: tuple(o for o in others if key_of(o) not in hidden)
        for name, others in names.synonyms.items()}
    return ClassNames(tuple(paths), synonyms)


def ids_of(wanted: Collection[str], classes: Sequence[str],
           paths: Sequence[Sequence[str]]) -> list[int]:
    """Ids of the classes that are named, in any spelling, by leaf names."""
    keys = {key_of(name) for name in wanted}
    return [i for i, name in enumerate(classes)
            if {key_of(name), key_of(paths[i][-1])} & keys]


def require_known(wanted: Collection[str], known: Collection[str],
                  field: str) -> None:
    """Stop if a name is none of the classes.

    Raises:
        ConfigError: The name, and those that resemble it.
    """
    keys = {key_of(name) for name in known}
    for name in wanted:
        if key_of(name) not in keys:
            raise ConfigError(f'{field}: no data set has the class {name!r}: '
                              f'{_hint(name, known)}')


def _hint(name: str, known: Collection[str]) -> str:
    table = {key_of(other): other for other in known}
    close = [table[k] for k in get_close_matches(key_of(name), table, 3)]
    if close:
        return f'do you mean {" or ".join(map(repr, close))}?'
    return f'there are {", ".join(sorted(set(known)))}.'
