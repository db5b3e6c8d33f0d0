# Copyright (c) mmeo contributors. All rights reserved.
"""Change captions by the rules of LEVIR-CC and as plain words."""

import json
import shutil

import pytest
from answer_records import MALFORMED, record
from mmengine.config import Config
from PIL import Image

from mmeo.datasets.instruct_converters import convert_instruct
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.evaluation.metrics import ChangeCaptionMetric
from mmeo.evaluation.text.change_words import (
    NO_CHANGE,
    WordIndex,
    count_words,
    read_word_index,
    says_no_change,
)
from mmeo.evaluation.text.coco_captions import caption_scores
from mmeo.registry import METRICS

pytest.importorskip('pycocoevalcap', reason='pip install pycocoevalcap')

SAME = list(NO_CHANGE)
ROAD = ['a road is built in the forest', 'a road appears', 'a new road',
        'the trees give way to a road', 'a road replaces some trees']
HOUSES = ['some houses are built', 'houses appear beside the road',
          'several villas , with gardens , appear', 'two houses are built',
          'many houses are constructed on the bareland']


def pairs(*answers: str) -> list:
    truth = ((ROAD, True), (HOUSES, True), (SAME, False), (SAME[::-1], False))
    return [record(said, references=references, changed=changed)
            for said, (references, changed) in zip(answers, truth)]


GOOD = ('a road is built', 'some villas appear beside the road',
        'The two scenes seem identical .', 'there is no difference')


def test_stock_sentences() -> None:
    assert all(says_no_change(each) for each in NO_CHANGE)
    assert says_no_change('No change has occurred. ')
    assert not says_no_change('no change') and not says_no_change('')
    assert not says_no_change('there is no difference but a road')


def test_vocabulary(tmp_path) -> None:
    captions = ['a road .'] * 6 + ['a lake'] * 5 + ['b road, a tree ?']
    index = count_words(captions)
    assert index == {'<NULL>': 0, '<UNK>': 1, '<START>': 2, '<END>': 3,
                     'a': 4, 'road': 5}
    assert WordIndex(index).digits('a lake <END> road') == '4 1 1 5'
    data = tmp_path / 'LevirCCcaptions.json'
    data.write_text(json.dumps(dict(images=[dict(sentences=[
        dict(raw=each) for each in captions])])))
    assert read_word_index(data).index == index
    vocabulary = tmp_path / 'vocab.json'
    vocabulary.write_text(json.dumps(index))
    assert read_word_index(vocabulary).index == index


def test_levir_equals_the_official_steps_one_by_one(tmp_path) -> None:
    """Words to numbers, unknown ones kept as one number, COCO scorers."""
    index = count_words([*ROAD, *HOUSES, *SAME], 1)
    path = tmp_path / 'vocab.json'
    path.write_text(json.dumps(index))
    references = [ROAD, HOUSES, SAME, SAME[::-1]]
    digits = []
    for said, group in zip(GOOD, references):
        lines = []
        for sentence in (said, *group):
            words = sentence.lower().replace(',', ' ,').replace('.', '')
            numbers = []
            for word in words.split():
                numbers.append(index[word] if word in index else 1)
            lines.append(' '.join(map(str, numbers)))
        digits.append((lines[0], lines[1:]))
    metric = ChangeCaptionMetric(vocabulary=str(path), meteor=False)
    found = metric.score(pairs(*GOOD))
    for name, part in (('', digits), ('changed/', digits[:2]),
                       ('unchanged/', digits[2:])):
        for score, value in caption_scores(part).items():
            assert found[f'{name}{score}'] == pytest.approx(value), score
    unknown = [word for line, _ in digits for word in line.split()
               if word == '1']
    assert found['unknown_words'] == len(unknown) > 3
    assert 'vocab.json' in metric.rules()


def test_unknown_words_are_one_word(tmp_path) -> None:
    index = count_words(['a b'] * 6)
    path = tmp_path / 'vocab.json'
    path.write_text(json.dumps(index))
    records = [record('a zebra', references=['a lake'], changed=True)]
    options = dict(meteor=False)
    cut = ChangeCaptionMetric(vocabulary=path, **options).score(records)
    assert cut['BLEU-2'] == pytest.approx(100) and cut['unknown_words'] == 1
    whole = ChangeCaptionMetric(**options).score(records)
    assert whole['BLEU-1'] == pytest.approx(50)
    assert whole['unknown_words'] == 1  # none of the references has it


def test_numbers_are_words_under_another_name() -> None:
    """With all words known only METEOR can tell the protocols apart."""
    found = [ChangeCaptionMetric(protocol, tokens='levir',
                                 meteor=False).score(pairs(*GOOD))
             for protocol in ('levir', 'plain')]
    assert found[0].pop('unknown_words') == 0
    assert found[0] == pytest.approx(found[1])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which('java') is None, reason='needs java')
def test_meteor_sees_no_stems_in_numbers() -> None:
    records = [record('the house appears', changed=True,
                      references=['the houses appear'])]
    levir = ChangeCaptionMetric().score(records)['METEOR']
    plain = ChangeCaptionMetric('plain', tokens='levir').score(records)
    assert levir < plain['METEOR'] - 10


def test_accuracy_of_change() -> None:
    found = ChangeCaptionMetric(meteor=False).score(
        pairs('a road', SAME[0], SAME[1], 'a house'))
    assert found['change_accuracy'] == found['no_change_accuracy'] == 50
    assert found['accuracy'] == 50
    assert (found['changed_pairs'], found['unchanged_pairs']) == (2, 2)
    # Silence is wrong for both kinds.
    found = ChangeCaptionMetric(meteor=False).score(pairs('', '', '', '.'))
    assert found['change_accuracy'] == found['no_change_accuracy'] == 0
    assert (found['empty'], found['unparsed']) == (3, 1)


def test_parts_of_the_set() -> None:
    records = pairs(*GOOD)
    metric = METRICS.build(dict(type='ChangeCaptionMetric', meteor=False))
    found = metric.score(records)
    assert found['unchanged/BLEU-4'] == pytest.approx(100, abs=1e-4)
    assert found['unchanged/CIDEr'] == 0  # every word in every document
    assert found['changed/ROUGE-L'] < found['ROUGE-L'] < 100
    alone = metric.score(records[:2])
    assert not any('unchanged/' in name for name in alone)
    assert 'no_change_accuracy' not in alone
    for name in ('BLEU-4', 'CIDEr', 'ROUGE-L'):
        assert alone[name] == pytest.approx(found[f'changed/{name}'])


def test_the_first_reference_decides_where_nothing_is_said() -> None:
    records = [record('a road', references=ROAD),
               record('a road', references=SAME), record('x', SAME[0])]
    found = ChangeCaptionMetric(meteor=False).score(records)
    assert (found['changed_pairs'], found['unchanged_pairs']) == (1, 2)


def test_real_captions(real_sample) -> None:
    path = real_sample('vl/levir_cc/captions.json')
    image = json.loads(path.read_text())['images'][0]
    said, *references = image['sentences']
    metric = ChangeCaptionMetric(vocabulary=path, meteor=False)
    found = metric.score([record(said, references=references)])
    assert found['changed_pairs'] == 1 and found['change_accuracy'] == 100
    # The only word that the five captions hold more than five times.
    assert found['unknown_words'] == len(said.replace('the ', '').split())


def test_from_the_converter_over_the_config(tmp_path, repo_root) -> None:
    """What the converter writes is what the metrics of the config read."""
    root = tmp_path / 'images/levir_mci'
    images = []
    for i, sentences in enumerate((ROAD, SAME)):
        name = f'test_{i:06}.png'
        for date in 'AB':
            path = root / 'images/test' / date / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new('RGB', (8, 8)).save(path)
        images.append(dict(filename=name, split='test', sentences=[
            dict(raw=f'{each} .') for each in sentences]))
    (root / 'LevirCCcaptions.json').write_text(json.dumps(
        dict(images=images)))
    out = tmp_path / 'test.jsonl'
    convert_instruct('levir_cc', root, out, image_root=root, split='test',
                     style='rsunivlm', truth=True)
    truth = [json.loads(line) for line in out.read_text().splitlines()]
    assert [each['changed'] for each in truth] == [True, False]
    cfg = Config.fromfile(
        repo_root / 'configs/rsunivlm/levir_mci/rsunivlm-1b_ccd_levir_mci.py')
    official, plain = cfg.test_evaluator
    assert official.vocabulary.startswith(cfg.data_root)
    official.vocabulary = official.vocabulary.replace(
        cfg.data_root, str(tmp_path))
    records = [record(f'{each["references"][0]}', **each) for each in truth]
    metric = METRICS.build(dict(official, meteor=False))
    found = metric.score(records)
    assert found['accuracy'] == 100
    assert found['BLEU-4'] == pytest.approx(100, abs=1e-4)
    assert metric.prefix == 'change_caption'
    plain = METRICS.build(dict(plain, meteor=False, tokens='space'))
    assert plain.prefix == 'plain'
    assert plain.score(records)['BLEU-4'] == pytest.approx(100, abs=1e-4)


def test_malformed_answers_do_not_raise() -> None:
    records = [record(text, references=ROAD, changed=i % 2 == 0)
               for i, text in enumerate(MALFORMED)]
    found = ChangeCaptionMetric(meteor=False).score(records)
    assert found['empty'] == 2 and found['questions'] == len(MALFORMED)
    assert found['no_change_accuracy'] == 0 and found['BLEU-4'] < 1


def test_bad_input(tmp_path) -> None:
    with pytest.raises(ConfigError, match="protocol='cider'"):
        ChangeCaptionMetric('cider')
    with pytest.raises(ConfigError, match="tokens='ptb' goes with"):
        ChangeCaptionMetric(tokens='ptb')
    with pytest.raises(ConfigError, match='leave `vocabulary` out'):
        ChangeCaptionMetric('plain', vocabulary='vocab.json')
    # Before the first answer, not after the last.
    with pytest.raises(MissingDataError, match='no vocabulary at'):
        ChangeCaptionMetric(vocabulary=tmp_path / 'no.json').process(None, [])
    bad = tmp_path / 'bad.json'
    for text, message in (('{', 'not JSON'), ('[]', 'neither'),
                          ('{"a": 1}', 'neither'),
                          ('{"<UNK>": "x"}', 'neither')):
        bad.write_text(text)
        with pytest.raises(DataError, match=message):
            read_word_index(bad)
