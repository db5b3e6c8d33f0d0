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
)
from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS
from mmeo.structures import DialogueSample

_POLICIES = ('error', 'cut_rounds')


@TRANSFORMS.register_module()
class PackDialogue(BaseTransform):
    """Render the dialogue and pack it.

    Required keys: ``conversations``, ``tiles``, ``num_tiles``, ``source``,
    ``img_paths``, ``ori_shapes``. Returns ``inputs`` (``pixel_values``
    ``(T, 3, S, S)`` uint8, ``input_ids`` ``(L,)`` int64, ``labels`` ``(L,)``
    int64 with -100 where nothing is learned, ``image_mask`` ``(L,)`` bool)
    and ``data_samples`` (:class:`~mmeo.structures.DialogueSample`).

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
    """

    def __init__(self,
                 tokenizer: Union[str, dict],
                 template: Union[str, DialogueTemplate] = 'internvl2_5',
                 system: Optional[str] = None,
                 tokens_per_tile: int = 256,
                 max_seq_len: int = 4096,
                 too_long: str = 'error',
                 generation: bool = False) -> None:
        if too_long not in _POLICIES:
            raise ConfigError(f'PackDialogue: too_long={too_long!r} is none '
                              f'of {_POLICIES}')
        self.tokenizer = build_tokenizer(tokenizer)
        self.template = get_template(template, system)
        self.tokens_per_tile = tokens_per_tile
        self.max_seq_len = max_seq_len
        self.too_long = too_long
        self.generation = generation
        self.num_cut = 0

    def transform(self, results: dict) -> dict:
        source = results['source']
        turns = results['conversations']
        answer = _text(turns[-1])
        try:
            rendered = self.render(turns, results['num_tiles'])
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
                question=_text(turns[-2])))
        sample.gt_answer = answer
        return dict(
            inputs=dict(
                pixel_values=torch.from_numpy(results['tiles']),
                input_ids=torch.tensor(rendered.input_ids),
                labels=torch.tensor(rendered.labels),
                image_mask=torch.tensor(rendered.image_mask)),
            data_samples=sample)

    def render(self, turns: Sequence[dict],
               num_tiles: Sequence[int]) -> RenderedDialogue:
        """A whole dialogue as tokens, however long.

        Args:
            turns (Sequence[dict]): Its turns.
            num_tiles (Sequence[int]): Tiles of each image.

        Returns:
            RenderedDialogue: The tokens.

        Raises:
            DataError: If the dialogue cannot be rendered.
        """
        return render_dialogue(
            turns[:-1] if self.generation else turns,
            self.tokenizer,
            self.template, [n * self.tokens_per_tile for n in num_tiles],
            generation=self.generation)

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
                f'too_long={self.too_long!r}, generation={self.generation})')


def _text(turn: dict[str, Any]) -> str:
    return turn.get('value', turn.get('content'))
