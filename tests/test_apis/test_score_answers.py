# Copyright (c) mmeo contributors. All rights reserved.
"""Scores of saved answers, from Python and the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmeo.apis.metric_text import parse_metric
from mmeo.apis.score_answers import score_answers
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.evaluation.answers import AnswerRecord

ROOT = Path(__file__).resolve().parents[2]
TOOL = 'tools/analysis_tools/score_answers.py'


def save(path: Path, *answers: tuple, start: int = 1) -> Path:
    lines = [AnswerRecord(
        source=f'test.jsonl:{number}', question='?', answer=said,
        reference=truth, task=task,
        annotation=dict(question_type='presence')).to_line()
        for number, (task, said, truth) in enumerate(answers, start)]
    path.write_text(''.join(lines), encoding='utf-8')
    return path


def cells(table: str) -> dict[str, str]:
    """Name to value of the rows of a printed table."""
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in table.splitlines() if line.startswith('|')]
    return dict(rows[1:])


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    return save(tmp_path / 'answers.jsonl', ('VQA', 'Yes.', 'yes'),
                ('VQA', '', 'no'), ('CLS', 'Beach', 'beach'))


def test_metric_as_text() -> None:
    cfg = parse_metric("dict(type='A', b=dict(c=(1, -2.5)), d=[None, True], "
                       "e={'x': dict(y='z')})")
    assert cfg == dict(type='A', b=dict(c=(1, -2.5)), d=[None, True],
                       e=dict(x=dict(y='z')))
    assert parse_metric("{'type': 'A'}") == parse_metric('A') == dict(type='A')


@pytest.mark.parametrize('text', [
    "dict(type=__import__('os').getcwd())", "list(type='A')", 'dict(a=1)',
    "dict(type='A', **b)", "dict('A')", "dict(type=open('x'))", '[1]', 'a b',
    '1 +', "dict(type='A' + 'B')", "dict(type=f'{1}')", 'dict(type=1)',
    "(lambda: dict(type='A'))()", "{**{}, 'type': 'A'}", '', "a.b(type='A')"])
def test_nothing_is_executed(text: str) -> None:
    with pytest.raises(ConfigError, match='cannot be read'):
        parse_metric(text)


def test_table_and_json(answers: Path, tmp_path: Path) -> None:
    out = tmp_path / 'new' / 'scores.json'
    text = score_answers(
        answers, ["dict(type='VQAAccuracy', match='lhrs', tasks=('VQA', ))",
                  dict(type='SceneAccuracy', classes=('Beach', 'Farm'),
                       tasks=['CLS'])], out=out)
    first, second = text.split('\n\n')
    assert cells(first)['vqa/presence'] == '100.00'
    assert cells(first)['vqa/questions'] == '2'
    assert "match 'lhrs', dropped types: none" in first
    assert '1 of them empty' in first
    assert cells(second)['scene/accuracy'] == '100.00'
    content = json.loads(out.read_text())
    assert content['schema'] == 'mmeo/answer-scores/1'
    assert content['answers'] == [str(answers)]
    vqa, scene = content['results']
    assert vqa['metric']['match'] == 'lhrs' and len(vqa['notes']) == 1
    assert vqa['scores']['vqa/macro'] == 100.
    assert scene['scores']['scene/questions'] == 1


def test_several_files_are_one_test_set(answers: Path,
                                        tmp_path: Path) -> None:
    more = save(tmp_path / 'rank1.jsonl', ('VQA', 'no', 'no'), start=9)
    text = score_answers([answers, more],
                         ["dict(type='VQAAccuracy', tasks=['VQA'])"])
    assert cells(text)['vqa/presence'] == '66.67'
    with pytest.raises(DataError, match='3 questions.*test.jsonl:1'):
        score_answers([answers, answers], ['VQAAccuracy'])


def test_metrics_of_a_config(answers: Path, tmp_path: Path) -> None:
    config = tmp_path / 'config.py'
    config.write_text("test_evaluator = [dict(type='VQAAccuracy', "
                      "tasks=('VQA', ), prefix='rsvqa')]\n")
    found = cells(score_answers(answers, config=config))
    assert found['rsvqa/presence'] == '50.00'
    config.write_text('model = None\n')
    with pytest.raises(ConfigError, match='no `test_evaluator`'):
        score_answers(answers, config=config)


def test_command_line(answers: Path, tmp_path: Path) -> None:
    out = tmp_path / 'scores.json'
    done = subprocess.run(
        [sys.executable, TOOL, str(answers), '--metric',
         "dict(type='VQAAccuracy', tasks=('VQA', ))", '--out', str(out)],
        cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert cells(done.stdout)['vqa/macro'] == '50.00' and out.is_file()


def test_bad_input(answers: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match='no answers at'):
        score_answers(tmp_path / 'no.jsonl', ['VQAAccuracy'])
    with pytest.raises(ConfigError, match='either --metric'):
        score_answers(answers)
    with pytest.raises(ConfigError, match='either --metric'):
        score_answers(answers, ['VQAAccuracy'], config='x.py')
    with pytest.raises(ConfigError, match='needs a test run'):
        score_answers(answers, ["dict(type='mmeo.ChangeMetric')"])
    with pytest.raises(DataError, match=r"no answer.*\['SEG'\]"):
        score_answers(answers, ["dict(type='VQAAccuracy', tasks=('SEG', ))"])
