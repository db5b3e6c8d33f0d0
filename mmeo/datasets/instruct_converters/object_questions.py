# Copyright (c) mmeo contributors. All rights reserved.
"""Questions about annotated objects, whatever file they came from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mmeo.datasets.instruct_converters.items import (
    Item,
    Option,
    Sample,
    Unusable,
)
from mmeo.datasets.instruct_converters.wording import Wording

KINDS = ('refer', 'ground', 'identify', 'count', 'presence')
_TASKS = dict(refer='VG', ground='VG', identify='REF', count='VQA',
              presence='VQA')
# An extreme object must stand out by this share of the image side.
_MARGIN = 0.05

OBJECT_OPTIONS = (
    Option('--kinds', 'comma-separated: refer, ground, identify, count, '
           'presence', default=','.join(KINDS)),
    Option('--per-image', 'questions for each image at most', 5, type=int),
    Option('--max-boxes', 'boxes in one answer at most', 20, type=int))


@dataclass
class Annotated:
    """Objects of one image.

    Attributes:
        image (str): Path relative to the image root.
        size (tuple[int, int]): Height and width in pixels.
        objects (list): ``(name, [x1, y1, x2, y2])`` in pixels.
        vague (set[str]): Classes with crowd regions, which cannot be counted
            or listed.
        notes (tuple[str, ...]): What was mended.
    """

    image: str
    size: tuple[int, int]
    objects: list[tuple[str, list[float]]]
    vague: set[str] = field(default_factory=set)
    notes: tuple[str, ...] = ()


def object_questions(item: Annotated, classes: Sequence[str],
                     wording: Wording, kinds: Sequence[str], per_image: int,
                     max_boxes: int) -> Iterator[Item]:
    """Up to ``per_image`` questions, the kinds taking turns.

    Args:
        item (Annotated): The image.
        classes (Sequence[str]): All classes, for questions about absent ones.
        wording (Wording): Templates.
        kinds (Sequence[str]): Of :data:`KINDS`.
        per_image (int): Questions at most.
        max_boxes (int): Longer box lists are left out and counted.
    """
    groups: dict[str, list[list[float]]] = {}
    for name, box in item.objects:
        groups.setdefault(name, []).append(box)
    absent = [name for name in classes
              if name not in groups and name not in item.vague]
    # As many absent classes as present ones, so that no answer dominates.
    absent = wording.choose(f'absent:{item.image}', absent,
                            max(len(groups), 1))
    queues = []
    for kind in kinds:
        candidates = _CANDIDATES[kind](item, groups, absent)
        queues.append([(kind, c) for c in wording.choose(
            f'{kind}:{item.image}', candidates, len(candidates))])
    order = [entry for turn in range(max(map(len, queues), default=0))
             for entry in (q[turn] for q in queues if len(q) > turn)]
    for number, (kind, candidate) in enumerate(order[:per_image]):
        key = f'{item.image}_{kind}{number}'
        try:
            question, answer, notes = _turn(kind, candidate, key, item,
                                            wording, max_boxes)
        except Unusable as error:
            yield error.drop(f'{item.image}: {kind} {candidate[0]!r}')
            continue
        yield Sample(key, (item.image, ), ((question, answer), ),
                     tuple(dict.fromkeys((*item.notes, *notes))),
                     task=_TASKS[kind], truth=_truth(kind, candidate))


def _truth(kind: str, candidate: tuple) -> dict:
    name, value = candidate
    if kind in ('count', 'presence'):
        return dict(question_type=kind)
    if kind == 'identify':
        return dict(references=[name])
    return dict(boxes=[list(map(float, box)) for box in value],
                unique=len(value) == 1)


def _turn(kind: str, candidate: tuple, key: str, item: Annotated,
          wording: Wording,
          max_boxes: int) -> tuple[str, str, tuple[str, ...]]:
    name, value = candidate
    if kind == 'identify':
        box, notes = wording.boxes([value], item.size)
        return wording.say(kind, key, box=box), name, notes
    if kind in ('count', 'presence'):
        answer = (wording.say('yes' if value else 'no', key)
                  if kind == 'presence' else str(value))
        return wording.say(kind, key, name=name), answer, ()
    if len(value) > max_boxes:
        raise Unusable('too many boxes for one answer (--max-boxes)',
                       flaw=False)
    text, notes = wording.boxes(value, item.size, name)
    if kind == 'refer':
        return wording.say(kind, key, phrase=name), text, notes
    return wording.say(kind, key, name=name), text, notes


def _exact(item: Annotated, groups: dict) -> dict:
    return {n: boxes for n, boxes in groups.items() if n not in item.vague}


def _refer(item: Annotated, groups: dict, absent: list[str]) -> list:
    """Objects that one phrase singles out: the only one, or an extreme."""
    found = []
    height, width = item.size
    for name, boxes in _exact(item, groups).items():
        if len(boxes) == 1:
            found.append((f'the {name}', boxes))
            continue
        for word, axis, sign, side in (('leftmost', 0, 1, width),
                                       ('rightmost', 0, -1, width),
                                       ('topmost', 1, 1, height),
                                       ('bottommost', 1, -1, height)):
            centres = sorted((sign * (box[axis] + box[axis + 2]) / 2, i)
                             for i, box in enumerate(boxes))
            if centres[1][0] - centres[0][0] >= _MARGIN * side:
                found.append((f'the {word} {name}', [boxes[centres[0][1]]]))
    return found


def _ground(item: Annotated, groups: dict, absent: list[str]) -> list:
    return list(_exact(item, groups).items())


def _identify(item: Annotated, groups: dict, absent: list[str]) -> list:
    return [entry for entry in item.objects if entry[0] not in item.vague]


def _count(item: Annotated, groups: dict, absent: list[str]) -> list:
    """Present classes, and one absent class whose number is 0."""
    return [(n, len(b)) for n, b in _exact(item, groups).items()] + [
        (name, 0) for name in absent[:1]]


def _presence(item: Annotated, groups: dict, absent: list[str]) -> list:
    present = sorted({*groups, *item.vague})[:1 + len(absent)]
    return [(name, True) for name in present] + [
        (name, False) for name in absent]


_CANDIDATES = dict(refer=_refer, ground=_ground, identify=_identify,
                   count=_count, presence=_presence)
