# Copyright (c) mmeo contributors. All rights reserved.
"""Rules of short answers, and accuracy by type of question."""

import pytest
from answer_records import MALFORMED, record

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.metrics import VQAAccuracy
from mmeo.evaluation.text.vqa_rules import (
    RULES,
    is_parsed,
    match_vrsbench_script,
    normalize,
)
from mmeo.registry import METRICS
from mmeo.structures import DialogueSample

# Answer, annotated answer, and what each rule makes of it.
NAMES = ('normalized', 'geochat', 'vqa_v2', 'lhrs', 'vrsbench',
         'vrsbench_script')
CASES = [
    ('Yes.', 'yes', (True, True, True, True, True, True)),
    ('Yes, there is a road', 'yes', (True, False, False, False, False, True)),
    ('No', 'yes', (False, ) * 6),
    ('not yes', 'yes', (False, False, False, False, False, True)),
    ('', 'no', (False, False, False, True, False, False)),
    ('es', 'yes', (False, False, False, True, False, False)),
    ('none', 'no', (False, False, False, False, False, True)),
    ('10', '1', (False, False, False, False, False, True)),
    ('1', '10', (False, False, False, True, False, False)),
    ('two', '2', (True, False, True, True, False, False)),
    ('1,250 m2', '1250 m2', (True, False, True, True, None, None)),
    ('The ship', 'ship', (True, False, True, True, True, True)),
    ('a large ship', 'ship', (False, False, False, False, True, True)),
    ('vessel', 'ship', (False, False, False, False, None, None)),
    ('Rural', 'rural', (True, True, True, True, True, True)),
    ('top  left', 'top left', (True, True, True, True, None, None)),
    ('top-left', 'top left', (True, False, True, True, None, None)),
]


@pytest.mark.parametrize('answer, reference, expected', CASES)
def test_rules(answer, reference, expected) -> None:
    found = {name: RULES[name](answer, reference) for name in NAMES}
    assert found == dict(zip(NAMES, expected))


def test_normalize() -> None:
    assert normalize('The  Roads, and 1,250.5m2!') == 'roads and 1250.5m2'
    assert normalize('A') == 'a'  # nothing else would be left
    assert normalize('１０ ships') == '10 ships'  # full-width digits
    assert normalize('between 1,2 and Three') == 'between 1 2 and 3'
    assert normalize('.?!') == ''


def test_parsed() -> None:
    assert is_parsed('no idea', 'yes') and not is_parsed('maybe', 'no')
    assert is_parsed('about 12', '7') and not is_parsed('many', '7')
    assert is_parsed('Urban.', 'rural', ('rural', 'urban'))
    assert not is_parsed('a village', 'rural', ('rural', 'urban'))
    assert is_parsed('anything', 'ship') and not is_parsed('...', 'ship')


def answers() -> list:
    return [
        record('Yes', 'yes', question_type='presence'),
        record('no', 'yes', question_type='presence'),
        record('maybe', 'yes', question_type='presence'),
        record('yes', 'yes', question_type='presence', finished=False),
        record('', 'no', question_type='comp'),
        record('No.', 'no', question_type='comp'),
        record('urban', 'urban', question_type='rural_urban'),
        record('12', '3', question_type='count'),
    ]


def test_scores_by_type() -> None:
    metric = VQAAccuracy(drop_types=('count', 'area'))
    assert metric.score(answers()) == {
        'presence': 50., 'comp': 50., 'rural_urban': 100.,
        'macro': pytest.approx(200 / 3), 'accuracy': pytest.approx(400 / 7),
        'questions': 7, 'dropped': 1, 'empty': 1, 'unparsed': 1,
        'unfinished': 1}
    assert not metric.notes
    assert 'count, area' in metric.rules()
    full = VQAAccuracy().score(answers())
    assert full['count'] == 0 and full['dropped'] == 0
    assert full['macro'] == pytest.approx(50)


def test_an_empty_answer_is_right_for_lhrs_alone_and_said_so() -> None:
    metric = VQAAccuracy('lhrs')
    found = metric.score(answers()[4:6] + [record('yes please', 'yes')])
    assert found['comp'] == 100 and found['empty'] == 1
    note, = metric.notes
    assert "match 'lhrs' counts 1 answers as right" in note
    assert '1 of them empty' in note
    metric.score(answers()[:1])  # old notes go
    assert '0 answers as right' in metric.notes[0]
    for name in set(RULES) - {'lhrs'}:
        assert VQAAccuracy(name).score(answers()[4:5])['comp'] == 0, name


def test_vrsbench_without_its_judge() -> None:
    records = [
        record('a red ship', 'Ship', question_type='object category'),
        record('a vessel', 'Ship', question_type='object category'),
        record('harbor', 'Harbor', question_type='image'),
        record('13', '3', question_type='object quantity'),
    ]
    merge = {'image': 'scene type', 'rural or urban': 'scene type'}
    metric = VQAAccuracy('vrsbench', merge_types=merge)
    found = metric.score(records)
    assert found['object_category'] == 50 and found['scene_type'] == 100
    assert found['object_quantity'] == 0 and found['judge_needed'] == 1
    assert found['accuracy'] == 50 and found['accuracy_upper'] == 75
    assert found['macro'] == pytest.approx(50)
    assert found['macro_upper'] == pytest.approx(200 / 3)
    legacy = VQAAccuracy('vrsbench_script', merge_types=merge)
    assert legacy.score(records)['object_quantity'] == 100
    assert 'counts 1 answers' in legacy.notes[0]
    assert match_vrsbench_script('snow', 'no') is True


def test_malformed_answers_are_wrong_and_counted() -> None:
    records = [record(text, 'rural', question_type='rural_urban')
               for text in MALFORMED]
    for name in RULES:
        found = VQAAccuracy(name).score(records)
        assert found['questions'] == len(MALFORMED)
        assert found['empty'] == 2  # '' and white space
        assert found['unparsed'] == len(MALFORMED) - 2
        if name != 'lhrs':
            assert found['accuracy'] == 0


def test_in_a_test_loop() -> None:
    metric = METRICS.build(dict(type='VQAAccuracy', match='lhrs',
                                tasks=('VQA', )))
    samples = []
    for number, (task, said) in enumerate(
            (('VQA', 'yes'), ('CLS', 'airport'), ('VQA', ''))):
        sample = DialogueSample(metainfo=dict(
            source=f'f:{number}', img_paths=['a.png'], ori_shapes=[(8, 8)],
            question='?', task=task, granularity=0,
            annotation=dict(question_type='presence')))
        sample.gt_answer, sample.pred_answer = 'yes', said
        samples.append(sample.to_dict())
    metric.process(None, samples)
    found = metric.evaluate(3)
    assert found['vqa/presence'] == 100 and found['vqa/questions'] == 2
    assert '1 of them empty' in metric.notes[0]


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="match='exact'.*'geochat'"):
        VQAAccuracy('exact')
    with pytest.raises(DataError, match='no answer to score'):
        VQAAccuracy().score([])
    with pytest.raises(DataError, match='no annotated answer'):
        VQAAccuracy().score([record('yes')])
