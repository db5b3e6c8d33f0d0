# Copyright (c) mmeo contributors. All rights reserved.
"""Classes of an episode on a level of their hierarchy. Pure functions."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mmeo.errors import ConfigError
from mmeo.structures import NO_LABEL, OTHER_LABEL


class MergedClasses(NamedTuple):
    """The classes that are left when siblings are one class.

    Args:
        names (tuple[str, ...]): Of the M merged classes, in the order in
            which the episode first names a member.
        lookup (Tensor): ``(256, )`` uint8, id of the data set to number of
            the merged class, 254 for all other classes, 255 unlabelled.
        groups (tuple[int, ...]): Of each class of the episode the number of
            its merged class.
    """

    names: tuple[str, ...]
    lookup: Tensor
    groups: tuple[int, ...]

    def shown_in(self, classes: Sequence[int]) -> set[int]:
        """Merged classes that have a member among ids of the data set."""
        return set(self.lookup[list(classes)].tolist()) - {OTHER_LABEL}


def merge_classes(class_paths: Sequence[Sequence[str]],
                  episode: Sequence[int], level: int) -> MergedClasses:
    """Merge all classes of a data set that have one ancestor on a level.

    A merged class covers all its members, also those that the episode does
    not ask for: an example of water shows rivers as well as lakes. Ids 254
    (labelled, never asked for) and 255 (unlabelled) stay what they are.

    Args:
        class_paths (Sequence[Sequence[str]]): Of each class of the data set
            its names from the coarsest level to the leaf.
        episode (Sequence[int]): Ids of the classes asked for.
        level (int): 0 the coarsest, -1 the leaves. A path that is shorter
            stays at its leaf.

    Returns:
        MergedClasses: See there.

    Raises:
        ConfigError: If an id is none of the data set.
    """
    unknown = [i for i in episode if not 0 <= i < len(class_paths)]
    if unknown:
        raise ConfigError(f'the episode asks for the class ids {unknown}, but '
                          f'the data set has {len(class_paths)} classes, '
                          'counted from 0')
    ancestors = [path[level] if level < len(path) else path[-1]
                 for path in class_paths]
    names = tuple(dict.fromkeys(ancestors[i] for i in episode))
    number = {name: i for i, name in enumerate(names)}
    lookup = torch.full((256, ), OTHER_LABEL, dtype=torch.uint8)
    lookup[:len(ancestors)] = torch.tensor(
        [number.get(name, OTHER_LABEL) for name in ancestors],
        dtype=torch.uint8)
    lookup[NO_LABEL] = NO_LABEL
    return MergedClasses(names, lookup,
                         tuple(number[ancestors[i]] for i in episode))


def merge_labels(label: Tensor, merged: MergedClasses) -> Tensor:
    """Ids of the data set as numbers of merged classes.

    Args:
        label (Tensor): Any shape, integer, ids 0 to 255.
        merged (MergedClasses): Of :func:`merge_classes`.

    Returns:
        Tensor: uint8 of the same shape.
    """
    return merged.lookup.to(label.device)[label.long()]


def class_masks(label: Tensor, merged: MergedClasses,
                shown: Sequence[int]) -> Tensor:
    """Where an example shows each merged class.

    Args:
        label (Tensor): ``(h, w)`` integer, ids of the data set.
        merged (MergedClasses): Of :func:`merge_classes`.
        shown (Sequence[int]): Ids of the data set that the image is an
            example of; a merged class without one among them has no pixel.

    Returns:
        Tensor: ``(M, h, w)`` bool.
    """
    numbers = merge_labels(label, merged)
    masks = numbers == torch.arange(
        len(merged.names), dtype=torch.uint8,
        device=label.device)[:, None, None]
    allowed = merged.shown_in(shown)
    for number in range(len(merged.names)):
        if number not in allowed:
            masks[number] = False
    return masks


def merge_masks(masks: Tensor, merged: MergedClasses) -> Tensor:
    """Union of the masks of classes that became one.

    Args:
        masks (Tensor): ``(N, h, w)`` bool, in the order of the episode.
        merged (MergedClasses): Of :func:`merge_classes`.

    Returns:
        Tensor: ``(M, h, w)`` bool.
    """
    out = masks.new_zeros((len(merged.names), *masks.shape[1:]))
    for mask, group in zip(masks, merged.groups):
        out[group] |= mask
    return out


def synonyms_of(names: Sequence[str], synonyms: dict[str, Sequence[str]],
                prob: float, rng) -> tuple[str, ...]:
    """Say some classes by another name; no two get the same.

    Args:
        names (Sequence[str]): Distinct.
        synonyms (dict[str, Sequence[str]]): Name to others.
        prob (float): Of another name, 0 to 1.
        rng (np.random.Generator): Asked twice for each name, whatever the
            outcome.

    Returns:
        tuple[str]: In the same order.
    """
    taken = {name.casefold() for name in names}
    said = []
    for name in names:
        change, choice = rng.random(2)
        free = [other for other in synonyms.get(name, ())
                if other.casefold() not in taken]
        if free and change < prob:
            name = free[int(choice * len(free))]
            taken.add(name.casefold())
        said.append(name)
    return tuple(said)
