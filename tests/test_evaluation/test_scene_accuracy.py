# Copyright (c) mmeo contributors. All rights reserved.
"""Classes that a model says."""

import pytest
import torch
from answer_records import MALFORMED, record
from mmpretrain.evaluation import SingleLabelMetric

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.metrics import SceneAccuracy
from mmeo.evaluation.text.class_names import ClassNames, name_key

NAMES = ('Airport', 'BaseballField', 'bare_land', 'Beach')


def test_names() -> None:
    for name in ('BaseballField', 'baseball_field', 'Baseball field.'):
        assert name_key(name) == 'baseballfield'
    names = ClassNames(NAMES)
    assert names.find(' "Bare-Land" \n') == 2
    assert names.find('the airport') is None and names.find('') is None
    # 'beac' is shared by 'Beach' alone, 'a' by all: the first.
    assert names.nearest('beaches') == 3 and names.nearest('zap') == 0
    assert names.nearest('bare  land or so') == 2
    assert names.nearest('') is None and names.nearest('???') is None


def test_accuracy_and_recall_with_and_without_fallback() -> None:
    records = [
        record('airport', label='Airport'),
        record('Airport.', label='Airport'),
        record('a big airport', label='Airport'),
        record('beach', label='Airport'),
        record('bare land', 'BareLand'),  # the annotated answer
        record('', label=2, finished=False),
    ]
    found = SceneAccuracy(NAMES, fallback='lcs', classwise=True).score(
        records)
    assert found['accuracy'] == pytest.approx(100 * 3 / 6)
    assert found['mean_recall'] == pytest.approx((50 + 50) / 2)
    assert found['accuracy_lcs'] == pytest.approx(100 * 4 / 6)
    assert found['mean_recall_lcs'] == pytest.approx((75 + 50) / 2)
    assert found['recall.Airport'] == 75 and 'recall.Beach' not in found
    counts = {name: found[name] for name in (
        'questions', 'classes', 'empty', 'unparsed', 'unfinished')}
    assert counts == dict(questions=6, classes=2, empty=1, unparsed=1,
                          unfinished=1)
    plain = SceneAccuracy(NAMES).score(records)
    assert plain == {name: found[name] for name in plain}
    assert not any('lcs' in name for name in plain)


def test_recall_equals_mmpretrain() -> None:
    truth = [0, 0, 0, 1, 1, 3, 3, 3, 3, 3]
    said = [0, 1, 0, 1, 1, 3, 2, 0, 3, 3]
    found = SceneAccuracy(NAMES).score([
        record(NAMES[b], label=a) for a, b in zip(truth, said)])
    recalls = SingleLabelMetric.calculate(
        torch.tensor(said), torch.tensor(truth), average=None,
        num_classes=4)[1]
    assert found['mean_recall'] == pytest.approx(  # class 2 is never true
        float(recalls[[0, 1, 3]].mean()), rel=1e-6)


def test_classes_of_a_dataset() -> None:
    records = [record('storage tanks', label='StorageTanks')]
    assert SceneAccuracy('AIDDataset').score(records)['accuracy'] == 100
    metric = SceneAccuracy()
    with pytest.raises(ConfigError, match='needs `classes`'):
        metric.score(records)
    metric.dataset_meta = dict(classes=('Storage Tanks', 'Beach'))
    assert metric.score(records)['accuracy'] == 100


def test_malformed_answers_are_wrong_and_counted() -> None:
    records = [record(text, label='Beach') for text in MALFORMED]
    for fallback in ('none', 'lcs'):
        found = SceneAccuracy(('Beach', 'qq'), fallback).score(records)
        assert found['accuracy'] == 0 and found['empty'] == 2
        assert found['unparsed'] == len(MALFORMED) - 2


def test_bad_input() -> None:
    with pytest.raises(ConfigError, match="'Bare Land' and 'bare_land'"):
        ClassNames(('Bare Land', 'bare_land'))
    with pytest.raises(ConfigError, match='letters or digits'):
        ClassNames(('Beach', '?'))
    with pytest.raises(ConfigError, match="fallback='first'"):
        SceneAccuracy(NAMES, fallback='first')
    with pytest.raises(ConfigError, match="'InstructDataset' is no dataset"):
        SceneAccuracy('InstructDataset').score([record('a')])
    with pytest.raises(DataError, match="test.jsonl:.*'Moon' is none of"):
        SceneAccuracy(NAMES).score([record('Beach', label='Moon')])
    with pytest.raises(DataError, match='4 is none of the 4'):
        SceneAccuracy(NAMES).score([record('Beach', label=4)])
