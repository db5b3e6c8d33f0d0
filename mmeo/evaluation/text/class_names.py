# Copyright (c) mmeo contributors. All rights reserved.
"""From an answer to a class."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Optional

from mmeo.errors import ConfigError


def name_key(name: str) -> str:
    """What of a name counts: its letters and digits, in lower case.

    'BaseballField', 'baseball_field' and 'Baseball field.' are one name.
    """
    return ''.join(char for char in name.lower() if char.isalnum())


class ClassNames:
    """The classes that an answer may name.

    Args:
        classes (Sequence[str]): In the order of labels.

    Raises:
        ConfigError: If there is none, or two have the same :func:`name_key`.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.names = tuple(classes)
        self.index: dict[str, int] = {}
        for label, name in enumerate(self.names):
            other = self.index.setdefault(name_key(name), label)
            if other != label:
                raise ConfigError(
                    f'the classes {self.names[other]!r} and {name!r} cannot '
                    'be told apart in an answer: only letters and digits '
                    'count')
        if not self.names or '' in self.index:
            raise ConfigError('`classes` needs names with letters or digits; '
                              f'got {list(self.names)}')

    def find(self, answer: str) -> Optional[int]:
        """Label of the class that the answer names exactly, else None."""
        return self.index.get(name_key(answer))

    def nearest(self, answer: str) -> Optional[int]:
        """Label of the class that shares the longest substring.

        LHRS-Bot's way out for answers that name no class; the first class
        wins a tie. Where nothing is shared it takes the last class, we none.

        Args:
            answer (str): Compared in lower case, ``_`` as space.
        """
        said = _spaced(answer)
        lengths = [SequenceMatcher(None, said, _spaced(name), False)
                   .find_longest_match().size for name in self.names]
        longest = max(lengths)
        return lengths.index(longest) if longest else None


def _spaced(name: str) -> str:
    return ' '.join(name.lower().replace('_', ' ').split())
