# Copyright (c) mmeo contributors. All rights reserved.
"""Caption scores against numbers by hand and the COCO scorers themselves."""

import json
import math
import shutil

import pytest
from answer_records import MALFORMED, record

from mmeo.errors import ConfigError, DataError
from mmeo.evaluation.metrics import CaptionMetric
from mmeo.evaluation.text import coco_captions
from mmeo.evaluation.text.coco_captions import caption_scores, coco_module
from mmeo.evaluation.text.tokens import clean, levir_tokens, tokenize
from mmeo.registry import METRICS

pytest.importorskip('pycocoevalcap', reason='pip install pycocoevalcap')
needs_java = pytest.mark.skipif(shutil.which('java') is None,
                                reason='METEOR and PTB tokens need java')


def test_bleu_by_hand() -> None:
    # Of the n-grams 5 of 6, 4 of 5, 3 of 4 and 2 of 3 are in the first
    # reference; `the` counts once. Its length is the closest: no penalty.
    found = caption_scores([('the house is near the road',
                             ['a house is near the road', 'the road'])])
    assert 'METEOR' not in found
    product = 1.
    for n, share in enumerate((5 / 6, 4 / 5, 3 / 4, 2 / 3), 1):
        product *= share
        assert found[f'BLEU-{n}'] == pytest.approx(100 * product ** (1 / n))
    # Half as long as the only reference: exp(1 - 2).
    found = caption_scores([('a road', ['a road is here'])])
    assert found['BLEU-2'] == pytest.approx(100 * math.exp(-1))


def test_rouge_by_hand() -> None:
    # Longest common subsequences 5 of 6|6 and 2 of 6|2; the best precision
    # is 5/6, the best recall 1, beta squared 1.44.
    found = caption_scores([('the house is near the road',
                             ['a house is near the road', 'the road'])])
    assert found['ROUGE-L'] == pytest.approx(
        100 * 2.44 * (5 / 6) / (1 + 1.44 * 5 / 6))


def test_cider_by_hand() -> None:
    # All n-grams are in one document of two: equal weights. The first pair
    # has cosine 1 for n = 1, 2 and no longer n-grams; the second 1/2 for
    # n = 1. Mean over n = 1 ... 4, times 10.
    found = caption_scores([('red roof', ['red roof']),
                            ('blue lake', ['green lake'])])
    assert found['CIDEr'] == pytest.approx(
        100 * 10 * ((1 + 1) / 4 + (1 / 2) / 4) / 2)
    assert caption_scores([('red roof', ['red roof'])])['CIDEr'] == 0


@pytest.fixture(scope='module')
def real_captions(real_sample) -> list:
    """One of five sentences stands for the answer, four are references."""
    path = real_sample('vl/rsicd_captions/captions_derived.json')
    sentences = [image['sentences']
                 for image in json.loads(path.read_text())['images']]
    assert len(sentences) > 20
    return sentences


def compare_directly(captions: list, meteor: bool) -> dict:
    """The COCO scorers, called as their own example calls them."""
    tokenizer = coco_module('tokenizer.ptbtokenizer').PTBTokenizer()
    said = tokenizer.tokenize({i: [dict(caption=group[0])]
                               for i, group in enumerate(captions)})
    truth = tokenizer.tokenize({
        i: [dict(caption=each) for each in group[1:]]
        for i, group in enumerate(captions)})
    found = {f'BLEU-{n}': value for n, value in enumerate(
        coco_module('bleu.bleu').Bleu(4).compute_score(
            truth, said, verbose=0)[0], 1)}
    subsequence = coco_module('rouge.rouge').Rouge  # codespell:ignore rouge
    scorers = dict([('ROUGE-L', subsequence),
                    ('CIDEr', coco_module('cider.cider').Cider)])
    if meteor:
        scorers['METEOR'] = coco_module('meteor.meteor').Meteor
    for name, scorer in scorers.items():
        found[name] = scorer().compute_score(truth, said)[0]
    return found


@needs_java
@pytest.mark.parametrize('meteor', [
    False, pytest.param(True, marks=pytest.mark.slow)])
def test_equals_the_coco_scorers(real_captions, meteor: bool) -> None:
    metric = METRICS.build(dict(type='CaptionMetric', meteor=meteor))
    found = metric.score([record(group[0], references=group[1:])
                          for group in real_captions])
    expected = compare_directly(real_captions, meteor)
    assert set(expected) == set(found) - {'questions', 'empty', 'unparsed',
                                          'unfinished'}
    for name, value in expected.items():
        assert found[name] == pytest.approx(100 * value, rel=1e-9), name
        assert 10 < found[name] < 1000  # CIDEr is at most 1000
    assert not metric.notes


@needs_java
def test_ptb_tokens() -> None:
    texts = ["Don't cross: the (new) road!", '', 'A road .', '...',
             '3.5 m-wide; été 中文', 'A road .']
    assert tokenize(texts, 'ptb') == [
        "do n't cross the -lrb- new -rrb- road", '', 'a road', '',
        '3.5 m-wide été 中文', 'a road']
    assert tokenize([], 'ptb') == [] and tokenize(['', ' '], 'ptb') == ['', '']


def test_other_tokens() -> None:
    text = 'A road, and two houses;  none ?'
    assert tokenize([text], 'space') == [
        'a road, and two houses; none ?']
    assert tokenize([text], 'levir') == [
        'a road , and two houses ; none']
    assert levir_tokens('The two scenes seem identical .') == [
        'the', 'two', 'scenes', 'seem', 'identical']
    assert clean('a|||b\x00\n c') == 'a b c'
    with pytest.raises(ConfigError, match="tokens='words'.*'levir'"):
        tokenize([text], 'words')


def test_punctuation_changes_the_score_with_the_tokens() -> None:
    records = [record('a road.', references=['a road']),
               record('the lake', references=['a lake'])]
    scores = {tokens: CaptionMetric(tokens, meteor=False).score(records)
              for tokens in ('levir', 'space')}
    assert scores['levir']['BLEU-1'] == pytest.approx(75)
    assert scores['space']['BLEU-1'] == pytest.approx(50)
    assert "'space'" in CaptionMetric('space').rules()


def test_counts_and_empty_answers() -> None:
    records = [record('a road', references=['a road', '.']),
               record('', references=['a house']),
               record('...', 'a lake', finished=False)]
    metric = CaptionMetric('levir', meteor=False)
    found = metric.score(records)
    assert found['ROUGE-L'] == pytest.approx(100 / 3)
    assert (found['questions'], found['empty'], found['unparsed'],
            found['unfinished']) == (3, 1, 1, 1)
    assert metric.notes == ['1 references without a word are left out']
    nothing = metric.score(records[1:])
    assert nothing['BLEU-1'] == pytest.approx(0, abs=1e-6)
    assert nothing['CIDEr'] == 0


@needs_java
def test_malformed_answers_do_not_raise() -> None:
    records = [record(text, references=['a road', 'two houses ||| a lake'])
               for text in MALFORMED] + [record('a road', 'a road')]
    found = CaptionMetric().score(records)
    assert found['empty'] == 2 and found['unparsed'] >= 3
    assert 0 < found['METEOR'] < 20 and 0 < found['BLEU-1'] < 20


def test_without_java(monkeypatch) -> None:
    monkeypatch.setattr(coco_captions.shutil, 'which', lambda name: None)
    metric = CaptionMetric('space')
    found = metric.score([record('a road', 'a road')])
    assert 'METEOR' not in found and found['ROUGE-L'] == 100
    assert metric.notes == ['METEOR is absent: there is no java to run it']
    ptb = CaptionMetric()
    with pytest.raises(ConfigError, match="needs java.*tokens='space'"):
        ptb.process(None, [])  # on the first batch


def test_java_that_fails_is_told(monkeypatch, tmp_path) -> None:
    java = tmp_path / 'java'
    java.write_text('#!/bin/sh\necho "no memory here" >&2\nexit 1\n')
    java.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:/bin:/usr/bin')
    metric = CaptionMetric('space')
    found = metric.score([record('a road', 'a road')])
    assert 'METEOR' not in found and found['ROUGE-L'] == 100
    assert metric.notes == [
        'METEOR is absent: its java program failed: no memory here']
    with pytest.raises(ConfigError, match='failed: no memory here'):
        CaptionMetric().score([record('a road', 'a road')])


def test_without_pycocoevalcap(monkeypatch) -> None:
    import sys
    for name in [each for each in sys.modules if 'pycocoevalcap' in each]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match='pip install pycocoevalcap'):
        CaptionMetric('space').process(None, [])


def test_region_descriptions_alone() -> None:
    metric = CaptionMetric('levir', meteor=False, tasks=('REF', ),
                           prefix='region')
    with pytest.raises(DataError, match=r"no answer.*\['REF'\]"):
        metric.score([])
    assert metric.prefix == 'region'


def test_bad_input() -> None:
    metric = CaptionMetric('space', meteor=False)
    for references in ('a road', [], [1], [' ']):
        with pytest.raises(DataError, match=r'test.jsonl:\d+'):
            metric.score([record('a road', references=references)])
    with pytest.raises(DataError, match='a word in it'):
        metric.score([record('a road')])
