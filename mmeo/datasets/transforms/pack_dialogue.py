# Copyright (c) mmeo contributors. All rights reserved.
"""From a dialogue with tiles to the inputs of a vision-language model."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmeo.codecs import (
    DialogueTemplate,
    RenderedDialogue,
    build_tokenizer,
    get_template,
    render_dialogue,
    route_dialogue,
)
from mmeo.codecs.dialogue import SUPERVISION
from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS
from mmeo.structures import DialogueSample

_POLICIES = ('error', 'cut_rounds')
_ROUNDS = ('free', 'any', 'same')


@TRANSFORMS.register_module()
class PackDialogue(BaseTransform):
    """Render the dialogue and pack it.

    Required keys: ``conversations``, ``tiles``, ``num_tiles``, ``source``,
    ``img_paths``, ``ori_shapes``; ``image_layouts`` of ``ImageViews`` says
    how many tokens an image has, else its tiles do. Returns ``inputs``
    (``pixel_values`` ``(T, 3, S, S)`` uint8, ``input_ids`` ``(L,)`` int64,
    ``labels`` ``(L,)`` int64 with -100 where nothing is learned,
    ``image_mask`` ``(L,)`` bool) and ``data_samples``
    (:class:`~mmeo.structures.DialogueSample`).

    Args:
        tokenizer (str or dict): See :func:`mmeo.codecs.build_tokenizer`.
        template (str or DialogueTemplate): Defaults to 'internvl2_5'.
        system (str, optional): System prompt; the template's by default, ''
            for none.
        tokens_per_tile (int): Image embeddings of a tile: 256 for 448 pixels,
            patch 14 and pixel shuffle 2, which is the default.
        max_seq_len (int): Longest sample in tokens. Defaults to 4096.
        too_long (str): What happens to a longer sample: 'error' stops;
            'cut_rounds' drops whole rounds from its end, logs it and counts,
            and stops where not even the first round fits. An answer is never
            cut in two. Defaults to 'error'.
        generation (bool): Leave the last answer out, for the model to give;
            it is kept as ``gt_answer``. Defaults to False.
        task_rounds (str): Task tokens (see :mod:`mmeo.codecs.tasks`): 'free'
            takes no notice of them; 'any' records task and granularity of
            the last question in the data sample and refuses unknown tokens;
            'same' also refuses a dialogue whose questions differ in
            granularity, which experts cannot be trained on. Defaults to
            'free'.
        supervise (str): See :func:`mmeo.codecs.render_dialogue`. Defaults to
            'answers'.
    """

    def __init__(self,
                 tokenizer: Union[str, dict],
                 template: Union[str, DialogueTemplate] = 'internvl2_5',
                 system: Optional[str] = None,
                 tokens_per_tile: int = 256,
                 max_seq_len: int = 4096,
                 too_long: str = 'error',
                 generation: bool = False,
                 task_rounds: str = 'free',
                 supervise: str = 'answers') -> None:
        for name, value, known in (('too_long', too_long, _POLICIES),
                                   ('task_rounds', task_rounds, _ROUNDS),
                                   ('supervise', supervise, SUPERVISION)):
            if value not in known:
                raise ConfigError(f'PackDialogue: {name}={value!r} is none '
                                  f'of {known}')
        self.tokenizer = build_tokenizer(tokenizer)
        self.template = get_template(template, system)
        self.tokens_per_tile = tokens_per_tile
        self.max_seq_len = max_seq_len
        self.too_long = too_long
        self.generation = generation
        self.task_rounds = task_rounds
        self.supervise = supervise
        self.num_cut = 0

    def transform(self, results: dict) -> dict:
        source = results['source']
        turns = results['conversations']
        answer = _text(turns[-1])
        try:
            rendered = self.render(turns, self.tokens(results))
            route = self.route(turns)
        except DataError as error:
            raise DataError(f'{source}: {error}') from None
        dropped = self.fit(rendered, source)
        if dropped:
            self.num_cut += 1
            print_log(
                f'{source}: dropped the last {dropped} round(s) to fit '
                f'{self.max_seq_len} tokens; {self.num_cut} sample(s) cut by '
                'this worker so far', 'current')
        sample = DialogueSample(
            metainfo=dict(
                source=source,
                img_paths=results['img_paths'],
                ori_shapes=results['ori_shapes'],
                question=_text(turns[-2]),
                annotation=results.get('annotation', {}),
                **route))
        for key in ('image_layouts', 'image_mode'):
            if key in results:
                sample.set_metainfo({key: results[key]})
        sample.gt_answer = answer
        return dict(
            inputs=dict(
                pixel_values=torch.from_numpy(results['tiles']),
                input_ids=torch.tensor(rendered.input_ids),
                labels=torch.tensor(rendered.labels),
                image_mask=torch.tensor(rendered.image_mask)),
            data_samples=sample)

    def tokens(self, results: dict) -> list[int]:
        """Embeddings of each image."""
        if 'image_layouts' in results:
            return [layout.num_tokens for layout in results['image_layouts']]
        return [n * self.tokens_per_tile for n in results['num_tiles']]

    def route(self, turns: Sequence[dict]) -> dict:
        """``task`` and ``granularity``, if task tokens are read at all."""
        if self.task_rounds == 'free':
            return {}
        task, granularity = route_dialogue(turns, self.task_rounds == 'same')
        return dict(task=task, granularity=granularity)

    def render(self, turns: Sequence[dict],
               image_tokens: Sequence[int]) -> RenderedDialogue:
        """A whole dialogue as tokens, however long.

        Args:
            turns (Sequence[dict]): Its turns.
            image_tokens (Sequence[int]): Embeddings of each image.

        Returns:
            RenderedDialogue: The tokens.

        Raises:
            DataError: If the dialogue cannot be rendered.
        """
        return render_dialogue(
            turns[:-1] if self.generation else turns,
            self.tokenizer,
            self.template,
            image_tokens,
            generation=self.generation,
            supervise=self.supervise)

    def fit(self, rendered: RenderedDialogue, source: str) -> int:
        """Cut whole rounds from the end until the sample fits.

        Args:
            rendered (RenderedDialogue): Shortened in place.
            source (str): For the message.

        Returns:
            int: How many rounds were dropped; 0 where all fitted.

        Raises:
            DataError: If the sample is too long and may not be cut, or not
                even its first round fits.
        """
        length = len(rendered.input_ids)
        if length <= self.max_seq_len:
            return 0
        ends = [n for n in rendered.round_ends if n <= self.max_seq_len]
        images = sum(rendered.image_mask)
        # A question to be answered stands at the end and cannot be cut off.
        if (self.too_long == 'error' or self.generation or not ends
                or images != sum(rendered.image_mask[:ends[-1]])):
            raise DataError(
                f'{source}: the sample has {length} tokens ({images} of '
                f'images), more than max_seq_len={self.max_seq_len}. Shorten '
                'it, lower `max_tiles` or raise `max_seq_len`; '
                "too_long='cut_rounds' drops later rounds, but never images.")
        dropped = sum(n > ends[-1] for n in rendered.round_ends)
        rendered.cut(ends[-1])
        return dropped

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(template={self.template.name!r}, '
                f'tokens_per_tile={self.tokens_per_tile}, '
                f'max_seq_len={self.max_seq_len}, '
                f'too_long={self.too_long!r}, generation={self.generation}, '
                f'task_rounds={self.task_rounds!r}, '
                f'supervise={self.supervise!r})')


def _text(turn: dict[str, Any]) -> str:
    return turn.get('value', turn.get('content'))
