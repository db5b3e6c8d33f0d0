# Copyright (c) mmeo contributors. All rights reserved.
"""Captions, questions, referring expressions and change captions.

Every answer is derived from annotations and label maps, never from the plan,
so that it can be counted again from the files. Boxes are written as InternVL
does: integers from 0 to 1000 relative to the image.
"""

from collections import Counter
from random import Random

import numpy as np

from mmeo.datasets.synthetic.annotations import Instance
from mmeo.datasets.synthetic.classes import (
    LEAVES,
    LOVEDA_CLASSES,
    leaves_of,
)

WORDS = {
    'plane': ('plane', 'planes'), 'ship': ('ship', 'ships'),
    'small-vehicle': ('small vehicle', 'small vehicles'),
    'large-vehicle': ('large vehicle', 'large vehicles'),
    'helicopter': ('helicopter', 'helicopters'),
    'storage-tank': ('storage tank', 'storage tanks'),
    'tennis-court': ('tennis court', 'tennis courts'),
    'basketball-court': ('basketball court', 'basketball courts'),
    'soccer-ball-field': ('soccer field', 'soccer fields'),
    'baseball-diamond': ('baseball diamond', 'baseball diamonds'),
    'ground-track-field': ('ground track field', 'ground track fields'),
    'roundabout': ('roundabout', 'roundabouts'),
    'harbor': ('harbor', 'harbors'), 'bridge': ('bridge', 'bridges'),
    'swimming-pool': ('swimming pool', 'swimming pools'),
    'building': ('building', 'buildings'),
}
URBAN_SHARE = .35
_BUILT = np.zeros(len(LEAVES) + 1, bool)
_BUILT[list(leaves_of('built-up') + leaves_of('transport'))] = True
_SHORT = 'Answer with a single word or number.'


def is_urban(leaves: np.ndarray) -> bool:
    """Built-up and transport leaves cover at least 35 % of the image."""
    return bool(_BUILT[leaves].mean() >= URBAN_SHARE)


def counted(name: str, count: int) -> str:
    """``3 ships``, ``1 plane``."""
    return f'{count} {WORDS[name][count != 1]}'


def box_text(box: tuple[float, float, float, float], size: int) -> str:
    """``[x1, y1, x2, y2]`` in thousandths of the image."""
    return '[' + ', '.join(
        str(min(1000, max(0, round(v / size * 1000)))) for v in box) + ']'


def region(box: tuple[float, float, float, float], size: int) -> str:
    """Where a box lies, in words."""
    x, y = (box[0] + box[2]) / 2 / size, (box[1] + box[3]) / 2 / size
    row = 'top' if y < 1 / 3 else 'bottom' if y > 2 / 3 else ''
    col = 'left' if x < 1 / 3 else 'right' if x > 2 / 3 else ''
    return ' '.join(p for p in (row, col) if p) or 'center'


def caption(rng: Random, theme: str, instances: list[Instance],
            legend: np.ndarray) -> str:
    """A few sentences on cover and objects."""
    share = np.bincount(legend.ravel(), minlength=8)[1:] / legend.size
    order = [i for i in np.argsort(-share, kind='stable')
             if share[i] > .04 and LOVEDA_CLASSES[i] != 'background']
    opening = rng.choice(['An aerial image of {}', 'This scene shows {}',
                          'A satellite view of {}'])
    article = 'an' if theme[0] in 'aeiou' else 'a'
    text = opening.format(f'{article} {theme}') + '.'
    if order:
        names = [f'{LOVEDA_CLASSES[i]} ({round(share[i] * 100)}%)'
                 for i in order[:3]]
        text += f' The land is mostly covered by {_join(names)}.'
    counts = Counter(item.name for item in instances)
    if counts:
        parts = [counted(name, n) for name, n in counts.most_common(5)]
        text += f' It contains {_join(parts)}.'
    return text


def _join(parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return ', '.join(parts[:-1]) + ' and ' + parts[-1]


def questions(rng: Random, instances: list[Instance], leaves: np.ndarray,
              legend: np.ndarray) -> list[tuple[str, str]]:
    """Presence, count, comparison, rural or urban, and area questions."""
    counts = Counter(item.name for item in instances)
    present = sorted(counts)
    absent = [name for name in WORDS if name not in counts]
    pairs = []
    for name in ([rng.choice(present)] if present else []) + \
            [rng.choice(absent)]:
        question = rng.choice(['Is there a {} in the image?',
                               'Does the image contain a {}?'])
        pairs.append((f'{question.format(WORDS[name][0])} {_SHORT}',
                      'yes' if counts[name] else 'no'))
    for name in rng.sample(present, min(2, len(present))):
        question = rng.choice(['How many {} are there in the image?',
                               'What is the number of {} in the image?'])
        pairs.append((f'{question.format(WORDS[name][1])} {_SHORT}',
                      str(counts[name])))
    first, second = rng.sample(list(WORDS), 2) if len(present) < 2 \
        else rng.sample(present, 2)
    pairs.append((f'Are there more {WORDS[first][1]} than '
                  f'{WORDS[second][1]}? {_SHORT}',
                  'yes' if counts[first] > counts[second] else 'no'))
    pairs.append((f'Is this a rural or an urban area? {_SHORT}',
                  'urban' if is_urban(leaves) else 'rural'))
    share = np.bincount(legend.ravel(), minlength=8)[1:] / legend.size
    kind = rng.choice([i for i in range(7) if share[i] > 0])
    pairs.append((
        f'What percentage of the image is covered by '
        f'{LOVEDA_CLASSES[kind]}? Answer with a whole number of percent.',
        f'{round(share[kind] * 100)}%'))
    pairs.append(('Which land cover class takes the largest part of the '
                  'image: ' + ', '.join(LOVEDA_CLASSES) +
                  '? Answer with one of them.',
                  LOVEDA_CLASSES[int(share.argmax())]))
    return pairs


def cover_grid(legend: np.ndarray, cells: int = 8) -> tuple[str, str]:
    """The label map as words: the commonest class of each cell.

    Args:
        legend (ndarray): ``(H, W)`` ids of the LoveDA legend.
        cells (int): Cells along each side. Defaults to 8.

    Returns:
        tuple[str, str]: Question, and ``cells ** 2`` words row by row.
    """
    words = []
    for row in np.array_split(legend, cells, 0):
        for cell in np.array_split(row, cells, 1):
            count = np.bincount(cell.ravel(), minlength=8)[1:]
            words.append(LOVEDA_CLASSES[int(count.argmax())])
    return (f'Name the land cover in each cell of a grid of {cells} x {cells} '
            'cells, row by row.', ' '.join(words))


def referring(rng: Random, instances: list[Instance], size: int
              ) -> list[tuple[str, Instance]]:
    """Expressions that fit exactly one object each."""
    found = []
    by_name: dict[str, list[Instance]] = {}
    for item in instances:
        by_name.setdefault(item.name, []).append(item)
    for name, group in by_name.items():
        word = WORDS[name][0]
        if len(group) == 1:
            found.append((f'the only {word} in the image', group[0]))
            continue
        by_colour = Counter(item.colour for item in group)
        places = Counter(region(item.box, size) for item in group)
        for item in group:
            where = region(item.box, size)
            if item.colour and by_colour[item.colour] == 1:
                phrase = f'the {word} with a {item.colour} roof' \
                    if name == 'building' else f'the {item.colour} {word}'
                found.append((phrase, item))
            elif places[where] == 1:
                found.append((f'the {word} in the {where} of the image',
                              item))
        for key, phrase in ((lambda i: i.box[0] + i.box[2], 'leftmost'),
                            (lambda i: -i.box[0] - i.box[2], 'rightmost'),
                            (lambda i: -i.area, 'largest')):
            first, second = sorted(group, key=key)[:2]
            # Within a twentieth of the image nobody could tell.
            margin = .05 * size if phrase != 'largest' else .2 * first.area
            if abs(key(first) - key(second)) > margin:
                found.append((f'the {phrase} {word}', first))
    rng.shuffle(found)
    return found


def grounding(rng: Random, instances: list[Instance], size: int
              ) -> list[tuple[str, str]]:
    """Box from expression, class from box, and all boxes of a class."""
    pairs = []
    phrases = referring(rng, instances, size)
    for phrase, item in phrases[:2]:
        pairs.append((
            'Please provide the bounding box coordinates of the region this '
            f'sentence describes: <ref>{phrase}</ref>',
            f'<ref>{phrase}</ref><box>[{box_text(item.box, size)}]</box>'))
    if instances:
        item = rng.choice(instances)
        pairs.append((
            'What object is in the region '
            f'<box>[{box_text(item.box, size)}]</box>? Answer with its '
            'name.', WORDS[item.name][0]))
    counts = Counter(item.name for item in instances)
    some = [name for name in sorted(counts) if counts[name] <= 12]
    if some:
        name = rng.choice(some)
        word = WORDS[name][1]
        boxes = ', '.join(box_text(item.box, size) for item in instances
                          if item.name == name)
        pairs.append((f'Detect all {word} in the image.',
                      f'<ref>{word}</ref><box>[{boxes}]</box>'))
    return pairs


def change_caption(added: list[Instance], removed: list[Instance],
                   size: int) -> str:
    """What happened to the buildings between two dates."""
    if not added and not removed:
        return 'No building has changed between the two images.'
    parts = []
    for items, verb in ((added, 'appeared'), (removed, 'disappeared')):
        if items:
            places = sorted({region(item.box, size) for item in items})
            have = 'has' if len(items) == 1 else 'have'
            parts.append(f'{counted("building", len(items))} {have} {verb} '
                         f'in the {_join(places)}')
    return ('; '.join(parts) + '.').capitalize()
