# Copyright (c) mmeo contributors. All rights reserved.
"""Expressions that fit one object, and words for what is in a box."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from mmeo.codecs import encode_boxes
from mmeo.datasets.synthetic.dialogues.items import Item, with_article
from mmeo.datasets.synthetic.dialogues.view import Seen, View
from mmeo.datasets.synthetic.text import WORDS, region

_EXPRESSIONS = 3  # of a scene, at most
_APART = .05  # of the image: nearer ones are not the leftmost
_LARGER = .2  # of its area: a narrower lead is not the largest


def region_items(view: View, rng: Random) -> list[Item]:
    """Grounding of some expressions and the name of one box.

    Args:
        view (View): The scene.
        rng (Random): Random source.
    """
    items = [Item('VG', phrase, box_text(item.box, view.size),
                  dict(boxes=[item.box], unique=only))
             for phrase, item, only in _chosen(view, rng)]
    clear = [item for item in view.first if item.clear]
    if clear:
        kind = rng.choice(sorted({item.kind for item in clear}))
        item = rng.choice([item for item in clear if item.kind == kind])
        answer = with_article(description(item))
        items.append(Item(
            'REF', f'What is in the region '
            f'{box_text(item.box, view.size)}?', answer,
            dict(references=[answer])))
    return items


def box_text(box: Sequence[float], size: int) -> str:
    """``[x1, y1, x2, y2]``, integers from 0 to 100."""
    return encode_boxes([box], (size, size), dialect='rsunivlm')


def description(item: Seen) -> str:
    """``white plane``, ``building with a red roof``."""
    word = WORDS[item.kind][0]
    if not item.colour:
        return word
    if item.kind == 'building':
        return f'{word} with {with_article(item.colour)} roof'
    return f'{item.colour} {word}'


def _chosen(view: View, rng: Random) -> list[tuple[str, Seen, bool]]:
    """Some expressions, of different objects first."""
    found = expressions(view.first, view.size)
    rng.shuffle(found)
    seen: list[int] = []
    found.sort(key=lambda one: _count_up(seen, id(one[1])))
    return found[:_EXPRESSIONS]


def _count_up(seen: list[int], key: int) -> int:
    """How often a key was seen before."""
    seen.append(key)
    return seen.count(key) - 1


def expressions(objects: Sequence[Seen], size: int
                ) -> list[tuple[str, Seen, bool]]:
    """Expressions that fit exactly one of the objects.

    All objects of a kind are compared, also those too small to ask about.

    Args:
        objects (Sequence[Seen]): Of one date.
        size (int): Side of the image in pixels.

    Returns:
        list[tuple]: Expression, object, and whether it is the only one of
        its kind.
    """
    groups: dict[str, list[Seen]] = {}
    for item in objects:
        groups.setdefault(item.kind, []).append(item)
    found = []
    for kind, group in groups.items():
        if len(group) == 1:
            found.append((f'the only {WORDS[kind][0]} in the image',
                          group[0], True))
        else:
            found += [(phrase, item, False) for phrase, item
                      in [*_by_look(group), *_by_place(group, size),
                          *_by_order(group, size)]]
    return [one for one in found if one[1].clear]


def _by_look(group: Sequence[Seen]) -> list[tuple[str, Seen]]:
    colours = Counter(item.colour for item in group)
    return [(f'the {description(item)}', item) for item in group
            if item.colour and colours[item.colour] == 1]


def _by_place(group: Sequence[Seen], size: int) -> list[tuple[str, Seen]]:
    where = [region(tuple(item.box), size) for item in group]
    places = Counter(where)
    return [(f'the {WORDS[item.kind][0]} in the {place} of the image', item)
            for item, place in zip(group, where) if places[place] == 1]


def _by_order(group: Sequence[Seen], size: int) -> list[tuple[str, Seen]]:
    found = []
    for word, key in (('leftmost', lambda box: box[0] + box[2]),
                      ('rightmost', lambda box: -box[0] - box[2]),
                      ('largest', lambda box: -area(box))):
        first, second = sorted(group, key=lambda i: key(i.box))[:2]
        margin = _LARGER * area(first.box) if word == 'largest' else \
            2 * _APART * size
        if key(second.box) - key(first.box) > margin:
            found.append((f'the {word} {WORDS[first.kind][0]}', first))
    return found


def area(box: Sequence[float]) -> float:
    """Square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])
