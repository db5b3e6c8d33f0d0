# Copyright (c) mmeo contributors. All rights reserved.
"""What is drawn for an episode. Pure functions of a random generator."""

from collections.abc import Mapping, Sequence
from typing import Optional, Union

import numpy as np

from mmeo.errors import ConfigError
from mmeo.structures import PROMPT_KINDS

Rng = np.random.Generator


def check_shots(shots: Union[int, Sequence[int]]) -> tuple[int, int]:
    """Least and greatest number of shots.

    Raises:
        ConfigError: If these are no numbers from 1 in order.
    """
    low, high = (shots, shots) if isinstance(shots, int) else tuple(shots)
    if not 1 <= low <= high:
        raise ConfigError(f'shots={shots!r}: give 1 or more, or (least, '
                          'most)')
    return low, high


def check_kinds(kinds: Mapping[str, float]) -> tuple[tuple[str, ...],
                                                      np.ndarray]:
    """Prompt kinds and their shares, which sum to 1.

    Raises:
        ConfigError: If a kind is unknown or no share is positive.
    """
    unknown = set(kinds) - set(PROMPT_KINDS)
    weights = np.array([float(w) for w in kinds.values()])
    if unknown or not len(weights) or (weights < 0).any() or not weights.sum():
        raise ConfigError(f'prompt_kinds={dict(kinds)!r}: give shares of '
                          f'{PROMPT_KINDS}, as dict(mask=.6, box=.2, '
                          'point=.2)')
    return tuple(kinds), weights / weights.sum()


def draw_classes(present: Sequence[int], allowed: Sequence[int],
                 num_classes: int, negatives: Union[bool, str],
                 subset_prob: float, rng: Rng) -> tuple[int, ...]:
    """Classes that an episode asks for.

    Args:
        present (Sequence[int]): In the target, at least one.
        allowed (Sequence[int]): All that may be asked for.
        num_classes (int): At most so many.
        negatives (bool | str): True fills up with classes that are not in
            the target, 'random' adds any number of them, False none.
        subset_prob (float): Probability that only some of the present
            classes are asked for, so that there are pixels of none.
        rng (np.random.Generator): Source.

    Returns:
        tuple[int]: Ids in increasing order.
    """
    most = min(len(present), num_classes)
    keep = most
    if rng.random() < subset_prob:
        keep = int(rng.integers(1, most + 1))
    chosen = rng.permutation(present)[:keep].tolist()
    absent = [i for i in allowed if i not in set(present)]
    room = min(num_classes - len(chosen), len(absent))
    if negatives == 'random':
        room = int(rng.integers(0, room + 1))
    elif not negatives:
        room = 0
    chosen += rng.permutation(absent)[:room].astype(int).tolist()
    return tuple(sorted(chosen))


def draw_image(candidates: np.ndarray, counts: np.ndarray,
               wanted: Sequence[int], least: int, tries: int,
               rng: Rng) -> Optional[int]:
    """Of some images drawn the one that shows most of the classes.

    Args:
        candidates (np.ndarray): Images that may be taken.
        counts (np.ndarray): ``(images, classes)`` pixels.
        wanted (Sequence[int]): Classes to be shown.
        least (int): Pixels that make an example of a class.
        tries (int): So many images are drawn.
        rng (np.random.Generator): Source.

    Returns:
        int, optional: None if there is no candidate.
    """
    if not len(candidates):
        return None
    drawn = rng.choice(candidates, min(tries, len(candidates)),
                       replace=False)
    shows = (counts[np.ix_(drawn, list(wanted))] >= least).sum(1)
    return int(drawn[shows.argmax()])


def order_wanted(positives: Sequence[int], covered: Sequence[int],
                 rng: Rng) -> list[int]:
    """Classes to look for an example of: first those that have none yet."""
    order = rng.permutation(list(positives)).astype(int).tolist()
    return sorted(order, key=lambda i: i in set(covered))
