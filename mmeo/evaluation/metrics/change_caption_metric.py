# Copyright (c) mmeo contributors. All rights reserved.
"""Descriptions of what has changed between two images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from mmeo.errors import ConfigError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.text.change_words import (
    WordIndex,
    count_words,
    read_word_index,
    says_no_change,
)
from mmeo.evaluation.text.tokens import levir_tokens
from mmeo.registry import METRICS

from .caption_metric import CaptionMetric

PROTOCOLS = ('levir', 'plain')


@METRICS.register_module()
class ChangeCaptionMetric(CaptionMetric):
    """Caption scores of changed, of unchanged and of all pairs.

    Metrics, with the prefix ``change_caption``: those of
    :class:`CaptionMetric` over all pairs, and again as ``changed/...`` and
    ``unchanged/...`` over either kind as a set of its own; ``change_accuracy``
    and ``no_change_accuracy``, the percentage of changed (unchanged) pairs
    whose answer is none (one) of the five sentences for 'nothing has changed'
    in LEVIR-CC, and ``accuracy`` over both. Counts as there,
    ``changed_pairs``, ``unchanged_pairs`` and, for 'levir',
    ``unknown_words`` in answers. ``unchanged/CIDEr`` is 0 whatever is said
    where all unchanged pairs have the same references, for words of every
    document weigh nothing.

    Protocols:

    - 'levir': the scorer of LEVIR-CC and LEVIR-MCI. Words of its own
      preparation become numbers, unknown ones the same number, and the
      numbers are scored as if they were words.
    - 'plain': the words themselves, as :class:`CaptionMetric`.

    Args:
        protocol (str): Defaults to 'levir'.
        vocabulary (str or Path, optional): For 'levir', the authors'
            ``vocab.json``, or ``LevirCCcaptions.json``, whose words that
            occur more than 5 times are taken. Defaults to None: all words of
            the references, so that no reference has an unknown word.
        tokens (str, optional): For 'plain', see :class:`CaptionMetric`.
            Defaults to None: 'ptb', and 'levir' for 'levir'.
        meteor (bool): Compute METEOR. Defaults to True.
        tasks (Sequence[str], optional): Defaults to None, all.
        prefix (str, optional): Defaults to None, 'change_caption'.
        collect_device (str): Defaults to 'cpu'.

    The annotation of a record has ``references`` and ``changed`` (bool);
    without the latter the first reference decides, as in the official code.
    """

    default_prefix = 'change_caption'

    def __init__(self,
                 protocol: str = 'levir',
                 vocabulary: Union[str, Path, None] = None,
                 tokens: Optional[str] = None,
                 meteor: bool = True,
                 tasks: Optional[Sequence[str]] = None,
                 prefix: Optional[str] = None,
                 collect_device: str = 'cpu') -> None:
        if protocol not in PROTOCOLS:
            raise ConfigError(f'ChangeCaptionMetric: protocol={protocol!r}: '
                              f'choose one of {list(PROTOCOLS)}')
        if protocol == 'levir' and tokens not in (None, 'levir'):
            raise ConfigError("ChangeCaptionMetric: protocol='levir' has its "
                              f'own tokens; tokens={tokens!r} goes with '
                              "protocol='plain'")
        if protocol == 'plain' and vocabulary is not None:
            raise ConfigError("ChangeCaptionMetric: protocol='plain' scores "
                              'words, not numbers: leave `vocabulary` out')
        super().__init__(
            tokens=tokens or ('levir' if protocol == 'levir' else 'ptb'),
            meteor=meteor, tasks=tasks, prefix=prefix,
            collect_device=collect_device)
        self.protocol = protocol
        self.vocabulary = vocabulary
        self._index: Optional[WordIndex] = None

    def rules(self) -> str:
        """See :class:`TextMetric`."""
        words = ('' if self.protocol == 'plain' else
                 f', vocabulary {self.vocabulary or "of the references"}')
        return f'protocol {self.protocol!r}{words}; {super().rules()}'

    def check(self) -> None:
        """See :class:`CaptionMetric`; also reads the vocabulary."""
        super().check()
        if self.vocabulary is not None:
            self._index = read_word_index(self.vocabulary)

    def score(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """See :class:`DialogueMetric`."""
        self.check()
        counts = self.start(records)
        captions, references = self.words(records, counts)
        changed = [_is_changed(record) for record in records]
        counts.update(changed_pairs=sum(changed),
                      unchanged_pairs=len(changed) - sum(changed))
        if self.protocol == 'levir':
            index = self._word_index(references)
            counts['unknown_words'] = sum(
                word not in index for caption in captions
                for word in caption.split())
            captions = [index.digits(caption) for caption in captions]
            references = [[index.digits(words) for words in group]
                          for group in references]
        sets = {'': (captions, references)}
        for name, kind in (('changed/', True), ('unchanged/', False)):
            rows = [i for i, each in enumerate(changed) if each is kind]
            if rows:
                sets[name] = ([captions[i] for i in rows],
                              [references[i] for i in rows])
        return {**self.scores_of(sets), **_accuracies(records, changed),
                **counts}

    def _word_index(self, references: Sequence[Sequence[str]]) -> WordIndex:
        if self._index is not None:
            return self._index
        return WordIndex(count_words(
            (words for group in references for words in group), 0))


def _is_changed(record: AnswerRecord) -> bool:
    found = record.annotation.get('changed')
    if found is not None:
        return bool(found)
    first = record.annotation.get('references', [record.reference])[0]
    return not says_no_change(first)


def _accuracies(records: Sequence[AnswerRecord],
                changed: Sequence[bool]) -> dict[str, float]:
    """Whether answers say that something has changed.

    An answer without a word says neither and is wrong for both kinds; the
    official code takes it for a change.
    """
    right = {True: [], False: []}
    for record, kind in zip(records, changed):
        silent = not levir_tokens(record.answer)
        right[kind].append(not silent and
                           says_no_change(record.answer) is not kind)
    names = {True: 'change_accuracy', False: 'no_change_accuracy'}
    scores = {names[kind]: 100 * sum(group) / len(group)
              for kind, group in right.items() if group}
    both = right[True] + right[False]
    return {**scores, 'accuracy': 100 * sum(both) / len(both)}
