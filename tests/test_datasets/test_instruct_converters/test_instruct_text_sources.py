# Copyright (c) mmeo contributors. All rights reserved.
"""Questions, captions and conversations in their official formats."""

import pytest

import mmeo
from mmeo.codecs import decode_boxes
from mmeo.datasets.instruct_converters.geochat import (
    parse_boxes,
    rewrite_fractions,
    rewrite_percent,
)
from mmeo.errors import DataError, MissingDataError


@pytest.fixture
def rsvqa(tmp_path, picture, write):
    """Stubs of inactive entries, ids that are no positions."""
    root = tmp_path / 'rsvqa'
    for i in (7, 9):
        picture(root / 'Images_LR' / f'{i}.tif')
    stub = dict(id=1, active=False)
    write(root / 'LR_split_train_images.json', dict(images=[
        stub, dict(id=7, active=True, questions_ids=[70, 71, 72]),
        dict(id=9, active=False)]))
    write(root / 'LR_split_train_questions.json', dict(questions=[
        stub,
        dict(id=71, img_id=7, type='count', question='How many roads?',
             answers_ids=[5], active=True),
        dict(id=70, img_id=7, type='presence', question='Is there water?',
             answers_ids=[4], active=True),
        dict(id=72, img_id=7, type='comp', question='Any?', answers_ids=[6],
             active=True),
        dict(id=73, img_id=9, type='comp', question='Any?', answers_ids=[4],
             active=True),
        dict(id=74, img_id=7, type='comp', question='Any?', answers_ids=[],
             active=True)]))
    write(root / 'LR_split_train_answers.json', dict(answers=[
        stub,
        dict(id=4, question_id=70, answer='yes', active=True),
        dict(id=5, quesiton_id=71, answer='12', active=True),
        dict(id=6, quesiton_id=99, answer='no', active=True)]))
    return root


def test_rsvqa_joins_by_id(rsvqa, convert):
    done = convert('rsvqa', rsvqa)
    assert [(q.split('\n')[0], a) for q, a in done.pairs] == [
        ('How many roads?', '12'), ('Is there water?', 'yes')]
    assert {r['image'] for r in done.records} == {'7.tif'}
    assert done.report.left_out == {'question is inactive': 1}
    assert done.report.flaws == {
        'answer belongs to another question': 1,
        'image of the question is inactive or unlisted': 1,
        'question has no active answer': 1}


def test_rsvqa_messages(rsvqa, convert, write):
    with pytest.raises(MissingDataError, match='split_val_questions.json'):
        convert('rsvqa', rsvqa, split='val')
    write(rsvqa / 'USGS_split_train_questions.json', '{}')
    with pytest.raises(DataError, match='holds 2 files'):
        convert('rsvqa', rsvqa)
    (rsvqa / 'USGS_split_train_questions.json').unlink()
    write(rsvqa / 'LR_split_train_answers.json', dict(questions=[]))
    with pytest.raises(DataError, match='no list `answers`'):
        convert('rsvqa', rsvqa)


def test_captions(tmp_path, picture, write, convert):
    for name in ('a.jpg', 'b.jpg'):
        picture(tmp_path / 'rsicd/RSICD_images' / name)
    text = [dict(raw='a  plane .', tokens=['a']), dict(raw='a plane .'),
            dict(raw='two planes')]
    write(tmp_path / 'rsicd/dataset_rsicd.json', dict(images=[
        dict(filename='a.jpg', split='train', sentences=text),
        dict(filename='b.jpg', split='test', sentences=text[:1]),
        dict(filename='b.jpg', split='train', sentences=[])]))
    done = convert('captions', tmp_path / 'rsicd')
    assert done.answers == ['a plane .', 'two planes']
    assert done.report.left_out == {'repeated caption': 1,
                                    'belongs to another split': 1}
    assert done.report.flaws == {'image has no caption': 1}
    everything = convert('captions', tmp_path / 'rsicd', split='all',
                         sentences='all')
    assert everything.report.written == 4


def test_levir_cc_builds_paths_from_parts(tmp_path, picture, write, convert):
    root = tmp_path / 'DATA_A' / 'LEVIR-MCI'  # letters A above the folder A
    for date in 'AB':
        picture(root / 'images/train' / date / 'train_000001.png')
    write(root / 'LevirCCcaptions.json', dict(images=[dict(
        filepath='train', filename='train_000001.png', imgid=0, split='train',
        changeflag=1, sentences=[dict(raw=' a road appears .')])]))
    done = convert('levir_cc', root)
    assert done.records[0]['image'] == ['images/train/A/train_000001.png',
                                        'images/train/B/train_000001.png']
    value = done.records[0]['conversations'][0]['value']
    assert value.startswith('Image-1: <image>\nImage-2: <image>\n')
    assert done.answers == ['a road appears .']
    write(tmp_path / 'test.txt', 'train_000001.png')
    with pytest.raises(DataError, match='exclude list'):
        convert('levir_cc', root, exclude=str(tmp_path / 'test.txt'))


@pytest.mark.parametrize('name, text', [
    ('t.csv', 'Figure,text\na.png,"x, y"\n,lost\n'),
    ('t.tsv', 'Figure\ttext\na.png\tx, y\n\tlost\n'),
    ('t.jsonl', '{"Figure": "a.png", "text": "x, y"}\n\n'
                '{"Figure": null, "text": "lost"}\n')])
def test_caption_tables(tmp_path, picture, write, convert, name, text):
    picture(tmp_path / 'a.png')
    table = write(tmp_path / name, text)
    done = convert('caption_table', table, image_column='Figure',
                   text_column='text')
    assert done.answers == ['x, y']
    assert done.report.flaws == {'row without image or text': 1}
    with pytest.raises(DataError, match="no column 'image'"):
        convert('caption_table', table)


def turns(*texts):
    return [{'from': ('human', 'gpt')[i % 2], 'value': text}
            for i, text in enumerate(texts)]


def test_llava_layouts(tmp_path, picture, write, convert):
    for name in ('a.png', 'b.png'):
        picture(tmp_path / name)
    path = write(tmp_path / 'mix.json', [
        dict(id='x', image='a.png', conversations=turns('Why <image>?', 'b')),
        dict(id='x', image='a.png', conversations=[
            dict(role='user', content='<image>\nq'),
            dict(role='assistant', content='a')]),
        dict(id='pubmed', image=['a.png', 'b.png'],
             conversations=turns('q', 'a', 'q2', 'a2')),
        dict(id='two', image=['a.png', 'b.png'],
             conversations=turns('Is <image> left of <image>?', 'no')),
        dict(id='text', conversations=turns('q', 'a')),
        dict(id='bad', image='a.png', conversations=turns('q')),
        dict(id='few', image=['a.png', 'b.png'],
             conversations=turns('<image> q', 'a')), 'no object'])
    done = convert('llava', path)
    values = {r['id']: r['conversations'][0]['value'] for r in done.records}
    assert values == {
        'x': '<image>\nWhy ?', 'x_1': '<image>\nq',
        'pubmed': 'Image-1: <image>\nImage-2: <image>\nq',
        'two': 'Is <image> left of <image>?', 'text': 'q'}
    assert done.report.notes == {'image placeholder added': 1}
    assert done.report.flaws == {
        'turns do not go question, answer, question, answer': 1,
        'image placeholders differ from images': 1, 'record is no object': 1}


def test_llava_keeps_the_system_turn(tmp_path, picture, write, convert):
    picture(tmp_path / 'a.png')
    system = [{'from': 'system', 'value': 'Answer shortly.'}]
    path = write(tmp_path / 'mix.json', [
        dict(id='x', image='a.png',
             conversations=system + turns('<image>\nq', 'a')),
        dict(id='twice', conversations=system + system + turns('q', 'a')),
        dict(id='late', conversations=turns('q', 'a') + system),
        dict(id='stray', image='a.png', conversations=[
            {'from': 'system', 'value': '<image>'}, *turns('q', 'a')])])
    done = convert('llava', path)
    assert [r['conversations'] for r in done.records] == [
        [*system, *turns('<image>\nq', 'a')]]
    assert done.report.flaws == {
        'turns do not go question, answer, question, answer': 2,
        'image placeholder in a system turn': 1}
    sample = mmeo.build('InstructDataset', ann_file=str(done.path),
                        data_root=str(tmp_path))[0]
    assert sample['conversations'][0] == system[0]


def test_geochat_fields_are_read_by_name():
    # The angle of 90 swaps the sides; as a coordinate it would be y2.
    assert parse_boxes('{<10><40><50><60>|<90>}') == [
        pytest.approx([20, 30, 40, 70])]
    text, _ = rewrite_percent(
        'See <p>2 ships</p>{<1><2><3><4>|<0>}<delim>{<5><6><7><8>|<180>} '
        'near the <p>pier</p>.')
    assert text == ('See <ref>2 ships</ref><box>[[10, 20, 30, 40], '
                    '[50, 60, 70, 80]]</box> near the pier.')
    joined, _ = rewrite_percent('{<1><2><3><4>|<0>}{<5><6><7><8>}')
    assert len(decode_boxes(joined).boxes) == 2


def test_geochat(tmp_path, picture, write, convert):
    picture(tmp_path / 'final_images_llava/P1.png')
    write(tmp_path / 'GeoChat_Instruct.json', [
        dict(id='P1', image='P1.png', conversations=turns(
            '<image>\n[refer] where is <p>the ship</p> ?',
            '<p>the ship</p>{<10><40><50><60>|<90>}')),
        dict(id='P1', image='P1.png', conversations=turns(
            '<image>\n[identify] {<90><90><100><100>|<45>}', 'a ship')),
        dict(id='P1', image='P1.png', conversations=turns(
            '<image>\nany?', '{<60><40><50><60>|<0>}'))])
    done = convert('geochat', tmp_path)
    boxes = decode_boxes(done.answers[0])
    assert boxes.boxes.tolist() == [[200, 300, 400, 700]]
    assert boxes.phrases == ['the ship']
    assert done.pairs[0][0] == '[refer] where is the ship ?'
    # 45 degrees reach over the border: clipped and counted.
    assert decode_boxes(done.pairs[1][0]).boxes.tolist() == [
        [879, 879, 1000, 1000]]
    assert done.report.notes.total() == 1
    assert done.report.flaws == {'box has its corners in the wrong order': 1}
    dropped = convert('geochat', tmp_path, task_tags='drop')
    assert dropped.pairs[0][0] == 'where is the ship ?'


def test_lhrs_fractions(tmp_path, picture, write, convert):
    picture(tmp_path / 'a.png')
    path = write(tmp_path / 'vg.json', dict(data=[
        dict(img='a.png', question='Where?', answer='[0.1, .25, 0.5, 1]'),
        dict(name='a.png', question='What is in [0, 0, 1, 1]?', answer='all'),
        dict(img='a.png', question='Where?', answer='[12, 20, 30, 40]'),
        dict(question='q', answer='a')]))
    done = convert('lhrs_vg', path)
    assert done.answers == ['<box>[[100, 250, 500, 1000]]</box>', 'all']
    assert 'all' in done.answers and done.report.flaws.total() == 2
    assert rewrite_fractions('no box [1, 2]') == ('no box [1, 2]', ())


def test_pmc_vqa_answers_as_letter_or_text(tmp_path, picture, write, convert):
    picture(tmp_path / 'images/f.jpg')
    head = 'Figure_path,Question,Choice A,Choice B,Choice C,Choice D,'
    rows = 'f.jpg,What organ?, A:Liver, B:Lung, C:Heart, D:Skin,'
    old = write(tmp_path / 'train.csv', f'{head}Answer,Answer_label\n'
                f'{rows}Lung,B\n{rows}Lung,\n{rows}Brain,\n')
    new = write(tmp_path / 'train_2.csv', f'{head}Answer,split\n{rows}B,t\n')
    for path, count in ((old, 2), (new, 1)):
        done = convert('pmc_vqa', path, form='letter')
        assert done.answers == ['B'] * count
        assert 'B. Lung' in done.pairs[0][0]
        assert convert('pmc_vqa', path, form='open').answers == [
            'Lung'] * count
    assert convert('pmc_vqa', old).report.flaws == {
        'answer is not exactly one of the options': 1}


def test_omnimedvqa(tmp_path, picture, write, convert):
    picture(tmp_path / 'Images/ACRIMA/a.png')
    row = dict(dataset='ACRIMA', question_id='ACRIMA_1',
               question_type='Modality Recognition', question='Modality?',
               gt_answer='CT', image_path='Images/ACRIMA/a.png',
               option_A='MRI', option_B='CT', option_C=None,
               modality_type='CT')
    write(tmp_path / 'QA_information/Open-access/ACRIMA.json', [row])
    done = convert('omnimedvqa', tmp_path, form='letter')
    assert done.answers == ['B'] and 'C.' not in done.pairs[0][0]
