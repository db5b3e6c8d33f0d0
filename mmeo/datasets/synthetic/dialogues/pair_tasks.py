# Copyright (c) mmeo contributors. All rights reserved.
"""What has changed between two dates, in words and as a mask."""

from collections.abc import Sequence
from random import Random

from mmeo.codecs import encode_mask, to_grid
from mmeo.datasets.synthetic.dialogues.items import Item, join
from mmeo.datasets.synthetic.dialogues.view import Seen, View
from mmeo.datasets.synthetic.text import region

# RSUniVLM's ten (supplement, section 10).
CAPTION_PROMPTS = (
    'Please briefly describe the changes in these two images.',
    'What are the differences between these two images?',
    'Can you describe the key changes in the second image compared to the '
    'first?',
    'What visual changes can be observed between the two images?',
    'Highlight the main differences between the two images.',
    'What has been altered in the second image compared to the first one?',
    'Describe any noticeable transformations in these images.',
    'What specific details have changed from the first image to the second?',
    'Point out the adjustments made between these two images.',
    'What are the most significant changes visible in the images?',
)
MASK_PROMPT = ('Please segment the building area in the images that have '
               'changed in the second image.')
#: What captions say where nothing has changed: LEVIR-CC's stock sentences,
#: which ``ChangeCaptionMetric`` knows.
NO_CHANGE = (
    'the scene is the same as before',
    'there is no difference',
    'the two scenes seem identical',
    'no change has occurred',
    'almost nothing has changed',
)
# The five sentences that say how many buildings came or went, and where.
_ADDED = (
    '{n} {has} appeared in the {place}',
    '{n} {has} been built in the {place}',
    'in the {place} {n} {has} been added',
    'there {be} {n} more in the {place}',
    '{n} now {stands} in the {place}',
)
_REMOVED = (
    '{n} {has} disappeared from the {place}',
    '{n} {has} been torn down in the {place}',
    'in the {place} {n} {has} been removed',
    'there {be} {n} less in the {place}',
    '{n} no longer {stands} in the {place}',
)


def pair_items(view: View, rng: Random, grid: int) -> list[Item]:
    """A change caption, where there is a clear one, and a change mask.

    Args:
        view (View): The scene.
        rng (Random): Random source.
        grid (int): Cells of a mask along each side.
    """
    items = []
    references = change_captions(view)
    if references:
        items.append(Item(
            'CCD', rng.choice(CAPTION_PROMPTS), rng.choice(references),
            dict(references=references, changed=bool(view.changed.any())),
            pair=True))
    cells = to_grid(view.changed, grid)
    items.append(Item(
        'SEG', MASK_PROMPT, encode_mask(cells, ('others', 'building')),
        dict(mask=f'changes/{view.stem}.png', class_name='building',
             class_index=1, classes=['others', 'building'],
             image_id=view.stem, change=True), pair=True))
    return items


def change_captions(view: View) -> list[str]:
    """Five sentences that say the same.

    Returns:
        list[str]: None of them where the change is too small to describe,
        or covers no annotated building.
    """
    if not view.changed.any():
        return list(NO_CHANGE)
    came, went = ([item for item in view.objects if item.kind == 'building'
                   and item.change == change]
                  for change in ('added', 'removed'))
    if not came + went or not all(item.clear for item in came + went):
        return []
    return [' and '.join(
        _sentence(form, items, view.size)
        for form, items in ((added, came), (removed, went)) if items)
        for added, removed in zip(_ADDED, _REMOVED)]


def _sentence(form: str, items: Sequence[Seen], size: int) -> str:
    places = sorted({region(tuple(item.box), size) for item in items})
    verbs = dict(has='have', stands='stand') if len(items) > 1 else \
        dict(has='has', stands='stands')
    number = ('a building', 'two buildings', 'several buildings')[
        min(len(items), 3) - 1]
    return form.format(n=number, place=_places(places),
                       be='are' if len(items) > 1 else 'is', **verbs)


def _places(places: Sequence[str]) -> str:
    """Up to two places by name."""
    return join(places) if len(places) < 3 else 'whole image'
