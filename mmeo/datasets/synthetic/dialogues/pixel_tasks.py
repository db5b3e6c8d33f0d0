# Copyright (c) mmeo contributors. All rights reserved.
"""Masks of one class as text."""

from random import Random

import numpy as np

from mmeo.codecs import encode_mask, to_grid
from mmeo.datasets.synthetic.dialogues.items import Item
from mmeo.datasets.synthetic.dialogues.view import COVERS, View

# RSUniVLM's four (supplement, section 10).
PROMPTS = (
    'Can you segment the {} in this image?',
    'Please segment the {} in this image.',
    'What is {} in this image? Please respond with segmentation mask.',
    'What is {} in this image? Please output segmentation mask.',
)
COVER_PROMPT = 'Name the land cover of each cell, row by row.'
# Share of scenes of 256 pixels where a cover takes 2 % or more, and where
# there is none of it.
RATES = {
    'building': (.62, .16), 'road': (1., 0.), 'water': (.24, .73),
    'barren': (.39, .47), 'forest': (.71, .07), 'agriculture': (.23, .76),
}
_CLEAR_SHARE = .02
# Prompts a scene that each class gets on average, there and not there.
_THERE, _ABSENT = .4, .07


def mask_text(cover: np.ndarray, value: int, grid: int) -> str:
    """Where a label map has a value.

    Args:
        cover (ndarray): ``(H, W)`` places in ``COVERS``.
        value (int): Which.
        grid (int): Cells along each side.
    """
    cells = to_grid((cover == value).astype(np.uint8), grid)
    return encode_mask(cells, ('others', COVERS[value]))


def training_masks(view: View, rng: Random, grid: int) -> list[Item]:
    """Masks such that all classes are asked for equally often.

    Args:
        view (View): The scene.
        rng (Random): Random source.
        grid (int): Cells of a mask along each side.
    """
    shares = dict(zip(COVERS, view.shares))
    items = []
    for name, (often, never) in RATES.items():
        share = shares[name]
        chance = _THERE / often if share >= _CLEAR_SHARE else \
            _ABSENT / never if not share else 0.
        if rng.random() < chance:
            items.append(_item(view, rng, name, grid))
    rng.shuffle(items)
    return items


def all_masks(view: View, rng: Random, grid: int) -> list[Item]:
    """A mask of each class that is asked for, there or not."""
    return [_item(view, rng, name, grid) for name in RATES]


def cover_words(view: View, grid: int) -> Item:
    """All classes at once, one word a cell.

    A word stands at a fixed distance behind the token of its part of the
    image, which is the easiest that a model can learn to see from (ViTP's
    label maps in words).

    Args:
        view (View): The scene.
        grid (int): Cells along each side.
    """
    words = ('others', *COVERS[1:])
    cells = to_grid(view.cover, grid)
    return Item(
        'SEG', COVER_PROMPT, ' '.join(words[value] for value in cells.ravel()))


def _item(view: View, rng: Random, name: str, grid: int) -> Item:
    value = COVERS.index(name)
    return Item(
        'SEG', rng.choice(PROMPTS).format(name),
        mask_text(view.cover, value, grid),
        dict(mask=f'masks/{view.stem}.png', class_name=name,
             class_index=value, classes=list(COVERS), image_id=view.stem,
             change=False))
