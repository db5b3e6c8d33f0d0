# Copyright (c) mmeo contributors. All rights reserved.
"""Check class hierarchies and show them, for the tools."""

from collections.abc import Sequence
from typing import Optional

from mmengine.config import Config

from mmeo.apis.arguments_series import dataset_section
from mmeo.datasets.hierarchy import ClassHierarchy, read_hierarchy
from mmeo.errors import ConfigError
from mmeo.models.in_context.granularity import GranularitySchedule
from mmeo.registry import DATASETS


def check_against_config(tree: ClassHierarchy, cfg: Config,
                         split: str) -> None:
    """Stop unless the leaves are the classes of a config's data set.

    A config may leave classes out (``metainfo``): leaves that the reader
    knows, but the config does not use, are right.

    Args:
        tree (ClassHierarchy): The tree.
        cfg (Config): With ``<split>_dataloader``.
        split (str): 'train', 'val' or 'test'.

    Raises:
        ConfigError: If the data set has no classes of its own.
        DataError: Which classes are missing, which leaves unknown.
    """
    section = dataset_section(cfg, split)
    if 'type' not in section or 'datasets' in section:
        raise ConfigError(
            f'`{split}_dataloader` has no single data set; check the tree '
            'against the config of each')
    reader = DATASETS.get(section['type'])
    known = tuple(getattr(reader, 'METAINFO', {}).get('classes') or ())
    used = tuple((section.get('metainfo') or {}).get('classes') or known)
    if not used:
        raise ConfigError(f'{section["type"]} has no classes; give '
                          '`metainfo=dict(classes=(...))` in the config')
    tree.check_classes([*known, *(c for c in used if c not in known)])


def format_tree(tree: ClassHierarchy) -> str:
    """The tree, a class a line, below it the number of each level."""
    lines, last = [], ()
    for leaf, path in tree.paths.items():
        names = tuple(dict.fromkeys(path))
        for depth, name in enumerate(names):
            if last[:depth + 1] == names[:depth + 1]:
                continue
            text = '  ' * depth + name
            if depth == len(names) - 1 and leaf != name:
                text += f'  [{leaf}]'
            if tree.synonyms.get(name):
                text += f'  = {", ".join(tree.synonyms[name])}'
            lines.append(text)
        last = names
    counts = ', '.join(str(len(tree.names(level)))
                       for level in range(tree.levels))
    lines.append(f'{tree.levels} levels of {counts} classes')
    return '\n'.join(lines)


def format_schedule(schedule: GranularitySchedule,
                    times: Sequence[float]) -> str:
    """Mean level and probabilities at some times, 0 to 1."""
    levels = range(1, schedule.levels + 1)
    lines = ['time   mean  ' + '  '.join(f'p({i}) ' for i in levels)]
    for t in times:
        p = '  '.join(f'{x:.3f}' for x in schedule.probabilities(t))
        lines.append(f'{t:4.2f}  {schedule.mean(t):5.2f}  {p}')
    return '\n'.join(lines)


def check_hierarchy_file(source: str, cfg: Optional[Config] = None,
                         split: str = 'train') -> ClassHierarchy:
    """Read a tree, and compare it with a config where one is given."""
    tree = read_hierarchy(source)
    if cfg is not None:
        check_against_config(tree, cfg, split)
    return tree
