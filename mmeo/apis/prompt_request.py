# Copyright (c) mmeo contributors. All rights reserved.
"""What a user asks for: classes, examples of them, and the mode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import numpy as np

from mmeo.errors import ConfigError, DataError
from mmeo.models.text_encoders.names import check_class_names, say_name
from mmeo.structures import MODES

from .prompt_inputs import PromptImage
from .prompt_marks import Marks, class_masks, collect_marks, mask_values

#: A label map holds so many classes in 8 bits beside 0, none of them.
MOST_CLASSES = 255
#: Name of the one class of an example that nobody named.
UNNAMED = 'class 1'


@dataclass
class Shot:
    """One example and where it shows which class.

    Args:
        image (PromptImage): The example.
        masks (ndarray): ``(N, H, W)`` bool.
        points (dict): Class number -> ``(x, y)`` each, for pictures.
    """

    image: PromptImage
    masks: np.ndarray
    points: dict[int, list] = field(default_factory=dict)


@dataclass
class PromptRequest:
    """A prompt whose parts fit together.

    Args:
        classes (tuple[str]): N names; in a label map they are 1 to N.
        shots (list[Shot]): Examples.
        mode (str): 'visual', 'textual' or 'fused'.
    """

    classes: tuple[str, ...]
    shots: list[Shot]
    mode: str

    @property
    def unfindable(self) -> tuple[str, ...]:
        """Classes without an example, which the visual mode cannot find."""
        if self.mode != 'visual':
            return ()
        shown = np.any([shot.masks.any((1, 2)) for shot in self.shots], 0)
        return tuple(n for n, seen in zip(self.classes, shown) if not seen)


def make_request(examples: Sequence[PromptImage],
                 mask: Any = None,
                 boxes: Any = None,
                 points: Any = None,
                 text: Optional[Sequence[str]] = None,
                 values: Optional[Mapping[str, int]] = None,
                 mode: Optional[str] = None,
                 max_classes: Optional[int] = None,
                 **drawing: Any) -> PromptRequest:
    """Bring what a user gives to classes, shots and a mode.

    Args:
        examples (Sequence[PromptImage]): None, one or several.
        mask: Of the example, or a list with one for each.
        boxes: The same, see :func:`~mmeo.apis.prompt_marks.collect_marks`.
        points: The same.
        text (str | Sequence[str], optional): Names of the classes.
        values (Mapping[str, int], optional): Class -> value in the masks.
        mode (str, optional): By default 'fused' with examples and names,
            else the mode of what there is.
        max_classes (int, optional): Most classes of the model.
        **drawing: ``radius`` and ``crop_size`` of
            :func:`~mmeo.apis.prompt_marks.class_masks`.

    Raises:
        DataError: If the parts do not fit together, with the fix.
        ConfigError: If the mode is unknown.
    """
    text = None if text is None else check_class_names(
        [text] if isinstance(text, str) else list(text), max_classes)
    mode = choose_mode(mode, bool(examples), text is not None)
    count = len(examples)
    if not count and any(x is not None for x in (mask, boxes, points)):
        raise DataError('a mask, boxes or points were given without the '
                        'example that they lie on (--example).')
    only = UNNAMED if text is None else text[0] if len(text) == 1 else None
    given = zip(_per_shot(mask, count, 'mask'),
                _per_shot(boxes, count, 'boxes', Mapping),
                _per_shot(points, count, 'points', Mapping))
    marks = [collect_marks(image, *each, only)
             for image, each in zip(examples, given)]
    names, values = _class_names(marks, text, values)
    names = check_class_names(names, max_classes)
    if len(names) > MOST_CLASSES:
        raise DataError(f'{len(names)} classes do not fit into a label map '
                        f'of 8 bits, which holds {MOST_CLASSES}.')
    _say(marks, names)
    values = None if values is None else {
        _spelling(name, names): value for name, value in values.items()}
    shots = [
        Shot(image, class_masks(one, names, values, image, **drawing),
             {names.index(n): p for n, p in one.points.items()})
        for image, one in zip(examples, marks)]
    return PromptRequest(tuple(names), shots, mode)


def choose_mode(mode: Optional[str], example: bool, text: bool) -> str:
    """The mode that is asked for, or that the prompt allows.

    Raises:
        DataError: If the mode lacks its prompt, or there is none.
        ConfigError: If the mode is unknown.
    """
    if mode is None:
        if not example and not text:
            raise DataError('nothing to look for: give an example with a '
                            'mask, boxes or points (--example), names of '
                            'classes (--text), or both.')
        return 'fused' if example and text else (
            'visual' if example else 'textual')
    if mode not in MODES:
        raise ConfigError(f'mode {mode!r}: there are {", ".join(MODES)}.')
    lacks = [what for what, there, modes in (
        ('an example (--example)', example, ('visual', 'fused')),
        ('names of classes (--text)', text, ('textual', 'fused')))
        if mode in modes and not there]
    if lacks:
        raise DataError(f'mode {mode!r} needs {" and ".join(lacks)}: give '
                        'what is missing, or leave out the mode.')
    return mode


def find_background(background: Union[float, str, None],
                    classes: Sequence[str]
                    ) -> tuple[Optional[float], Optional[int]]:
    """What makes a pixel none of the classes.

    Args:
        background (float | str, optional): A score, or the name of a class.
        classes (Sequence[str]): Names.

    Returns:
        tuple[Optional[float], Optional[int]]: Least score of a class, and the
        label (from 1) that stands for none of them.

    Raises:
        DataError: If there is no class of that name.
    """
    if not isinstance(background, str):
        return background, None
    said = _spelling(background, classes)
    if said not in classes:
        raise DataError(
            f'background {background!r} is none of the classes '
            f'{", ".join(map(repr, classes))}: name it among them, or give a '
            'score.')
    return None, list(classes).index(said) + 1


def _per_shot(value: Any, count: int, what: str,
              kind: Optional[type] = None) -> list:
    """One entry for each example.

    Boxes of one class are lists themselves, so that lists over examples are
    known by their entries being of ``kind``.
    """
    listed = isinstance(value, (list, tuple)) and (kind is None or all(
        entry is None or isinstance(entry, kind) for entry in value))
    if value is None or not listed and count < 2:
        return [value] * count
    if not listed or len(value) != count:
        found = f'{len(value)}' if listed else 'one'
        raise DataError(f'{count} example(s) and {found} `{what}`: give a '
                        'list with one entry for each example'
                        f'{", a dict or None" if kind else ""}.')
    return list(value)


def _class_names(marks: Sequence[Marks], text: Optional[list[str]],
                 values: Optional[Mapping[str, int]]
                 ) -> tuple[list[str], Optional[Mapping[str, int]]]:
    """Names of classes, and their values in the masks if told."""
    if text is not None:
        return text, values
    named = {say_name(name).casefold(): name for name in
             [*(values or {}), *(n for one in marks for n in one.named)]}
    if named:
        return list(named.values()), values
    found = sorted({v for one in marks for v in mask_values(one)})
    if len(found) < 2:
        return [UNNAMED], None
    names = [f'class {value}' for value in found]
    return names, dict(zip(names, found))


def _spelling(name: str, names: Sequence[str]) -> str:
    """A name as the list of classes has it, if it is there."""
    said = say_name(name)
    return next((n for n in names if n.casefold() == said.casefold()), said)


def _say(marks: Sequence[Marks], names: Sequence[str]) -> None:
    """Spell names of boxes and points as those of the classes."""
    for one in marks:
        for shapes in (one.boxes, one.points):
            said: dict[str, list] = {}
            for name, each in shapes.items():
                said.setdefault(_spelling(name, names), []).extend(each)
            shapes.clear()
            shapes.update(said)
