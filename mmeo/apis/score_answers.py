# Copyright (c) mmeo contributors. All rights reserved.
"""Score answers that were saved, without model or images."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Optional, Union

from prettytable import PrettyTable

from mmeo.apis.config import ConfigLike, load_config
from mmeo.apis.metric_text import parse_metric
from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.answers import AnswerRecord, read_answers
from mmeo.evaluation.metrics.dialogue_metric import DialogueMetric
from mmeo.registry import METRICS

PathLike = Union[str, Path]


def score_answers(answers: Union[PathLike, Sequence[PathLike]],
                  metric: Sequence[Union[str, Mapping[str, Any]]] = (),
                  config: Optional[ConfigLike] = None,
                  out: Optional[PathLike] = None) -> str:
    """Score one or more files of answers as one test set.

    Args:
        answers (str | Path | Sequence): ``answers.jsonl``; several if a run
            on several devices has left one each.
        metric (Sequence[str | Mapping]): Metrics as in a config, or their
            text, see :func:`mmeo.apis.metric_text.parse_metric`.
        config (str | Path | Config, optional): Config whose
            ``test_evaluator`` scores, instead of ``metric``.
        out (str | Path, optional): JSON file for the scores.

    Returns:
        str: A table, with the rules that led to each number.

    Raises:
        ConfigError: If there is no metric, or one that needs more than
            answers.
        DataError: If an answer comes twice.
    """
    files = [answers] if isinstance(answers, (str, Path)) else list(answers)
    records = [record for path in files for record in read_answers(path)]
    _check_once(records)
    results = [_score(cfg, records) for cfg in _configs(metric, config)]
    if out is not None:
        content = dict(schema='mmeo/answer-scores/1',
                       answers=[str(path) for path in files],
                       results=results)
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(json.dumps(content, indent=1) + '\n',
                             encoding='utf-8')
    return '\n\n'.join(_render(result) for result in results)


def _configs(metric: Sequence[Union[str, Mapping[str, Any]]],
             config: Optional[ConfigLike]) -> list[dict[str, Any]]:
    if bool(metric) == (config is not None):
        raise ConfigError('name either --metric, once or more often, or a '
                          '--config whose `test_evaluator` scores')
    if config is None:
        return [parse_metric(each) if isinstance(each, str) else dict(each)
                for each in metric]
    found = load_config(config).get('test_evaluator')
    if not found:
        raise ConfigError(f'{config}: has no `test_evaluator`')
    evaluators = found if isinstance(found, list) else [found]
    return [each.to_dict() for each in evaluators]


def _check_once(records: Sequence[AnswerRecord]) -> None:
    """A resumed run or a rank too many must not weigh questions twice."""
    seen = Counter((record.source, record.question) for record in records)
    twice = [source for (source, _), count in seen.items() if count > 1]
    if twice:
        raise DataError(f'{len(twice)} questions are answered more than once, '
                        f'the first is {twice[0]}: give the files of one run')


def _score(cfg: dict[str, Any],
           records: Sequence[AnswerRecord]) -> dict[str, Any]:
    """Metric as it was asked for, rules, notes and scores."""
    metric = METRICS.build(dict(cfg))
    if not isinstance(metric, DialogueMetric):
        raise ConfigError(f'{cfg["type"]} does not score saved answers: it '
                          'needs a test run')
    scored = [record for record in records
              if not metric.tasks or record.task in metric.tasks]
    scores = metric.score(scored)
    prefix = f'{metric.prefix}/' if metric.prefix else ''
    return dict(metric=cfg,
                rules=metric.rules() if hasattr(metric, 'rules') else '',
                notes=list(getattr(metric, 'notes', [])),
                scores={f'{prefix}{name}': _plain(value)
                        for name, value in scores.items()})


def _plain(value: Any) -> Union[int, float]:
    """Counts stay whole; no numpy types, which JSON does not know."""
    return int(value) if isinstance(value, Integral) else float(value)


def _render(result: Mapping[str, Any]) -> str:
    table = PrettyTable(['score', 'value'], align='l')
    table.align['value'] = 'r'
    for name, value in result['scores'].items():
        table.add_row([name, value if isinstance(value, int)
                       else f'{value:.2f}'])
    lines = [result['metric']['type'], table.get_string()]
    lines += [text for text in (result['rules'], *result['notes']) if text]
    return '\n'.join(lines)
