# Copyright (c) mmeo contributors. All rights reserved.
"""Question and answer templates: a data file and a seeded choice."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Optional

from mmeo.datasets.instruct_converters.boxes import box_text
from mmeo.datasets.instruct_converters.style import get_style
from mmeo.errors import ConfigError, MissingDataError

TEMPLATES = Path(__file__).with_name('templates.json')
LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'


class Wording:
    """Chooses templates; the choice depends on the seed and the key alone.

    Args:
        seed (int): Defaults to 0.
        templates (Path, optional): A JSON file like ``templates.json`` whose
            lists replace those of the same name.
        style (str): Of :data:`~.style.STYLES`. Defaults to 'internvl'.
        truth (bool): Records are for evaluation: one question each, with the
            fields that metrics read. Defaults to False.

    Raises:
        MissingDataError: If the file is absent.
        ConfigError: If it names an unknown template or leaves a list empty.
    """

    def __init__(self, seed: int = 0,
                 templates: Optional[Path] = None,
                 style: str = 'internvl',
                 truth: bool = False) -> None:
        self.seed = seed
        self.style = get_style(style)
        self.truth = truth
        self.templates: dict[str, list[str]] = json.loads(
            TEMPLATES.read_text(encoding='utf-8'))
        if self.style.templates is not None:
            # By origin: the paper, its demo, or ours.
            for part in json.loads(self.style.templates.read_text(
                    encoding='utf-8')).values():
                self.templates.update(part)
        if templates is not None:
            self._replace(Path(templates))

    def _replace(self, path: Path) -> None:
        if not path.is_file():
            raise MissingDataError(f'template file {path} does not exist: '
                                   'correct --templates')
        try:
            content = json.loads(path.read_text(encoding='utf-8'))
        except ValueError as error:
            raise ConfigError(f'{path}: not JSON ({error})') from None
        for name, texts in content.items():
            if name not in self.templates:
                raise ConfigError(f'{path}: no template is called {name!r}; '
                                  f'known: {sorted(self.templates)}')
            if not texts or not all(isinstance(t, str) for t in texts):
                raise ConfigError(f'{path}: `{name}` must be a list of texts')
            if _fields(texts) != _fields(self.templates[name]):
                raise ConfigError(
                    f'{path}: each text of `{name}` must use the fields '
                    f'{sorted(_fields(self.templates[name]))}')
        self.templates.update(content)

    def random(self, key: str) -> Random:
        """A random source of its own for each key."""
        return Random(f'{self.seed}:{key}')

    def say(self, template: str, key: str, /, **fields: Any) -> str:
        """One text of a template, its fields filled in."""
        texts = self.templates[template]
        return self.random(f'{template}:{key}').choice(texts).format(**fields)

    def ask_short(self, question: str, key: str) -> str:
        """A question of a data set that wants a short answer."""
        return self.say('vqa', key, question=question.strip(),
                        demand=self.say('short', key))

    def boxes(self, boxes: Sequence[Sequence[float]],
              size: tuple[float, float],
              phrase: Optional[str] = None) -> tuple[str, tuple[str, ...]]:
        """Boxes as the style writes them; see :func:`~.boxes.box_text`."""
        return box_text(boxes, size, phrase if self.style.phrases else None,
                        self.style.name)

    def grounded(self, boxes: Sequence[Sequence[float]],
                 size: tuple[float, float],
                 phrase: Optional[str] = None) -> tuple[str, tuple[str, ...]]:
        """Boxes inside a sentence, which needs the words of the phrase."""
        return box_text(boxes, size, phrase, self.style.name)

    def choose(self, key: str, candidates: Sequence, count: int) -> list:
        """``count`` candidates (or all) in seeded order."""
        return self.random(f'choose:{key}').sample(
            list(candidates), min(count, len(candidates)))

    def options(self, key: str, answer: str, names: Sequence[str],
                count: int) -> tuple[str, str]:
        """Lettered options that hold the answer once.

        Args:
            key (str): Seeds the choice and the order.
            answer (str): The right option.
            names (Sequence[str]): All classes.
            count (int): Number of options.

        Returns:
            tuple[str, str]: ``A. ...`` lines, and the letter of the answer.
        """
        rng = self.random(f'options:{key}')
        others = [name for name in names if name != answer]
        count = min(count, len(LETTERS))
        shown = rng.sample(others, min(count - 1, len(others))) + [answer]
        rng.shuffle(shown)
        return lettered(shown), LETTERS[shown.index(answer)]


def lettered(options: Sequence[str]) -> str:
    """``A. first`` and so on, one a line."""
    return '\n'.join(f'{letter}. {option}'
                     for letter, option in zip(LETTERS, options))


def plain_name(name: str) -> str:
    """A class name as words: ``AnnualCrop`` and ``annual-crop`` alike."""
    split = re.sub(r'(?<=[a-z0-9])(?=[A-Z])', ' ', name)
    return ' '.join(re.split(r'[\s_\-]+', split.strip())).lower()


def _fields(texts: Sequence[str]) -> set[str]:
    return set(re.findall(r'\{(\w+)\}', ' '.join(texts)))
