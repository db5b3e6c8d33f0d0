# Copyright (c) mmeo contributors. All rights reserved.
"""Accuracy of short answers, by type of question."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.text.vqa_rules import (
    RULES,
    is_parsed,
    match_normalized,
    normalize,
)
from mmeo.registry import METRICS

from .text_metric import TextMetric

CLOSED = {'rural_urban': ('rural', 'urban')}


@METRICS.register_module()
class VQAAccuracy(TextMetric):
    """Share of questions with the right answer, in percent.

    Metrics, with the prefix ``vqa``: one for each type of question (spaces
    in its name become ``_``), ``macro``, their mean, which is what papers
    call the average of RSVQA, and ``accuracy`` over all questions. Counts:
    ``questions``, ``dropped``, ``empty``, ``unparsed`` (said something, but
    neither yes nor no, no number, none of the closed answers), both of which
    are wrong unless the rule says otherwise, and ``unfinished``.

    Rules (``match``):

    - 'normalized': ours, see :func:`mmeo.evaluation.text.vqa_rules.normalize`
      and, for yes and no, the first word.
    - 'geochat': lower case, no spaces and full stops, equal.
    - 'vqa_v2': equal after the normalisation of VQA v2.
    - 'vrsbench': yes, no and numbers equal; other annotated answers
      contained in the model's. Where they are not, the benchmark asks a
      language model; here these are wrong, counted as ``judge_needed``, and
      ``macro_upper`` and ``accuracy_upper`` take them for right.
    - 'lhrs', 'vrsbench_script': as the public scripts of LHRS-Bot and
      VRSBench do, to compare with numbers that come from them. Both credit
      wrong answers; how many is noted.

    Args:
        match (str): The rule. Defaults to 'normalized'.
        drop_types (Sequence[str]): Types that are not scored; ('count',
            'area') in the literature on RSVQA. Defaults to ().
        merge_types (Mapping[str, str], optional): Type to the type that it
            counts as; VRSBench counts 'image' and 'rural or urban' as 'scene
            type'. Defaults to None.
        closed_answers (Mapping[str, Sequence[str]], optional): Type to all
            its possible answers, used to count ``unparsed``. Defaults to
            None: ``rural_urban``.
        tasks (Sequence[str], optional): Defaults to None, all.
        prefix (str, optional): Defaults to None, 'vqa'.
        collect_device (str): Defaults to 'cpu'.

    The annotation of a record may name its ``question_type``; without, it is
    'untyped'.
    """

    default_prefix = 'vqa'

    def __init__(self,
                 match: str = 'normalized',
                 drop_types: Sequence[str] = (),
                 merge_types: Optional[Mapping[str, str]] = None,
                 closed_answers: Optional[Mapping[str, Sequence[str]]] = None,
                 tasks: Optional[Sequence[str]] = None,
                 prefix: Optional[str] = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(tasks=tasks, prefix=prefix,
                         collect_device=collect_device)
        if match not in RULES:
            raise ConfigError(f'VQAAccuracy: match={match!r}: choose one of '
                              f'{list(RULES)}')
        self.match = match
        self.drop_types = tuple(drop_types)
        self.merge_types = dict(merge_types or {})
        closed = CLOSED if closed_answers is None else closed_answers
        self.closed = {name: {normalize(answer) for answer in answers}
                       for name, answers in closed.items()}

    def rules(self) -> str:
        """See :class:`TextMetric`."""
        dropped = ', '.join(self.drop_types) or 'none'
        return (f'match {self.match!r}, dropped types: {dropped}; macro is '
                'the mean over types')

    def score(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """See :class:`DialogueMetric`."""
        kept = [record for record in records
                if self._type(record) not in self.drop_types]
        counts = self.start(kept)
        for record in kept:
            if not record.reference.strip():
                raise DataError(f'{record.source}: the question has no '
                                'annotated answer to compare with')
        counts['dropped'] = len(records) - len(kept)
        counts['unparsed'] = sum(
            bool(record.answer.strip()) and not self._parsed(record)
            for record in kept)
        verdicts = [RULES[self.match](record.answer, record.reference)
                    for record in kept]
        types = [self._type(record) for record in kept]
        scores = _by_type(types, [verdict is True for verdict in verdicts])
        if self.match.startswith('vrsbench'):
            upper = _by_type(types, [verdict is not False
                                     for verdict in verdicts])
            scores.update(macro_upper=upper['macro'],
                          accuracy_upper=upper['accuracy'])
            counts['judge_needed'] = verdicts.count(None)
        self._note_credit(kept, verdicts)
        return {**scores, **counts}

    def _type(self, record: AnswerRecord) -> str:
        name = record.annotation.get('question_type') or 'untyped'
        return self.merge_types.get(name, name)

    def _parsed(self, record: AnswerRecord) -> bool:
        return is_parsed(record.answer, record.reference,
                         self.closed.get(self._type(record), ()))

    def _note_credit(self, records: Sequence[AnswerRecord],
                     verdicts: Sequence[Any]) -> None:
        """How many answers only a lenient script takes for right."""
        if self.match not in ('lhrs', 'vrsbench_script'):
            return
        strict = (match_normalized if self.match == 'lhrs'
                  else RULES['vrsbench'])
        credited = [record for record, verdict in zip(records, verdicts)
                    if verdict and not strict(record.answer,
                                              record.reference)]
        empty = sum(not record.answer.strip() for record in credited)
        self.notes.append(
            f'match {self.match!r} counts {len(credited)} answers as right '
            f'that are not equal to the annotated one, {empty} of them '
            'empty; use it only beside numbers from that script')


def _by_type(types: Sequence[str],
             correct: Sequence[bool]) -> dict[str, float]:
    """Percent of each type, their mean, and of all."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for name, right in zip(types, correct):
        groups[name.replace(' ', '_')].append(right)
    scores = {name: 100 * sum(group) / len(group)
              for name, group in sorted(groups.items())}
    macro = sum(scores.values()) / len(scores)
    return {**scores, 'macro': macro,
            'accuracy': 100 * sum(correct) / len(correct)}
