# Copyright (c) mmeo contributors. All rights reserved.
"""How records read: the form of boxes, placeholders and task tokens."""

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mmeo.codecs import IMAGE_PLACEHOLDER, task_token
from mmeo.errors import ConfigError

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Style:
    """The conventions of one family of models.

    Attributes:
        name (str): As typed after ``--style``.
        templates (Path, optional): Wordings that replace those of
            ``templates.json``.
        task_tokens (bool): Each question starts with ``[VQA]`` and the like.
        phrases (bool): Answers repeat what a box shows, ``<ref>...</ref>``.
        numbered (bool): Several images are called ``Image-1: <image>``.
    """

    name: str
    templates: Optional[Path] = None
    task_tokens: bool = False
    phrases: bool = True
    numbered: bool = True

    def head(self, images: int) -> str:
        """What stands before the first question."""
        if images > 1 and self.numbered:
            return ''.join(f'Image-{i}: {IMAGE_PLACEHOLDER}\n'
                           for i in range(1, images + 1))
        return f'{IMAGE_PLACEHOLDER * images}\n' if images else ''

    def mark(self, question: str, task: str) -> str:
        """Put the task token before a question.

        Placeholders that the question starts with stay in front of it.

        Args:
            question (str): Text, with or without placeholders.
            task (str): Key of :data:`mmeo.codecs.TASKS`, '' for none.
        """
        if not self.task_tokens or not task:
            return question
        rest = question
        while rest.lstrip().startswith(IMAGE_PLACEHOLDER):
            rest = rest.lstrip()[len(IMAGE_PLACEHOLDER):]
        head = question[:len(question) - len(rest.lstrip())]
        return f'{head}{task_token(task)} {rest.lstrip()}'


STYLES = {
    'internvl': Style('internvl'),
    # arXiv 2412.05679, sections 8 and 10 of the supplement.
    'rsunivlm': Style('rsunivlm', _HERE / 'templates-rsunivlm.json',
                      task_tokens=True, phrases=False, numbered=False),
}


def get_style(name: str) -> Style:
    """Look a style up.

    Raises:
        ConfigError: If the name is unknown.
    """
    if name not in STYLES:
        raise ConfigError(f'--style {name}: choose one of '
                          f'{", ".join(STYLES)}')
    return STYLES[name]
