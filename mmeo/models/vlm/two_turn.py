# Copyright (c) mmeo contributors. All rights reserved.
"""Change detection in two turns: what has changed, then where."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import nn

from mmeo.codecs import (
    IMAGE_PLACEHOLDER,
    TASKS,
    encode_mask,
    get_template,
    render_dialogue,
    task_token,
)
from mmeo.errors import ConfigError
from mmeo.models.vlm.reprompt import PromptImages, join_batch, split_batch
from mmeo.registry import MODELS
from mmeo.structures import DialogueSample


@MODELS.register_module()
class TwoTurnChange(BaseModel):
    """Asks what has changed before it asks where.

    RSUniVLM (arXiv 2412.05679) section 4.3 reports that chain-of-thought
    prompts help change detection, and publishes neither prompts nor steps;
    this strategy is ours. A ``[SEG]`` question about two or more images is
    answered so:

    1. ``[CCD]`` asks for the change. If the caption is one that says nothing
       has changed, the answer is an empty mask.
    2. Else the ``[SEG]`` question follows as a second turn, with the caption
       in its context. The turns need different experts, and keys and values
       of the first are those of its expert, so the whole dialogue is read
       anew.

    All other samples are answered as they are. Losses are those of ``vlm``,
    and so are the keys of checkpoints.

    Args:
        vlm (dict or nn.Module): ``InstructVLM`` with a ``tokenizer``.
        question (str): The first question, without token and placeholders.
            Defaults to the first of RSUniVLM's prompts for ``[CCD]``.
        no_change (Sequence[str], optional): Captions that say that nothing
            has changed; case and full stops aside. Defaults to the five
            sentences of LEVIR-CC.
        system (str, optional): System prompt, as that of ``PackDialogue``;
            the template's by default.
        grid (int): Cells along a side of the empty mask. Defaults to 24.
        background (str): Word for its cells. Defaults to 'others'.
        dialect (str): How it is written. Defaults to 'rsunivlm'.
    """

    def __init__(self,
                 vlm: Union[dict, nn.Module],
                 question: str = 'Please briefly describe the changes in '
                 'these two images.',
                 no_change: Optional[Sequence[str]] = None,
                 system: Optional[str] = None,
                 grid: int = 24,
                 background: str = 'others',
                 dialect: str = 'rsunivlm',
                 init_cfg: Optional[dict] = None) -> None:
        vlm = MODELS.build(vlm) if isinstance(vlm, dict) else vlm
        super().__init__(vlm.data_preprocessor, init_cfg)
        if not question.strip() or IMAGE_PLACEHOLDER in question:
            raise ConfigError(f'TwoTurnChange: question={question!r} must be '
                              'words alone; images are put before it')
        self.vlm = vlm
        self.question = question
        self.no_change = frozenset(
            _plain(text) for text in no_change or _stock_sentences())
        self.template = get_template(vlm.template, system)
        self.grid = grid
        self.background = background
        self.dialect = dialect
        self.register_load_state_dict_pre_hook(_add_prefix)
        self.register_state_dict_post_hook(_drop_prefix)

    def forward(self,
                inputs: dict,
                data_samples: Optional[list[DialogueSample]] = None,
                mode: str = 'tensor') -> Any:
        """Run; see :meth:`InstructVLM.forward`."""
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        return self.vlm(inputs, data_samples, mode)

    @torch.no_grad()
    def predict(self, inputs: dict,
                data_samples: list[DialogueSample]) -> list[DialogueSample]:
        """Answer; see :meth:`InstructVLM.predict`.

        Args:
            inputs (dict): As ``VLMDataPreprocessor`` returns it.
            data_samples (list[DialogueSample]): With ``task`` and
                ``question``.

        Returns:
            list[DialogueSample]: The same. Those of two turns carry the
            first one as ``first_turn`` in their ``annotation``:
            ``question``, ``answer``, ``finished`` and ``no_change``.
        """
        pairs = [i for i, sample in enumerate(data_samples)
                 if is_change_question(sample)]
        if not pairs:
            return self.vlm(inputs, data_samples, 'predict')
        parts = split_batch(inputs, data_samples)
        captions = self._first_turn([parts[i] for i in pairs],
                                    [data_samples[i] for i in pairs])
        prompts: dict[int, Any] = {}
        for i, caption in zip(pairs, captions):
            said = self.says_no_change(caption.pred_answer)
            _remember(data_samples[i], self.question, caption, said)
            if said:
                self._answer_nothing(data_samples[i])
            else:
                prompts[i] = self._second_prompt(
                    parts[i], data_samples[i], caption.pred_answer)
        rest = [i for i in range(len(parts)) if i in prompts
                or i not in pairs]
        if rest:
            self.vlm(
                join_batch([parts[i] for i in rest],
                           [prompts.get(i) for i in rest],
                           [data_samples[i].get('granularity', 0)
                            for i in rest]),
                [data_samples[i] for i in rest], 'predict')
        return data_samples

    def says_no_change(self, caption: str) -> bool:
        """Whether a caption says that nothing has changed."""
        return _plain(caption) in self.no_change

    def _first_turn(self, parts: Sequence[PromptImages],
                    samples: Sequence[DialogueSample]
                    ) -> list[DialogueSample]:
        """Captions of the change."""
        asked, prompts = [], []
        for part, sample in zip(parts, samples):
            turn = self._first_question(part)
            prompts.append(self._render(part, [turn]))
            asked.append(sample.new(metainfo=dict(
                sample.metainfo, question=turn['value'], task='CCD',
                granularity=TASKS['CCD'][1], annotation={}), data={}))
        return self.vlm(
            join_batch(parts, prompts, [s.granularity for s in asked]), asked,
            'predict')

    def _first_question(self, part: PromptImages) -> dict[str, str]:
        images = IMAGE_PLACEHOLDER * len(part.tokens)
        return {'from': 'human',
                'value': f'{images}\n{task_token("CCD")} {self.question}'}

    def _second_prompt(self, part: PromptImages, sample: DialogueSample,
                       caption: str) -> Any:
        """The whole dialogue; its images stand in the first turn."""
        question = sample.question.replace(IMAGE_PLACEHOLDER, '').strip()
        turns = [self._first_question(part),
                 {'from': 'gpt', 'value': self._as_text(caption)},
                 {'from': 'human', 'value': question}]
        return self._render(part, turns)

    def _render(self, part: PromptImages, turns: list[dict]) -> Any:
        return render_dialogue(turns, self.vlm.tokenizer, self.template,
                               part.tokens, generation=True)

    def _as_text(self, caption: str) -> str:
        """What a model said, without tokens that would open a new turn."""
        for token in (*self.template.special_tokens, IMAGE_PLACEHOLDER):
            caption = caption.replace(token, ' ')
        return caption.strip()

    def _answer_nothing(self, sample: DialogueSample) -> None:
        sample.pred_answer = encode_mask(
            np.zeros((self.grid, self.grid), int), [self.background],
            self.dialect)
        sample.pred_finished = True


def is_change_question(sample: DialogueSample) -> bool:
    """Whether a sample asks for a mask of several images."""
    return (sample.get('task') == 'SEG'
            and sample.question.count(IMAGE_PLACEHOLDER) > 1)


def _remember(sample: DialogueSample, question: str, caption: DialogueSample,
              no_change: bool) -> None:
    """Keep the first turn where answers are written down."""
    sample.set_metainfo(dict(annotation=dict(
        sample.get('annotation') or {},
        first_turn=dict(question=question, answer=caption.pred_answer,
                        finished=caption.get('pred_finished', True),
                        no_change=no_change))))


def _plain(text: str) -> str:
    from mmeo.evaluation.text.tokens import levir_tokens
    return ' '.join(levir_tokens(text))


def _stock_sentences() -> Sequence[str]:
    from mmeo.evaluation.text.change_words import NO_CHANGE
    return NO_CHANGE


def _add_prefix(module: nn.Module, state_dict: dict, prefix: str,
                *args: Any) -> None:
    """Keys of the inner model become those of the module tree."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        name = key.removeprefix(prefix)
        if not name.startswith(('vlm.', 'data_preprocessor.')):
            state_dict[f'{prefix}vlm.{name}'] = state_dict.pop(key)


def _drop_prefix(module: nn.Module, state_dict: dict, prefix: str,
                 *args: Any) -> None:
    """Inverse of :func:`_add_prefix`."""
    start = f'{prefix}vlm.'
    for key in [key for key in state_dict if key.startswith(start)]:
        name = prefix + key.removeprefix(start)
        state_dict[name] = state_dict.pop(key)
