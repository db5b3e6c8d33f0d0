# Copyright (c) mmeo contributors. All rights reserved.
"""Names of classes as a person writes them."""

from collections.abc import Sequence
from typing import Optional

from mmeo.errors import DataError


def say_name(name: str) -> str:
    """A name as it is said: underscores become spaces, outer space goes.

    Args:
        name (str): E.g. ``'large_vehicle '``.

    Returns:
        str: E.g. ``'large vehicle'``; the case stays.

    Raises:
        DataError: If nothing is left, or it is no string.
    """
    if not isinstance(name, str):
        raise DataError(f'a class name must be a string, got {name!r}.')
    said = ' '.join(name.replace('_', ' ').split())
    if not said:
        raise DataError(f'class name {name!r} is empty: give a word, or leave '
                        'the class out.')
    return said


def check_class_names(names: Sequence[str],
                      max_classes: Optional[int] = None) -> list[str]:
    """Check the classes that someone asks for.

    Args:
        names (Sequence[str]): Names.
        max_classes (int, optional): Most that the model takes. Defaults to
            None, any number.

    Returns:
        list[str]: The names as :func:`say_name` says them.

    Raises:
        DataError: If there is no name, one is empty or is given twice (case,
            and underscores or spaces, make no difference), or there are too
            many.
    """
    if isinstance(names, str):
        raise DataError(f'class names must be a list, got the string '
                        f'{names!r}: split it into names.')
    if not names:
        raise DataError('no class name was given: name at least one class.')
    said, seen = [], {}
    for number, name in enumerate(names):
        try:
            said.append(say_name(name))
        except DataError as error:
            raise DataError(f'class {number + 1} of {len(names)}: {error}'
                            ) from None
        first = seen.setdefault(said[-1].casefold(), number)
        if first != number:
            raise DataError(
                f'class name {name!r} is given twice (classes {first + 1} and '
                f'{number + 1}, case and underscores apart): each class needs '
                'a name of its own.')
    if max_classes is not None and len(said) > max_classes:
        raise DataError(
            f'{len(said)} classes are more than the {max_classes} that the '
            'model takes at once (`max_classes`): ask for fewer, or in '
            'several runs.')
    return said
