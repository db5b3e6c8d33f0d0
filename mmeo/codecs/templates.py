# Copyright (c) mmeo contributors. All rights reserved.
"""Conversation templates: how turns and images become one text."""

from dataclasses import dataclass, replace
from typing import Optional, Union

from mmeo.errors import ConfigError

IMAGE_PLACEHOLDER = '<image>'

# Tokens that InternVL 2.5 adds to the Qwen2.5 vocabulary, in id order.
INTERNVL_TOKENS = ('<img>', '</img>', '<IMG_CONTEXT>', '<quad>', '</quad>',
                   '<ref>', '</ref>', '<box>', '</box>')


@dataclass(frozen=True)
class DialogueTemplate:
    """How a conversation is written.

    Attributes:
        name (str): Name of the template.
        system (str): Default system prompt; '' writes no system turn.
        turn_start (str): Opens a turn; ``{role}`` is replaced.
        turn_end (str): Closes a turn; supervised after an answer, because it
            is how the model learns to stop.
        separator (str): Between turns; never supervised.
        image_start (str): Before the tokens of an image; '' for none.
        image_token (str): Stands at each position that an image embedding
            takes.
        image_end (str): After the tokens of an image; '' for none.
        extra_tokens (tuple[str, ...]): Further tokens that a tokenizer must
            hold as one id each.
    """

    name: str
    system: str
    turn_start: str = '<|im_start|>{role}\n'
    turn_end: str = '<|im_end|>'
    separator: str = '\n'
    image_start: str = '<img>'
    image_token: str = '<IMG_CONTEXT>'
    image_end: str = '</img>'
    extra_tokens: tuple[str, ...] = INTERNVL_TOKENS

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """Tokens that may not appear inside the text of a turn."""
        start = self.turn_start.split('{role}')[0]
        tokens = (start, self.turn_end, self.image_start, self.image_token,
                  self.image_end)
        return tuple(token for token in tokens if token)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Tokens that a tokenizer must hold as one id each."""
        return ('<|endoftext|>', self.turn_start.split('{role}')[0],
                self.turn_end, *self.extra_tokens)


# InternVL's own default system prompt is a Chinese self-introduction of that
# assistant; ours describes the work. Give `system=` to use another.
TEMPLATES = {
    'internvl2_5':
    DialogueTemplate(
        name='internvl2_5',
        system='You are an assistant for Earth-observation images. '
        'Answer from what the image shows.'),
    # LLaVA-OneVision and RSUniVLM. Their image placeholder is no token of
    # the vocabulary: any id will do where an embedding is to stand, and this
    # one never occurs in a dialogue.
    'qwen_1_5':
    DialogueTemplate(
        name='qwen_1_5',
        system='You are a helpful assistant.',
        image_start='',
        image_token='<|endoftext|>',
        image_end='',
        extra_tokens=()),
}


def get_template(template: Union[str, DialogueTemplate],
                 system: Optional[str] = None) -> DialogueTemplate:
    """Look a template up.

    Args:
        template (str or DialogueTemplate): Name or the template itself.
        system (str, optional): Replaces the default system prompt; '' leaves
            the system turn out.

    Returns:
        DialogueTemplate: The template.

    Raises:
        ConfigError: If the name is unknown.
    """
    if isinstance(template, str):
        if template not in TEMPLATES:
            raise ConfigError(f'template {template!r} is unknown: use one of '
                              f'{sorted(TEMPLATES)}')
        template = TEMPLATES[template]
    return template if system is None else replace(template, system=system)
