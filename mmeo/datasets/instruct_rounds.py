# Copyright (c) mmeo contributors. All rights reserved.
"""Several dialogues about one image as one."""

from collections.abc import Hashable, Sequence
from typing import Optional

from mmeo.codecs import IMAGE_PLACEHOLDER, granularity_of


def rounds_of(sample: dict) -> tuple[Optional[Hashable], int]:
    """What :func:`group_rounds` needs to know of a sample.

    Args:
        sample (dict): Of :func:`~mmeo.datasets.instruct_records.read_sample`.

    Returns:
        tuple: Key of the images and of the granularity of the questions (an
        expert serves a whole dialogue), None where the dialogue must stay
        alone (no image, or a system turn of its own), and the number of
        questions.
    """
    key = joins_with(sample)
    return key and hash(key), len(sample['conversations']) // 2


def joins_with(sample: dict) -> Optional[tuple]:
    """What dialogues must share to be joined; None for one that stays alone.

    The text of it is the same in all processes, its hash is not.
    """
    turns = sample['conversations']
    if not sample['img_paths'] or _role(turns[0]) == 'system':
        return None
    levels = {granularity_of(_text(turn), strict=False)
              for turn in turns if _role(turn) in ('human', 'user')}
    return (*sample['img_paths'], *sorted(levels))


def group_rounds(keys: Sequence[tuple[Optional[Hashable], int]],
                 max_rounds: int) -> list[list[int]]:
    """Which dialogues to join, in file order.

    Args:
        keys (Sequence[tuple]): Of :func:`rounds_of`, one per dialogue.
        max_rounds (int): Questions of a joint dialogue at most; a dialogue
            that has more of its own is not split.

    Returns:
        list[list[int]]: Members of each group; every dialogue is in one.
    """
    groups: list[list[int]] = []
    open_groups: dict[Hashable, tuple[list[int], int]] = {}
    for i, (key, rounds) in enumerate(keys):
        group, taken = open_groups.get(key, (None, 0))
        if key is None or group is None or taken + rounds > max_rounds:
            group, taken = [], 0
            groups.append(group)
        group.append(i)
        if key is not None:
            open_groups[key] = group, taken + rounds
    return groups


def join_samples(samples: Sequence[dict]) -> dict:
    """One dialogue out of several about the same images.

    One pass of the vision tower then serves several questions (LLaVA 1.5
    does this to its VQA data).

    Args:
        samples (Sequence[dict]): Members of a group; they are not changed.

    Returns:
        dict: The first sample with the turns of all.
    """
    turns = list(samples[0]['conversations'])
    for sample in samples[1:]:
        turns += [_without_images(turn) for turn in sample['conversations']]
    return dict(samples[0], conversations=turns)


def merge_rounds(samples: Sequence[dict], max_rounds: int) -> list[dict]:
    """Join dialogues about the same images, in file order.

    Args:
        samples (Sequence[dict]): Of
            :func:`~mmeo.datasets.instruct_records.read_sample`.
        max_rounds (int): See :func:`group_rounds`.

    Returns:
        list[dict]: Fewer, longer samples; every question is kept once.
    """
    groups = group_rounds([rounds_of(sample) for sample in samples],
                          max_rounds)
    return [join_samples([samples[i] for i in group]) for group in groups]


def _role(turn: dict) -> str:
    return turn.get('from', turn.get('role'))


def _text(turn: dict) -> str:
    return turn.get('value', turn.get('content', ''))


def _without_images(turn: dict) -> dict:
    key = 'value' if 'value' in turn else 'content'
    text = turn[key].replace(IMAGE_PLACEHOLDER, '').strip()
    return {**turn, key: text}
