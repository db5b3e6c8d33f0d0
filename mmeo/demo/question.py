# Copyright (c) mmeo contributors. All rights reserved.
"""What a visitor of the page asks, as PromptInferencer takes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np

from mmeo.errors import DataError
from mmeo.models.text_encoders.names import say_name

from .drawing import COLOURS, paint_boxes, paint_points

#: What paint stands for.
PAINT_KINDS = ('mask', 'box', 'point')
_COLOUR_NAMES = ('red', 'blue', 'yellow', 'purple', 'cyan', 'orange', 'pink',
                 'brown')


@dataclass
class Example:
    """An image and the paint on it.

    Args:
        path (str): The image.
        modality (str): Its sensor.
        paint (np.ndarray): ``(H, W)`` uint8 of the image's own size: number
            of the colour, 0 for none.
        kind (str): One of :data:`PAINT_KINDS`.
    """

    path: str
    modality: str
    paint: np.ndarray
    kind: str = 'mask'

    @property
    def colours(self) -> list[int]:
        """Numbers of the colours that are painted."""
        return [int(value) for value in np.unique(self.paint) if value]


@dataclass
class Question:
    """All that the page holds when one presses the button.

    Args:
        target (str): Image to be segmented.
        modality (str): Its sensor.
        mode (str): 'visual', 'textual' or 'fused'.
        names (Sequence[str]): A name for each colour, '' for none.
        examples (list[Example]): Of them those without paint are left out.
        background (float, optional): Score below which a pixel is none of
            the classes.
    """

    target: str
    modality: str
    mode: str
    names: Sequence[str]
    examples: list[Example] = field(default_factory=list)
    background: Optional[float] = None

    def classes(self) -> dict[int, str]:
        """Number of the colour -> name of each class that is asked for.

        Raises:
            DataError: If there is none, or paint and names do not go
                together in this mode.
        """
        named = {number: say_name(name)
                 for number, name in enumerate(self.names, 1)
                 if name.replace('_', ' ').strip()}
        if self.mode == 'textual':
            if not named:
                raise DataError('There is no class name: type at least one, '
                                'or choose to ask by example.')
            return named
        painted = sorted({c for e in self.examples for c in e.colours})
        if not painted:
            raise DataError(
                'Nothing is painted on the example: paint what you look for '
                'with the brush, or choose to ask by names only.')
        unnamed = [n for n in painted if n not in named]
        unpainted = [n for n in named if n not in painted]
        if unnamed and self.mode == 'fused':
            raise DataError(
                f'The {_COLOUR_NAMES[unnamed[0] - 1]} paint has no name: '
                'type one beside that colour, erase the paint, or choose to '
                'ask by example only.')
        if unpainted and self.mode == 'visual':
            raise DataError(
                f'{named[unpainted[0]]!r} is painted nowhere on the example: '
                f'paint it {_COLOUR_NAMES[unpainted[0] - 1]}, or remove the '
                'name.')
        return {n: named.get(n, f'class {n}')
                for n in sorted({*painted, *named})}

    def palette(self) -> dict[str, tuple[int, int, int]]:
        """Name of each class -> its colour."""
        return {name: COLOURS[number - 1]
                for number, name in self.classes().items()}

    def arguments(self) -> dict[str, Any]:
        """Arguments of :class:`~mmeo.apis.PromptInferencer`.

        Raises:
            DataError: See :meth:`classes`.
        """
        classes = self.classes()
        given: dict[str, Any] = dict(
            targets=self.target, text=list(classes.values()), mode=self.mode,
            modality=self.modality, background=self.background)
        if self.mode == 'textual':
            return given
        shown = [example for example in self.examples if example.colours]
        marks = [_marks(example, classes) for example in shown]
        given.update(
            example=[example.path for example in shown],
            example_modality=[example.modality for example in shown])
        for name in ('mask', 'boxes', 'points'):
            each = [mark.get(name) for mark in marks]
            if any(value is not None for value in each):
                given[name] = each
        return given


def _marks(example: Example, classes: dict[int, str]) -> dict[str, Any]:
    """Mask, boxes or points of one example."""
    if example.kind == 'mask':
        table = np.zeros(256, np.uint8)
        for position, number in enumerate(classes, 1):
            table[number] = position
        return dict(mask=table[example.paint])
    find, name = {'box': (paint_boxes, 'boxes'),
                  'point': (paint_points, 'points')}[example.kind]
    return {name: {classes[number]: find(example.paint == number)
                   for number in example.colours}}
