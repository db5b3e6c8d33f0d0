# Copyright (c) mmeo contributors. All rights reserved.
"""From packed prompts to answers in the data samples."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmeo.errors import ConfigError, DataError
from mmeo.models.vlm.packing import PackedSequence
from mmeo.structures import DialogueSample


@dataclass
class AnswerSettings:
    """How answers are generated; see :class:`InstructVLM`.

    Attributes:
        generation (dict): Arguments of transformers' ``generate``.
        task_generation (dict): What differs for tasks.
        scores (bool): Keep the log-probability of each token.
        mask_constraint (dict or None): Of ``MaskLogitsProcessor``.
    """

    generation: dict
    task_generation: dict = field(default_factory=dict)
    scores: bool = False
    mask_constraint: Optional[dict] = None

    def of_tasks(self, tasks: Sequence[str]) -> dict:
        """Arguments for a batch of these tasks.

        Numbers of new tokens are the largest that a task asks for: rows that
        end early wait for the others.

        Raises:
            ConfigError: If the tasks want different values of anything else.
        """
        wanted = [dict(self.generation, **self.task_generation.get(task, {}))
                  for task in dict.fromkeys(tasks)] or [dict(self.generation)]
        merged = dict(wanted[0])
        for other in wanted[1:]:
            for key in set(merged) | set(other):
                if key == 'max_new_tokens':
                    merged[key] = max(merged[key], other[key])
                elif merged.get(key) != other.get(key):
                    raise ConfigError(
                        f'a batch of the tasks {sorted(set(tasks))} wants '
                        f'{key}={merged.get(key)!r} and {other.get(key)!r}: '
                        'put them into different batches (DialogueTestLoop '
                        'does)')
        return merged


class LogProbRecorder:
    """Remembers the log-probability of every token that was chosen.

    A logits processor of transformers: it runs on the scores of the model as
    they are, before any constraint, keeps one step of them at a time, and
    looks up the choice when it sees the next step.
    """

    def __init__(self) -> None:
        self.steps: list[Tensor] = []
        self._last: Optional[Tensor] = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self._look_up(input_ids)
        self._last = scores.float().log_softmax(-1)
        return scores

    def _look_up(self, ids: Tensor) -> None:
        if self._last is not None:
            self.steps.append(self._last.gather(1, ids[:, -1:]))

    def finish(self, ids: Tensor) -> Tensor:
        """``(B, L)`` log-probabilities of ``ids`` ``(B, L)``."""
        self._look_up(ids)
        self._last = None
        return torch.cat(self.steps, 1)


@torch.no_grad()
def write_answers(model: nn.Module, packed: PackedSequence,
                  samples: Sequence[DialogueSample]) -> list[DialogueSample]:
    """Generate an answer to each prompt.

    Args:
        model (InstructVLM): Its language model, tokenizer and settings.
        packed (PackedSequence): The prompts.
        samples (Sequence[DialogueSample]): Filled in place.

    Returns:
        list[DialogueSample]: The same samples.
    """
    tokenizer, settings = model.tokenizer, model.answers
    end = tokenizer.convert_tokens_to_ids(model.template.turn_end)
    arguments = settings.of_tasks([s.get('task', '') for s in samples])
    arguments['max_new_tokens'] = fit_context(
        model.llm, max(packed.lengths), arguments)
    recorder, processors = None, []
    if settings.scores:
        if arguments.get('num_beams', 1) > 1:
            raise ConfigError('answer_scores=True needs num_beams=1')
        recorder = LogProbRecorder()
        processors.append(recorder)
    if settings.mask_constraint is not None:
        processors += mask_constraint(
            samples, tokenizer, end, dict(
                dict(max_new_tokens=arguments['max_new_tokens']),
                **settings.mask_constraint))
    if processors:
        arguments['logits_processor'] = processors
    answers = model.llm.generate(
        packed.embeds, packed.lengths, packed.granularity, packed.prefix,
        eos_token_id=end, pad_token_id=tokenizer.pad_token_id, **arguments)
    logprobs = recorder and recorder.finish(torch.stack(answers))
    for i, (sample, ids) in enumerate(zip(samples, answers)):
        ids = ids.tolist()
        sample.pred_finished = end in ids
        ids = ids[:ids.index(end)] if end in ids else ids
        # Boxes and names are special tokens and part of the answer.
        sample.pred_answer = tokenizer.decode(
            ids, skip_special_tokens=False).strip()
        if logprobs is not None:
            sample.pred_pieces = pieces_of(tokenizer, ids)
            sample.pred_logprobs = logprobs[i, :len(ids)].tolist()
    return list(samples)


def fit_context(llm: nn.Module, prompt: int, arguments: dict) -> int:
    """New tokens that a prompt leaves room for.

    Args:
        llm (HFLanguageModel): Has the length of the context.
        prompt (int): Tokens of the longest prompt.
        arguments (dict): With ``max_new_tokens``.

    Raises:
        DataError: If there is no room for an answer.
    """
    wanted = arguments['max_new_tokens']
    context = getattr(llm.model.config, 'max_position_embeddings', None)
    if context is None or prompt + wanted <= context:
        return wanted
    if prompt >= context:
        raise DataError(
            f'the prompt has {prompt} tokens, the model reads {context}: ask '
            'a shorter question, start a new dialogue or show fewer images')
    print_log(
        f'a prompt of {prompt} tokens leaves room for {context - prompt} of '
        f'the {wanted} new tokens asked for; longer answers are marked as '
        'not finished', 'current', logging.WARNING)
    return context - prompt


def pieces_of(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Text of each token; joined they are the text of all.

    A character of several tokens belongs to the last of them.
    """
    pieces, done = [], ''
    start = 0
    for i in range(len(ids)):
        text = tokenizer.decode(ids[start:i + 1], skip_special_tokens=False)
        if text.endswith('\ufffd') and i + 1 < len(ids):
            pieces.append('')
            continue
        pieces.append(text[len(done):])
        # Decoding anew behind a line break keeps this linear.
        done = text
        if text.endswith('\n'):
            start, done = i + 1, ''
    return pieces


def mask_constraint(samples: Sequence[DialogueSample], tokenizer: Any,
                    end: int, cfg: dict) -> list:
    """A logits processor that lets ``[SEG]`` answers be masks only.

    Raises:
        DataError: If such a sample does not say its names.
    """
    from mmeo.models.vlm.mask_constraint import MaskLogitsProcessor
    names = [mask_names(s) if s.get('task') == 'SEG' else None
             for s in samples]
    if not any(names):
        return []
    return [MaskLogitsProcessor(tokenizer, names, eos_token_id=end, **cfg)]


def mask_names(sample: DialogueSample) -> list[str]:
    """Background and the names that a mask answer may use.

    Raises:
        DataError: If the sample does not say them.
    """
    if sample.get('mask_names'):
        return list(sample.mask_names)
    annotation = sample.get('annotation') or {}
    if annotation.get('class_name'):
        return ['others', annotation['class_name']]
    if annotation.get('classes'):
        return ['others', *(n for n in annotation['classes']
                            if n != 'others')]
    raise DataError(
        f'{sample.get("source")}: constrain_masks needs the names of the '
        'mask: `mask_names` of the data sample, or `class_name` in its '
        'annotation record')
