# Copyright (c) mmeo contributors. All rights reserved.
"""Questions about a whole image, its scene class and its description."""

from collections import Counter
from random import Random

from mmeo.datasets.synthetic.dialogues.items import (
    Item,
    balanced,
    join,
    with_article,
)
from mmeo.datasets.synthetic.dialogues.view import COVERS, KINDS, View
from mmeo.datasets.synthetic.scenes import THEMES
from mmeo.datasets.synthetic.text import WORDS, counted

# Share of scenes of 256 pixels that show each; at other sizes `yes` and `no`
# are less even.
RATES = {
    'building': .79, 'large-vehicle': .43, 'roundabout': .18, 'ship': .16,
    'soccer-ball-field': .16, 'storage-tank': .13, 'plane': .11,
    'bridge': .11, 'swimming-pool': .10, 'basketball-court': .10,
    'harbor': .09, 'tennis-court': .08, 'water': .24, 'agriculture': .23,
    'barren': .42,
}
# Covers as objects to be present, and kinds that come in various numbers.
_ASKED_COVERS = ('water', 'agriculture', 'barren')
_COUNTED = ('building', 'large-vehicle', 'ship', 'storage-tank', 'plane')
# No pair of these is a foregone conclusion.
_COMPARED = ('building', 'water', 'barren', 'forest', 'agriculture')
_CLEAR_SHARE = .02  # of the image: less is neither yes nor no
_MARGIN = .05  # of the image: closer shares are not compared

CLASS_PROMPT = ('Choose the best category describe the image from: '
                f'{", ".join(THEMES)}. Only output the category.')
CAPTION_PROMPT = 'Describe this image briefly.'


def image_items(view: View, rng: Random) -> list[Item]:
    """All questions about an image, in random order.

    Args:
        view (View): The scene.
        rng (Random): Random source.
    """
    items = [*_presence(view, rng), *_counts(view), *_comparison(view, rng),
             _rural_or_urban(view), _scene_class(view), _caption(view, rng)]
    rng.shuffle(items)
    return items


def _vqa(kind: str, question: str, answer: str) -> Item:
    return Item('VQA', question, answer, dict(question_type=kind))


def _presence(view: View, rng: Random) -> list[Item]:
    """Is there one? Things too small to tell are not asked for."""
    shown = {item.kind for item in view.first if item.clear}
    hinted = {item.kind for item in view.first}
    shares = dict(zip(COVERS, view.shares))
    known = {kind: kind in shown for kind in KINDS
             if kind in shown or kind not in hinted}
    known |= {name: shares[name] > 0 for name in _ASKED_COVERS
              if not 0 < shares[name] < _CLEAR_SHARE}
    return [
        _vqa('presence', f'Is there {_some(name)} in the image?',
             'yes' if holds else 'no') for name, holds in known.items()
        if balanced(rng, holds, RATES[name])]


def _some(name: str) -> str:
    return with_article(WORDS[name][0]) if name in WORDS else \
        f'{name} land' if name == 'barren' else name


def _counts(view: View) -> list[Item]:
    """How many? Not where some are too small to tell."""
    clear = Counter(item.kind for item in view.first if item.clear)
    every = Counter(item.kind for item in view.first)
    return [
        _vqa('count', f'How many {WORDS[kind][1]} are there in the image?',
             str(clear[kind])) for kind in _COUNTED
        if clear[kind] == every[kind] and (clear[kind] or kind == 'building')]


def _comparison(view: View, rng: Random) -> list[Item]:
    """Which of two covers takes more of the image?"""
    shares = dict(zip(COVERS, view.shares))
    pairs = [(a, b) for a in _COMPARED for b in _COMPARED
             if abs(shares[a] - shares[b]) > _MARGIN]
    return [
        _vqa('comp', f'Is there more {a} than {b} in the image?',
             'yes' if shares[a] > shares[b] else 'no')
        for a, b in rng.sample(pairs, min(1, len(pairs)))]


def _rural_or_urban(view: View) -> Item:
    return _vqa('rural_urban', 'Is it a rural or an urban area?',
                'urban' if view.urban else 'rural')


def _scene_class(view: View) -> Item:
    return Item('CLS', CLASS_PROMPT, view.theme, dict(label=view.theme))


def _caption(view: View, rng: Random) -> Item:
    """Theme, what covers most, and the commonest objects."""
    shares = view.shares
    order = sorted((i for i in range(1, len(COVERS)) if shares[i] > .1),
                   key=lambda i: -shares[i])
    counts = Counter(item.kind for item in view.first if item.clear)
    cover = f' mostly covered by {join([COVERS[i] for i in order[:2]])}' \
        if order else ''
    objects = ' with ' + join([counted(kind, n) for kind, n
                               in counts.most_common(3)]) if counts else ''
    place = with_article(view.theme)
    references = [f'{opening} {place}{objects}{cover}' for opening in
                  ('an aerial image of', 'this is', 'the image shows')]
    return Item('CAP', CAPTION_PROMPT, rng.choice(references),
                dict(references=references))
