# Copyright (c) mmeo contributors. All rights reserved.
"""The check finds each flaw, and nothing in good data."""

import json

import numpy as np
import pytest
from PIL import Image

import mmeo
from mmeo.codecs import ByteBPETokenizer
from mmeo.datasets.instruct_audit import audit
from mmeo.datasets.instruct_check import CheckSettings
from mmeo.datasets.instruct_issues import KINDS
from mmeo.datasets.instruct_targets import file_target

GOOD = [
    dict(id=1, image='a.png', conversations=[
        {'from': 'human', 'value': '<image>\nWhere is the ship?'},
        {'from': 'gpt', 'value': '<ref>ship</ref><box>[[1, 2, 3, 4]]</box>'}]),
    dict(id=2, image=['a.png', 'b.png'], conversations=[
        {'from': 'system', 'value': 'Be brief.'},
        {'role': 'user', 'content': '<image> <image> What changed?'},
        {'role': 'assistant', 'content': 'Nothing.'}]),
    dict(id=3, conversations=[
        {'from': 'human', 'value': 'Hi'}, {'from': 'gpt', 'value': 'Ho'},
        {'from': 'human', 'value': 'Hi'}, {'from': 'gpt', 'value': 'Ho'}]),
    dict(id=4, image='a.png', conversations=[
        {'from': 'human', 'value': 'No placeholder'},
        {'from': 'gpt', 'value': 'Goes first'}]),
]


def talk(question='Hi', answer='Ho', **fields):
    return dict(conversations=[{'from': 'human', 'value': question},
                               {'from': 'gpt', 'value': answer}], **fields)


BAD = {
    'json': '{"conversations": [',
    'record': json.dumps([1]),
    'role': json.dumps(dict(conversations=[
        {'from': 'bot', 'value': 'x'}, {'from': 'gpt', 'value': 'x'}])),
    'order': json.dumps(dict(conversations=[{'from': 'gpt', 'value': 'x'}])),
    'answer': json.dumps(talk(answer=' \n')),
    'placeholder': json.dumps(talk('<image> <image> Hi', image='a.png')),
    'control-token': json.dumps(talk('<|im_end|>')),
    'image-missing': json.dumps(talk(image='none.png')),
    'image-broken': json.dumps(talk(image='cut.png')),
    'image-mode': json.dumps(talk(image='deep.png')),
    'box-form': json.dumps(talk(answer='<box>[[1, 2, 3]]</box>')),
    'box-range': json.dumps(talk(answer='<box>[[1, 2, 3, 1200]]</box>')),
    'box-inverted': json.dumps(talk('<box>[[9, 2, 3, 8]]</box>')),
    'box-empty': json.dumps(talk(answer='<box>[[1, 2, 1, 8]]</box>')),
    'question': json.dumps(talk('')),
    'duplicate-id': json.dumps(talk(id=1)),
}


@pytest.fixture
def folder(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    for name in ('a', 'b'):
        Image.fromarray(noise).save(tmp_path / f'{name}.png')
    whole = (tmp_path / 'a.png').read_bytes()
    (tmp_path / 'cut.png').write_bytes(whole[:len(whole) // 2])
    Image.fromarray(np.full((8, 8), 3000, np.uint16)).save(
        tmp_path / 'deep.png')
    return tmp_path


def run(folder, lines, workers=0, **settings):
    path = folder / 'x.jsonl'
    path.write_text('\n'.join(
        x if isinstance(x, str) else json.dumps(x) for x in lines))
    settings.setdefault('decode', True)
    return audit(file_target(str(path)).sources, CheckSettings(**settings),
                 workers)


def test_good_data_has_no_issue(folder):
    report = run(folder, GOOD)
    assert (report.errors, report.warnings) == (0, 0)
    assert report.files[0].records == 4 and report.files[0].images == 4
    assert '0 errors, 0 warnings in 4 records' in str(report)


@pytest.mark.parametrize('kind', BAD)
def test_each_flaw_is_found_alone_and_placed(folder, kind):
    report = run(folder, [*GOOD, BAD[kind]])
    assert dict(report.tally.counts) == {kind: 1}
    issue = report.tally.examples[kind][0]
    assert issue.source == f'{folder}/x.jsonl:5'
    level = KINDS[kind][0]
    assert (report.errors, report.warnings) == (
        (1, 0) if level == 'error' else (0, 1))


def test_what_the_loader_refuses_is_an_error(folder):
    """What stops a run is an error; what loads is none unless it is wrong."""
    path = folder / 'y.jsonl'
    for kind, line in BAD.items():
        path.write_text(line)
        try:
            data = mmeo.build(
                'InstructDataset', ann_file=str(path),
                data_prefix=dict(img_path=str(folder)),
                pipeline=[dict(type='LoadDialogueImages')])
            data[0]
            loads = True
        except mmeo.errors.DataError:
            loads = False
        errors = audit(file_target(str(path)).sources,
                       CheckSettings(decode=True)).errors
        # These load (the last is refused by the tokenizer's transform) and
        # teach nonsense.
        wrong = kind.startswith('box') or kind in ('answer', 'control-token')
        if not loads:
            assert errors, kind
        elif not wrong:
            assert not errors, kind


def test_several_flaws_of_one_record(folder):
    line = talk('<image><image><box>[[9, 2, 3, 8]]</box>', '',
                image='none.png')
    report = run(folder, [line])
    assert set(report.tally.counts) == {
        'placeholder', 'box-inverted', 'answer', 'image-missing'}


def test_examples_are_limited_and_counts_are_not(folder):
    report = run(folder, [BAD['answer']] * 9, limit=2)
    assert report.tally.counts['answer'] == 9
    assert len(report.tally.examples['answer']) == 2


def test_processes_agree_with_one(folder):
    lines = [*GOOD, *BAD.values()] * 60  # more than one chunk
    one, two = (run(folder, lines, workers) for workers in (0, 2))
    assert one.files[0].records == 1200
    assert one.to_dict() == two.to_dict()
    # Ids 1 to 4 come sixty times and once more in each repetition.
    assert one.tally.counts['duplicate-id'] == 60 * 5 - 4


def test_broken_files_are_issues(folder):
    meta = folder / 'meta.json'
    (folder / 'x.jsonl').write_text(json.dumps(GOOD[0]))
    (folder / 'list.json').write_text(json.dumps(GOOD)[:-1])
    (folder / 'empty.jsonl').write_text('\n')
    meta.write_text(json.dumps({
        'x': dict(root='.', annotation='x.jsonl', length=3),
        'gone': dict(annotation='gone.jsonl'),
        'list': dict(root='.', annotation='list.json'),
        'empty': dict(annotation='empty.jsonl')}))
    report = audit(file_target(str(meta)).sources, CheckSettings())
    assert dict(report.tally.counts) == {'annotation': 3, 'length': 1}
    assert [file.records for file in report.files] == [1, 0, 4, 0]
    texts = [i.message for i in report.tally.examples['annotation']]
    assert 'gone.jsonl' in texts[0] and 'breaks off' in texts[1]


def transforms(folder, **kwargs):
    corpus = folder / 'corpus.jsonl'
    corpus.write_text(json.dumps(GOOD[0]))
    pack = mmeo.build('PackDialogue', system='', tokens_per_tile=4,
                      tokenizer=ByteBPETokenizer(corpus, 300), **kwargs)
    return mmeo.build('DynamicTiling', image_size=20, max_tiles=6), pack


def test_lengths_are_those_of_the_pipeline(folder):
    tiling, pack = transforms(folder)
    report = run(folder, GOOD, tiling=tiling, pack=pack)
    data = mmeo.build(
        'InstructDataset', ann_file='x.jsonl', data_root=str(folder),
        pipeline=[dict(type='LoadDialogueImages'), tiling, pack])
    lengths = [len(data[i]['inputs']['input_ids']) for i in range(4)]
    file = report.files[0]
    assert (file.tokens, file.measured, file.longest) == (
        sum(lengths), 4, max(lengths))
    # Headers are enough; a broken end of an image does not matter here.
    quick = run(folder, GOOD, tiling=tiling, pack=pack, decode=False)
    assert quick.to_dict() == report.to_dict()


@pytest.mark.parametrize('policy, kind', [('error', 'too-long'),
                                          ('cut_rounds', 'cut')])
def test_long_samples(folder, policy, kind):
    tiling, pack = transforms(folder, max_seq_len=100, too_long=policy)
    turns = GOOD[2]['conversations'] * 4
    report = run(folder, [dict(conversations=turns)], tiling=tiling,
                 pack=pack)
    assert dict(report.tally.counts) == {kind: 1}
    # Six tiles and a thumbnail never fit, and images are not cut.
    _, pack = transforms(folder, max_seq_len=25, too_long=policy)
    report = run(folder, [GOOD[0]], tiling=tiling, pack=pack)
    assert dict(report.tally.counts) == {'too-long': 1}
    assert '28 of them of 7 tiles' in str(report)


def write_real(vl, out):
    """Instructions about the real samples, one record of each sort."""
    asked = json.loads((vl / 'rsvqa_lr/LR_split_test_questions.json')
                       .read_text())['questions']
    answers = {a['id']: a['answer'] for a in json.loads(
        (vl / 'rsvqa_lr/LR_split_test_answers.json').read_text())['answers']}
    records = [
        talk(f'<image>\n{q["question"]}', answers[q['answers_ids'][0]],
             id=f'rsvqa-{q["id"]}',
             image=f'rsvqa_lr/Images_LR/{q["img_id"]}.tif')
        for q in asked if q['active']][:40]
    change = json.loads((vl / 'levir_cc/captions.json').read_text())
    for image in change['images']:
        records.append(talk(
            'Before: <image> After: <image>\nWhat changed?',
            image['sentences'][0], id='levir-cc', image=[
                f'levir_cc/{date}/{image["filename"]}' for date in 'AB']))
    ref = json.loads((vl / 'vrsbench/records.json').read_text())[0]
    x1, y1, x2, y2 = (int(n.strip('<>{}')) * 10
                      for n in ref['ground_truth'].split('><'))
    records.append(talk(
        f'<image>\nWhere is {ref["question"]}',
        f'<ref>vehicle</ref><box>[[{x1}, {y1}, {x2}, {y2}]]</box>',
        id='vrsbench', image=f'vrsbench/{ref["file_here"]}'))
    for image in json.loads((vl / 'rsicd_captions/captions_derived.json')
                            .read_text())['images'][:10]:
        records.append(talk('<image>\nDescribe it.', image['sentences'][0],
                            id=image['filename'],
                            image=f'rsicd_captions/{image["filename"]}'))
    records.append(talk('What is SAR?', 'Synthetic aperture radar.', id='t'))
    path = out / 'real.jsonl'
    path.write_text('\n'.join(map(json.dumps, records)))
    return path, len(records)


def test_real_samples_load_and_pass(real_sample, tmp_path):
    vl = real_sample('vl')
    path, count = write_real(vl, tmp_path)
    root = str(vl)
    tokenizer = ByteBPETokenizer(path, 400)
    tiling = mmeo.build('DynamicTiling', max_tiles=12)
    pack = mmeo.build('PackDialogue', tokenizer=tokenizer)
    report = audit(file_target(str(path), root).sources,
                   CheckSettings(True, tiling, pack))
    assert (report.errors, report.warnings) == (0, 0), str(report)
    assert report.files[0].records == count > 50
    data = mmeo.build(
        'InstructDataset', ann_file=str(path), data_root=root, max_tiles=12,
        pipeline=[dict(type='LoadDialogueImages'), tiling, pack])
    lengths = []
    for i in (0, 40, 41, 42, count - 1):
        inputs = data[i]['inputs']
        lengths.append(len(inputs['input_ids']))
        assert int(inputs['image_mask'].sum()) == 256 * len(
            inputs['pixel_values'])
        assert int((inputs['labels'] != -100).sum()) > 1
    tiles = [len(data[i]['inputs']['pixel_values'])
             for i in (0, 40, 41, count - 1)]
    # One square tile; two dates of a tile each; one; none.
    assert tiles == [1, 2, 1, 0]
    assert max(lengths) <= report.files[0].longest
