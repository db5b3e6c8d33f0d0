# Copyright (c) mmeo contributors. All rights reserved.
"""Seeded splits of scene benchmarks, made of the names of their images."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmeo.datasets.scene import EXTENSIONS
from mmeo.datasets.scene_benchmarks import AIDDataset, RESISC45Dataset
from mmeo.datasets.scene_splits import format_split
from mmeo.errors import ConfigError, DataError

PathLike = Union[str, Path]


class Benchmark(NamedTuple):
    """What is published of a data set.

    Attributes:
        title (str): Its name.
        classes (tuple[str]): Folders.
        counts (tuple[int]): Images of each class, numbered from 1.
        pattern (str): Of an image's path, with ``cls`` and ``number``.
        percents (tuple[int]): Training shares that papers report.
    """

    title: str
    classes: Sequence[str]
    counts: Sequence[int]
    pattern: str
    percents: Sequence[int]

    def names(self) -> Iterator[str]:
        """Paths of all images, as published."""
        for name, count in zip(self.classes, self.counts):
            for number in range(1, count + 1):
                yield self.pattern.format(
                    cls=name, stem=name.lower(), number=number)


BENCHMARKS = dict(
    aid=Benchmark('AID', AIDDataset.METAINFO['classes'], AIDDataset.COUNTS,
                  '{cls}/{stem}_{number}.jpg', (20, 50)),
    resisc45=Benchmark(
        'NWPU-RESISC45', RESISC45Dataset.METAINFO['classes'],
        RESISC45Dataset.COUNTS, '{cls}/{cls}_{number:03d}.jpg', (10, 20)))


def folder_names(root: PathLike) -> list[str]:
    """Paths of all images below the folders of classes, sorted."""
    root = Path(root)
    return sorted(p.relative_to(root).as_posix() for p in root.rglob('*')
                  if p.suffix.lower() in EXTENSIONS)


def stratified(names: Sequence[str], percent: float, seed: int
               ) -> tuple[list[str], list[str]]:
    """Draw a share of each class.

    A class is drawn by itself, from the sorted names: a smaller share lies
    inside a larger one of that seed, and classes do not depend on each other.

    Args:
        names: Paths, whose first folder is the class.
        percent: Share to train on; of each class at least one image is drawn
            and one is left.
        seed: Of the draw.

    Returns:
        Names to train on, and the others, each sorted.

    Raises:
        ConfigError: If the share is not between 0 and 100.
        DataError: If a class has a single image.
    """
    if not 0 < percent < 100:
        raise ConfigError(f'percent={percent} is not between 0 and 100.')
    classes: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        classes[name.split('/')[0]].append(name)
    train, rest = [], []
    for index, (label, members) in enumerate(sorted(classes.items())):
        if len(members) < 2:
            raise DataError(f'class {label} has one image: nothing is left '
                            'to test on.')
        order = np.random.default_rng([seed, index]).permutation(len(members))
        # Half up, not to the even number.
        count = int(len(members) * percent / 100 + 0.5)
        count = min(max(count, 1), len(members) - 1)
        train += [members[i] for i in order[:count]]
        rest += [members[i] for i in order[count:]]
    return sorted(train), sorted(rest)


def compare(expected: Sequence[str], found: Sequence[str]) -> list[str]:
    """Describe how a folder differs from the published names."""
    absent = sorted(set(expected) - set(found))
    more = sorted(set(found) - set(expected))
    return [f'{len(names)} images {what}; first: {names[0]}'
            for names, what in ((absent, 'are absent'),
                                (more, 'are not among the published names'))
            if names]


def write_lists(names: Sequence[str], out: PathLike, title: str,
                percents: Sequence[float], seeds: Sequence[int],
                plain: bool = False) -> list[Path]:
    """Write ``train<percent>_seed<seed>.txt`` and ``test...`` of the rest.

    Args:
        names: Paths of all images.
        out: Target folder.
        title: Of the data set, for the head of the files.
        percents: Shares to train on.
        seeds: Of the draws.
        plain: One path a line, for other programs and ``ann_file``, instead
            of the short form.

    Returns:
        The files.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for percent in percents:
        for seed in seeds:
            parts = stratified(names, percent, seed)
            for part, members in zip(('train', 'test'), parts):
                file = out / f'{part}{percent:g}_seed{seed}.txt'
                file.write_text('\n'.join(members) + '\n' if plain else
                                format_split(members, [
                                    f'{title}: {part}, {percent:g} % of each '
                                    f'class trained on, seed {seed}, '
                                    f'{len(members)} images']))
                files.append(file)
    return files
