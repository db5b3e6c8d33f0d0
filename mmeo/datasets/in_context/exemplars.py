# Copyright (c) mmeo contributors. All rights reserved.
"""Examples of each class for an evaluation: chosen once, kept in a file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union
from zlib import crc32

import numpy as np

from mmeo.datasets.subset import nested_order
from mmeo.engine.seeding import derive_seed
from mmeo.errors import DataError, MissingDataError

#: Class name to the names of its images, best first.
Exemplars = dict[str, tuple[str, ...]]


def rank_examples(counts: np.ndarray, names: Sequence[str], least: int,
                  seed: int) -> list[int]:
    """Images in the order in which they serve as examples of a class.

    An image is a fair example if the class has at least ``least`` pixels in
    it. Of these, the upper half by size comes first, in an order drawn by
    ``seed`` and the images' names alone: large enough to be seen well, and
    not always the one image that is full of it. The lower half follows, then
    images with fewer pixels, both from large to small. The first k of the
    order are the k shots, so that few shots lie inside more (our choice; the
    paper does not tell its examples).

    Args:
        counts (np.ndarray): ``(images, )`` pixels of the class.
        names (Sequence[str]): Of the images, unique.
        least (int): Pixels of a fair example.
        seed (int): Of the draw.

    Returns:
        list[int]: Indices of all images that show the class.
    """
    fair = np.flatnonzero(counts >= max(least, 1))
    upper = fair[counts[fair] >= np.median(counts[fair])] if len(fair) \
        else fair
    order = nested_order([names[i] for i in upper], seed)
    first = [int(upper[i]) for i in order]
    rest = sorted(set(np.flatnonzero(counts).tolist()) - set(first),
                  key=lambda i: (-counts[i], names[i]))
    return first + rest


def choose_exemplars(counts: np.ndarray, names: Sequence[str],
                     classes: Sequence[str], shots: int, least: int,
                     seed: int) -> Exemplars:
    """Choose ``shots`` images of each class.

    Args:
        counts (np.ndarray): ``(images, classes)`` pixels.
        names (Sequence[str]): Of the images, unique.
        classes (Sequence[str]): Names of the columns.
        shots (int): Images of each class; fewer where there are fewer.
        least (int): Pixels of a fair example, see :func:`rank_examples`.
        seed (int): Of the draw; each class has numbers of its own, whichever
            others are asked for.

    Returns:
        dict: Of each class the names of its images; () of one that no image
        shows.
    """
    return {
        name: tuple(names[i] for i in rank_examples(
            counts[:, column], names, least,
            derive_seed(seed, crc32(name.encode())))[:shots])
        for column, name in enumerate(classes)}


def write_exemplars(path: Union[str, Path], exemplars: Exemplars,
                    seed: int) -> Path:
    """Write a choice as JSON: ``seed`` and ``classes``."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = dict(seed=seed, classes={n: list(v) for n, v in exemplars.items()})
    path.write_text(json.dumps(data, indent=1) + '\n')
    return path


def read_exemplars(path: Union[str, Path], classes: Sequence[str],
                   names: Sequence[str]) -> tuple[Exemplars, int]:
    """Read a choice.

    Args:
        path (str | Path): The file.
        classes (Sequence[str]): Those asked for; others in the file do no
            harm.
        names (Sequence[str]): Of all images.

    Returns:
        tuple: Of each class its images, and the seed.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it has another form, or names what is not there.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(
            f'{path} (`exemplar_file`) does not exist. Write it with '
            '`python tools/dataset_converters/choose_exemplars.py CONFIG '
            f'{path}`, or leave it out to choose by `seed`.')
    try:
        data: Mapping[str, Any] = json.loads(path.read_text())
        seed = int(data['seed'])
        chosen = {str(name): tuple(map(str, images))
                  for name, images in data['classes'].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f'{path} is no list of examples ({type(error).__name__}: {error})'
            ': {"seed": 0, "classes": {"water": ["a_0_512", ...], ...}}.'
        ) from None
    absent = [name for name in classes if name not in chosen]
    unknown = sorted({i for n in classes for i in chosen.get(n, ())} -
                     set(names))
    if absent or unknown:
        raise DataError(
            f'{path}: no entry for the classes {absent}; images that the data '
            f'set of `exemplars` lacks: {unknown[:5]}. Was it written for '
            'another data set or split?')
    return {name: chosen[name] for name in classes}, seed
