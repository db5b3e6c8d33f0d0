# Copyright (c) mmeo contributors. All rights reserved.
"""Merged classes are the union of all members, in labels and masks alike."""

import numpy as np
import pytest
import torch

from mmeo.errors import ConfigError
from mmeo.models.in_context.class_merging import (
    class_masks,
    merge_classes,
    merge_labels,
    merge_masks,
    synonyms_of,
)

# Three levels; the last leaf hangs on the first and is repeated.
PATHS = (('water', 'inland', 'river'), ('water', 'inland', 'lake'),
         ('water', 'sea', 'harbour'), ('plants', 'forest', 'oak'),
         ('plants', 'forest', 'pine'), ('plants', 'grass', 'lawn'),
         ('road', 'road', 'road'))


def naive_masks(label, episode, level, shown):
    """A loop over pixels and names, as the definition reads."""
    names = []
    for i in episode:
        if PATHS[i][level] not in names:
            names.append(PATHS[i][level])
    examples = {PATHS[i][level] for i in shown}
    masks = np.zeros((len(names), *label.shape), bool)
    numbers = np.full(label.shape, 254)
    for y, x in np.ndindex(label.shape):
        if label[y, x] == 255:
            numbers[y, x] = 255
        elif label[y, x] < 254:
            name = PATHS[label[y, x]][level]
            if name in names:
                numbers[y, x] = names.index(name)
                if name in examples:
                    masks[names.index(name), y, x] = True
    return names, numbers, masks


@pytest.mark.parametrize('level', [0, 1, 2, -1])
@pytest.mark.parametrize('seed', range(5))
def test_equals_a_loop_over_pixels(level: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = [*range(len(PATHS)), 254, 255]
    label = rng.choice(ids, (9, 11)).astype(np.uint8)
    episode = rng.permutation(len(PATHS))[:4].tolist()
    shown = rng.permutation(len(PATHS))[:3].tolist()
    names, numbers, masks = naive_masks(label, episode, level, shown)
    merged = merge_classes(PATHS, episode, level)
    assert list(merged.names) == names
    found = merge_labels(torch.from_numpy(label), merged)
    assert (found.numpy() == numbers).all()
    found = class_masks(torch.from_numpy(label), merged, shown)
    assert (found.numpy() == masks).all()


def test_siblings_outside_of_the_episode_belong_to_the_class() -> None:
    """An example of a lake shows water when rivers are asked for."""
    label = torch.tensor([[0, 1, 2, 3]])
    leaf = merge_classes(PATHS, (0, 3), -1)
    assert merge_labels(label, leaf).tolist() == [[0, 254, 254, 1]]
    assert not class_masks(label, leaf, shown=(1, 2)).any()
    coarse = merge_classes(PATHS, (0, 3), 0)
    assert merge_labels(label, coarse).tolist() == [[0, 0, 0, 1]]
    masks = class_masks(label, coarse, shown=(1, ))
    assert masks.tolist() == [[[True, True, True, False]], [[False] * 4]]


def test_masks_of_a_person_are_united() -> None:
    masks = torch.eye(3, dtype=torch.bool)[:, None]  # (3, 1, 3)
    merged = merge_classes(PATHS, (0, 3, 1), 0)
    assert merge_masks(masks, merged).tolist() == [
        [[True, False, True]], [[False, True, False]]]


def test_never_asked_and_unlabelled_pixels_stay() -> None:
    merged = merge_classes(PATHS, range(7), 0)
    assert merged.lookup[254] == 254 and merged.lookup[255] == 255
    assert merged.lookup[100] == 254


def test_unknown_ids_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'ids \[9\].*7 classes'):
        merge_classes(PATHS, (0, 9), 0)


def test_no_two_classes_get_one_name() -> None:
    table = {'car': ('vehicle', ), 'lorry': ('vehicle', 'Car'),
             'bus': ('coach', )}
    for seed in range(20):
        said = synonyms_of(('car', 'lorry', 'bus'), table, 1.,
                           np.random.default_rng(seed))
        assert said == ('vehicle', 'lorry', 'coach')
    rng = np.random.default_rng(0)
    assert synonyms_of(('bus', ), table, 0., rng) == ('bus', )
    shares = [synonyms_of(('bus', ), table, .3, rng) == ('coach', )
              for _ in range(2000)]
    assert abs(np.mean(shares) - 0.3) < 0.04
