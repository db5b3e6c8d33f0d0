# Copyright (c) mmeo contributors. All rights reserved.
"""Captions and region descriptions against reference sentences."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from mmeo.errors import DataError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.text.coco_captions import (
    MeteorJar,
    caption_scores,
    coco_module,
)
from mmeo.evaluation.text.tokens import check_style, tokenize
from mmeo.registry import METRICS

from .text_metric import TextMetric


@METRICS.register_module()
class CaptionMetric(TextMetric):
    """BLEU-1 to 4, METEOR, ROUGE-L and CIDEr, times 100.

    By pycocoevalcap, see
    :func:`mmeo.evaluation.text.coco_captions.caption_scores`. With ``tasks=
    ('REF', )`` it scores region descriptions. Metrics, with the prefix
    ``caption``: ``BLEU-1`` ... ``CIDEr`` and the counts ``questions``,
    ``empty``, ``unparsed`` (an answer of punctuation alone) and
    ``unfinished``. An empty answer scores 0. Without java there is no
    ``METEOR`` among them, and a note says so; nothing takes its place.

    Args:
        tokens (str): How sentences are cut into words, 'ptb' (java),
            'levir' or 'space', see :func:`mmeo.evaluation.text.tokens.
            tokenize`. Defaults to 'ptb', as for COCO.
        meteor (bool): Compute METEOR. Defaults to True.
        tasks (Sequence[str], optional): Defaults to None, all.
        prefix (str, optional): Defaults to None, 'caption'.
        collect_device (str): Defaults to 'cpu'.

    The annotation of a record has ``references``, a list of sentences;
    without it, the annotated answer is the only one.
    """

    default_prefix = 'caption'

    def __init__(self,
                 tokens: str = 'ptb',
                 meteor: bool = True,
                 tasks: Optional[Sequence[str]] = None,
                 prefix: Optional[str] = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(tasks=tasks, prefix=prefix,
                         collect_device=collect_device)
        self.tokens = tokens
        self.meteor = meteor
        self._checked = False

    def rules(self) -> str:
        """See :class:`TextMetric`."""
        return (f'tokens {self.tokens!r}, lower case; COCO scorers, METEOR '
                f'{"1.5" if self.meteor else "not asked for"}')

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the records; fail on the first batch, not after the last."""
        if not self._checked:
            self.check()
        super().process(data_batch, data_samples)

    def check(self) -> None:
        """Refuse what cannot be scored on this machine.

        Raises:
            ConfigError: If pycocoevalcap is absent, or the tokens need java.
        """
        coco_module('bleu.bleu')
        check_style(self.tokens)
        self._checked = True

    def score(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """See :class:`DialogueMetric`."""
        self.check()
        counts = self.start(records)
        captions, references = self.words(records, counts)
        scores = self.scores_of({'': (captions, references)})
        return {**scores, **counts}

    def words(self, records: Sequence[AnswerRecord],
              counts: dict) -> tuple[list[str], list[list[str]]]:
        """Captions and references, cut into words.

        Args:
            records (Sequence[AnswerRecord]): Answers.
            counts (dict): Gains ``unparsed``.

        Raises:
            DataError: If a record has no reference with a word in it.
        """
        references = [_references(record) for record in records]
        flat = [sentence for group in references for sentence in group]
        words = iter(self.cut([record.answer for record in records] + flat))
        captions = [next(words) for _ in records]
        cut = [[next(words) for _ in group] for group in references]
        counts['unparsed'] = sum(
            bool(record.answer.strip()) and not caption
            for record, caption in zip(records, captions))
        return captions, self._drop_empty(records, cut)

    def cut(self, sentences: Sequence[str]) -> list[str]:
        """Words of each sentence, joined by one space."""
        return tokenize(sentences, self.tokens)

    def scores_of(
            self, sets: Mapping[str, tuple[Sequence[str],
                                           Sequence[Sequence[str]]]]
    ) -> dict[str, float]:
        """Scores of several sets.

        Args:
            sets (Mapping): What goes in front of the names of the scores, to
                captions and their references.
        """
        meteor = MeteorJar() if self.meteor else None
        scores = {
            f'{prefix}{name}': value
            for prefix, (captions, references) in sets.items()
            for name, value in caption_scores(
                list(zip(captions, references)), meteor).items()
        }
        if meteor is not None and meteor.absent:
            self.notes.append(f'METEOR is absent: {meteor.absent}')
        return scores

    def _drop_empty(self, records: Sequence[AnswerRecord],
                    references: Sequence[Sequence[str]]) -> list[list[str]]:
        kept = [[words for words in group if words] for group in references]
        for record, group in zip(records, kept):
            if not group:
                raise DataError(f'{record.source}: no reference sentence has '
                                'a word in it')
        dropped = sum(map(len, references)) - sum(map(len, kept))
        if dropped:
            self.notes.append(f'{dropped} references without a word are left '
                              'out')
        return kept


def _references(record: AnswerRecord) -> list[str]:
    """Annotated sentences of a record, at least one.

    Raises:
        DataError: If there is none, or they are no list of texts.
    """
    found = record.annotation.get('references', [record.reference])
    if not isinstance(found, (list, tuple)) or not found or not all(
            isinstance(text, str) for text in found):
        raise DataError(f'{record.source}: `references` is no list of '
                        f'sentences: {found!r}')
    return list(found)
