# Copyright (c) mmeo contributors. All rights reserved.
"""A conversation with images as token ids, labels and image positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from mmeo.codecs.templates import (
    IMAGE_PLACEHOLDER,
    DialogueTemplate,
    get_template,
)
from mmeo.errors import ConfigError, DataError

IGNORE_INDEX = -100
SUPERVISION = ('answers', 'llava_next')

ROLES = {
    'system': 'system',
    'human': 'user',
    'user': 'user',
    'gpt': 'assistant',
    'assistant': 'assistant',
}


@dataclass
class RenderedDialogue:
    """A conversation ready for a language model.

    Attributes:
        input_ids (list[int]): Token ids, length L.
        labels (list[int]): The same ids where the token is to be learned
            (answers and the token that ends them), -100 elsewhere.
        image_mask (list[bool]): True where an image embedding is to stand.
        round_ends (list[int]): Length up to and including each answer: the
            places where the dialogue may be cut.
    """

    input_ids: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    image_mask: list[bool] = field(default_factory=list)
    round_ends: list[int] = field(default_factory=list)

    def append(self, ids: Sequence[int], learned: bool = False,
               image: bool = False) -> None:
        """Append tokens of one kind."""
        self.input_ids.extend(ids)
        self.labels.extend(ids if learned else [IGNORE_INDEX] * len(ids))
        self.image_mask.extend([image] * len(ids))

    def cut(self, length: int) -> None:
        """Drop everything behind the first ``length`` tokens."""
        for name in ('input_ids', 'labels', 'image_mask'):
            del getattr(self, name)[length:]
        self.round_ends = [end for end in self.round_ends if end <= length]


def read_turns(conversations: Sequence[Mapping[str, Any]],
               num_images: int = 0,
               generation: bool = False) -> list[tuple[str, str]]:
    """Check a conversation and bring it into one form.

    Both layouts are read: ``{'from': 'human'|'gpt'|'system', 'value': ...}``
    (LLaVA, InternVL) and ``{'role': ..., 'content': ...}``. A single image
    that no placeholder asks for is put before the first question.

    Args:
        conversations (Sequence[Mapping]): The turns.
        num_images (int): Images of the sample. Defaults to 0.
        generation (bool): The last turn is a question to be answered;
            otherwise it is an answer. Defaults to False.

    Returns:
        list[tuple[str, str]]: Role (``system``, ``user``, ``assistant``) and
        text of each turn.

    Raises:
        DataError: If roles do not alternate, a text is missing, or the
            number of ``<image>`` placeholders is not that of the images.
    """
    if not isinstance(conversations, Sequence) or isinstance(
            conversations, str):
        raise DataError('`conversations` is not a list of turns')
    turns = [_read_turn(turn, i) for i, turn in enumerate(conversations)]
    dialogue = turns[1:] if turns and turns[0][0] == 'system' else turns
    expected = ('user', 'assistant')
    for i, (role, _) in enumerate(dialogue):
        if role != expected[i % 2]:
            raise DataError(
                f'turn {i + len(turns) - len(dialogue)} of `conversations` '
                f'is by {role!r} where {expected[i % 2]!r} is due: turns go '
                'human, gpt, human, gpt, ... (a system turn only first)')
    last = 'user' if generation else 'assistant'
    if not dialogue or dialogue[-1][0] != last:
        raise DataError(f'`conversations` must end with a turn of {last!r}, '
                        f'it has {len(dialogue)} turns')
    found = sum(text.count(IMAGE_PLACEHOLDER) for role, text in turns
                if role == 'user')
    stray = sum(text.count(IMAGE_PLACEHOLDER) for role, text in turns
                if role != 'user')
    if stray:
        raise DataError(f'{IMAGE_PLACEHOLDER!r} stands outside a human turn: '
                        'move it into a question')
    if found == 0 and num_images == 1:
        first = len(turns) - len(dialogue)
        role, text = turns[first]
        turns[first] = (role, f'{IMAGE_PLACEHOLDER}\n{text}')
    elif found != num_images:
        raise DataError(
            f'{found} {IMAGE_PLACEHOLDER!r} placeholders in `conversations` '
            f'but {num_images} images in `image`: make them equal')
    return turns


def _read_turn(turn: Any, index: int) -> tuple[str, str]:
    if not isinstance(turn, Mapping):
        raise DataError(f'turn {index} of `conversations` is not an object '
                        'with `from` and `value`')
    role = turn.get('from', turn.get('role'))
    text = turn.get('value', turn.get('content'))
    if role not in ROLES:
        raise DataError(f'turn {index} of `conversations` is by {role!r}: '
                        f'`from` is one of {sorted(ROLES)}')
    if not isinstance(text, str):
        raise DataError(f'turn {index} of `conversations` has no text in '
                        '`value`')
    return ROLES[role], text


def render_dialogue(conversations: Sequence[Mapping[str, Any]],
                    tokenizer: Any,
                    template: Union[str, DialogueTemplate] = 'internvl2_5',
                    image_tokens: Sequence[int] = (),
                    system: Optional[str] = None,
                    generation: bool = False,
                    supervise: str = 'answers') -> RenderedDialogue:
    """Render a conversation.

    Each part (opening of a turn, text, end) is tokenised by itself, so the
    tokens of a prompt are the same in training and in generation.

    Args:
        conversations (Sequence[Mapping]): See :func:`read_turns`.
        tokenizer (Any): A transformers tokenizer.
        template (str or DialogueTemplate): Defaults to 'internvl2_5'.
        image_tokens (Sequence[int]): Number of embeddings of each image, in
            the order of the placeholders. Defaults to none.
        system (str, optional): System prompt where the conversation has
            none; the template's by default.
        generation (bool): Leave an open assistant turn at the end.
            Defaults to False.
        supervise (str): What is to be learned: 'answers' and the token that
            ends them, or 'llava_next', as LLaVA-NeXT's public code has it:
            also the opening of an answer and, everywhere, line breaks and
            the tokens around turns. Defaults to 'answers'.

    Returns:
        RenderedDialogue: ids, labels and image positions.

    Raises:
        DataError: As :func:`read_turns`, or a text holds a control token of
            the template.
        ConfigError: If the tokenizer lacks a special token, or ``supervise``
            is unknown.
    """
    if supervise not in SUPERVISION:
        raise ConfigError(f'supervise={supervise!r} is none of {SUPERVISION}')
    template = get_template(template, system)
    turns = read_turns(conversations, len(image_tokens), generation)
    if turns[0][0] != 'system' and template.system:
        turns.insert(0, ('system', template.system))
    ids = _encode_parts(tokenizer, template, turns)
    counts = iter(image_tokens)
    out = RenderedDialogue()
    for role, text in turns:
        learned = role == 'assistant'
        out.append(ids[template.turn_start.format(role=role)],
                   learned=learned and supervise == 'llava_next')
        for i, piece in enumerate(text.split(IMAGE_PLACEHOLDER)):
            if i:
                out.append(ids.get(template.image_start, []))
                out.append(ids[template.image_token] * next(counts),
                           image=True)
                out.append(ids.get(template.image_end, []))
            out.append(ids[piece], learned=learned)
        out.append(ids[template.turn_end], learned=learned)
        if learned:
            out.round_ends.append(len(out.input_ids))
        out.append(ids[template.separator])
    if generation:
        out.append(ids[template.turn_start.format(role='assistant')])
    if supervise == 'llava_next':
        _learn_everywhere(out, {
            ids[part][0] for part in (template.control_tokens[0],
                                      template.turn_end, template.separator)
            if len(ids[part]) == 1})
    return out


def _learn_everywhere(out: RenderedDialogue, tokens: set[int]) -> None:
    for i, token in enumerate(out.input_ids):
        if token in tokens and not out.image_mask[i]:
            out.labels[i] = token


def _encode_parts(tokenizer: Any, template: DialogueTemplate,
                  turns: Sequence[tuple[str, str]]) -> dict[str, list[int]]:
    """Token ids of every part of a dialogue, from one call.

    A call per part would take longer than reading the image.
    """
    control = template.control_tokens
    pieces = [piece for _, text in turns
              for piece in text.split(IMAGE_PLACEHOLDER)]
    for piece in pieces:
        for token in control:
            if token in piece:
                raise DataError(
                    f'a turn contains the control token {token!r}: remove it '
                    'from the text (images are written '
                    f'{IMAGE_PLACEHOLDER!r})')
    starts = [template.turn_start.format(role=role)
              for role in ('system', 'user', 'assistant')]
    parts = list(
        dict.fromkeys([*control, *starts, template.separator, *pieces]))
    encoded = tokenizer(parts, add_special_tokens=False)['input_ids']
    ids = dict(zip(parts, encoded))
    for token in control:
        if len(ids[token]) != 1:
            raise ConfigError(
                f'the tokenizer has no single id for {token!r}, which '
                f'template {template.name!r} needs: add it with '
                '`tokenizer.add_special_tokens` or use the tokenizer that '
                'belongs to the model')
    return ids
