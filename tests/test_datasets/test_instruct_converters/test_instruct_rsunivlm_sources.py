# Copyright (c) mmeo contributors. All rights reserved.
"""The sets of RSUniVLM in its style, in their official formats."""

import json

import numpy as np
import pytest

from mmeo.codecs import decode_boxes, route_dialogue
from mmeo.datasets.instruct_audit import audit
from mmeo.datasets.instruct_check import CheckSettings
from mmeo.datasets.instruct_converters.boxes import enclosing_box
from mmeo.datasets.instruct_converters.geochat import rewrite_rbox
from mmeo.datasets.instruct_targets import file_target
from mmeo.errors import ConfigError, MissingDataError


def turns(*texts):
    return [{'from': ('human', 'gpt')[i % 2], 'value': text}
            for i, text in enumerate(texts)]


@pytest.fixture
def clean(convert):
    """Convert in the style; the check of evaluation files finds nothing."""

    def run(source, root, **options):
        done = convert(source, root, style='rsunivlm', **options)
        report = audit(
            file_target(str(done.meta)).sources,
            CheckSettings(truth=options.get('truth', False),
                          one_granularity=True))
        assert not report.errors, str(report)
        return done

    return run


def test_geochat_tags_become_tokens(tmp_path, picture, write, clean):
    picture(tmp_path / 'final_images_llava/P1.png')
    short = 'Answer the question using a single word or phrase.'
    write(tmp_path / 'GeoChat_Instruct.json', [
        dict(id='a', image='P1.png', conversations=turns(
            '<image>\n[refer] where is <p>the ship</p> ?',
            '<p>the ship</p>{<10><40><50><60>|<90>}', '[identify] what is '
            '{<10><40><50><60>|<0>}', 'a ship', f'Any road?\n{short}', 'no')),
        dict(id='b', image='P1.png', conversations=turns(
            '<image>\n[grounding] describe the image',
            'There are <p>2 ships</p>{<1><2><3><4>|<0>}<delim>{<5><6><7><8>'
            '|<180>} .')),
        dict(id='c', image='P1.png', conversations=turns(
            '<image>\nClassify the image in one of the following classes: a',
            'a', 'Why?', 'It is so.'))])
    done = clean('geochat', tmp_path)
    texts = {r['id']: [t['value'] for t in r['conversations']]
             for r in done.records}
    assert texts == {
        'a_region': ['<image>\n[VG] where is the ship ?',
                     'the ship [20, 30, 40, 70]',
                     '[REF] what is [10, 40, 50, 60]', 'a ship'],
        'a_image': [f'<image>\n[VQA] Any road?\n{short}', 'no'],
        'b': ['<image>\n[VG] describe the image', 'There are 2 ships '
              '[1, 2, 3, 4], [5, 6, 7, 8] .'],
        'c': ['<image>\n[CLS] Classify the image in one of the following '
              'classes: a', 'a', 'Why?', 'It is so.']}
    assert done.report.notes == {
        'questions of several granularities: split into dialogues': 2}
    described = clean('geochat', tmp_path, only_tasks='REF')
    assert described.pairs == [('[REF] what is [10, 40, 50, 60]', 'a ship')]
    assert described.report.notes == {'questions of other tasks left out': 1}
    assert described.report.left_out == {'no question of REF': 2}
    plain = clean('geochat', tmp_path, task='none')
    assert plain.records[0]['conversations'][0]['value'] == (
        '<image>\nwhere is the ship ?')


def test_fit_rs_boxes_have_a_centre(tmp_path, picture, write, clean):
    picture(tmp_path / 'imgv2_split_512_100_vaild/P1.png')
    path = write(tmp_path / 'FIT-RS-train-1415k.json', [
        dict(id=1, image='P1.png', conversations=turns(
            '<image>\n[detection]Detect all the cars.',
            'There are 2 cars in the image: <rbox>({<50.00><40.00><20.00>'
            '<10.00>|<90>}, {<10.00><10.00><4.00><4.00>|<0>})</rbox>')),
        dict(id=2, image='P1.png', conversations=turns(
            '<image>\n[detection]Detect all the cars.',
            'There are 30 cars in the image: <rbox>({<50.00><40.00><20.00>'
            '<10.00>|<90>})</rbox>, and due to the context length, the '
            'remaining objects are not listed.')),
        dict(id=3, image='P1.png', conversations=turns(
            '<image>\nWhat is <rbox>({<50><40><20><10>|<0>})</rbox>?',
            '1 car <rel>beside</rel> a house'))])
    done = clean('fit_rs', path)
    assert done.pairs == [
        ('[VG] Detect all the cars.', 'There are 2 cars in the image: '
         '[45, 30, 55, 50], [8, 8, 12, 12]'),
        ('[REF] What is [40, 35, 60, 45]?', '1 car beside a house')]
    assert done.report.left_out == {'answer is cut short': 1}


def test_rotated_boxes_of_both_forms_are_the_same_box():
    # The corners as OpenCV turns them, against the text.
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)],
                     [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-20, -10], [20, -10], [20, 10], [-20, 10]]) @ turn.T
    expected = enclosing_box((corners + [50, 40]).ravel())
    text, _ = rewrite_rbox('a <rbox>({<50><40><40><20>|<30>})</rbox>')
    np.testing.assert_allclose(decode_boxes(text).boxes[0] / 10, expected,
                               atol=0.05)


def test_all_seeing_boxes_are_rewritten(tmp_path, picture, write, clean,
                                        convert):
    picture(tmp_path / 'a.png')
    path = write(tmp_path / 'as.jsonl', '\n'.join(map(json.dumps, [
        dict(id=1, image='a.png', conversations=turns(
            '<image>\nDescribe the relation.',
            '<ref>A man</ref><box>[[100, 200, 300, 404]]</box> '
            '<pred>rides</pred><box>[[100, 200, 300, 404]]</box>'
            '<box>[[0, 0, 999, 1000]]</box> a horse')),
        dict(id=2, image='a.png', conversations=turns(
            '<image>\nWhat is <box>[[0, 0, 500, 500]]</box>?', 'sky'))])))
    done = clean('llava', path, boxes='tagged')
    assert done.pairs == [
        ('[VG] Describe the relation.', 'A man [10, 20, 30, 40] rides '
         '[10, 20, 30, 40][0, 0, 100, 100] a horse'),
        ('[REF] What is [0, 0, 50, 50]?', 'sky')]
    assert convert('llava', path, boxes='tagged').answers[1] == 'sky'
    # ShareGPT4V, DVQA, ... are of one task.
    text = write(tmp_path / 'qa.json', [dict(
        id=1, image='a.png', conversations=turns('<image>\nHow many bars?',
                                                 '3'))])
    vqa = clean('llava', text, task='VQA', truth=True)
    assert vqa.pairs == [('[VQA] How many bars?', '3')]
    assert vqa.records[0]['question_type'] == 'open'
    assert clean('llava', text).pairs == [('How many bars?', '3')]


def test_rsteller(tmp_path, picture, write, clean):
    for folder, number in (('Patches0000', 607), ('Patches0001', 9)):
        picture(tmp_path / folder / f'{number}.jpg')
        write(tmp_path / folder / f'{number}.json', dict(
            metadata=dict(patch_id=number), annotations=[
                dict(task=2, text='A road.'),
                dict(task=3, text=f'A  road {number}.'),
                dict(task=3, text='A road.')]))
    write(tmp_path / 'Patches0001/10.json', dict(annotations=[dict(task=1)]))
    done = clean('rsteller', tmp_path)
    assert done.report.written == 2 and done.report.flaws.total() == 1
    assert {q for q, _ in done.pairs} == {'[CAP] Describe this image briefly.'}
    more = clean('rsteller', tmp_path, per_image=4, caption_kinds='3')
    assert {a for a in more.answers} == {'A road 607.', 'A road 9.',
                                         'A road.'}
    truth = clean('rsteller', tmp_path, truth=True)
    assert truth.records[0]['references'] == ['A road.', 'A road 607.']
    with pytest.raises(ConfigError, match='--caption-kinds'):
        clean('rsteller', tmp_path, caption_kinds='4')
    (tmp_path / 'packed').mkdir()
    write(tmp_path / 'packed/Patches0000.tar', '')
    with pytest.raises(MissingDataError, match='unpack Patches0000.tar'):
        clean('rsteller', tmp_path / 'packed')


def lines(*rows):
    return '\n'.join(map(json.dumps, rows))


def test_geochat_bench(tmp_path, picture, write, clean):
    picture(tmp_path / 'images/P1.png', (100, 200))
    picture(tmp_path / 'images/airport/a_1.jpg')
    refer = write(tmp_path / 'referring.jsonl', lines(
        dict(question_id=1, image_id='P1', question='ships', type='ref',
             ground_truth=[[[10, 20], [30, 10], [40, 30], [20, 40]],
                           [[100, 0], [200, 0], [200, 50], [100, 50]]],
             size_group='small', dataset='FAST'),
        dict(question_id=2, image_id='P1', question='cars', ground_truth=[]),
        dict(question_id=3, image_id='P1', ground_truth=[[[1, 2]] * 4])))
    done = clean('geochat_bench', refer, kind='refer', truth=True)
    assert done.pairs == [('[VG] ships', '[5, 10, 20, 40], [50, 0, 100, 50]')]
    assert done.records[0]['boxes'] == [[10, 10, 40, 40], [100, 0, 200, 50]]
    assert done.records[0]['dataset'] == 'geochat_bench'
    assert done.report.flaws.total() == 2
    region = write(tmp_path / 'region.jsonl', lines(dict(
        question_id=1, image_id='P1', question='{<10><40><50><60>|<0>}',
        ground_truth='a ship')))
    done = clean('geochat_bench', region, kind='region', truth=True)
    assert done.pairs == [('[REF] what is [10, 40, 50, 60]?', 'a ship')]
    vqa = write(tmp_path / 'lrben.jsonl', lines(dict(
        question_id=1, image='P1.png', category='comp', ground_truth='yes',
        question='More? Answer the question using a single word or phrase.')))
    done = clean('geochat_bench', vqa, kind='vqa', truth=True)
    assert done.pairs == [('[VQA] More?', 'yes')]
    assert done.records[0]['question_type'] == 'comp'
    scene = write(tmp_path / 'aid.jsonl', lines(
        dict(question_id='airport/a_1', image='airport/a_1.jpg', text='x'),
        dict(question_id='airport/a_1', image='airport/a_1.jpg', text='x'),
        dict(question_id='none', image='P1.png', text='x')))
    done = clean('geochat_bench', scene, kind='scene', truth=True)
    assert [r['label'] for r in done.records] == ['airport'] * 2
    caption = write(tmp_path / 'grounding.jsonl', lines(dict(
        question_id=1, image_id='P1', question='[grounding] describe',
        ground_truth='See <p>ships</p>{<1><2><3><4>|<0>}.')))
    done = clean('geochat_bench', caption, kind='caption', truth=True)
    assert done.records[0]['references'] == ['See ships [1, 2, 3, 4].']


def test_scene_classes_of_caption_sets(tmp_path, picture, write, clean):
    names = ('airport_1.jpg', 'base_ball_field_22.jpg', '00123.jpg')
    for name in names:
        picture(tmp_path / 'images' / name)
    write(tmp_path / 'dataset_rsicd.json', dict(images=[
        dict(filename=name, split=split, sentences=[
            dict(raw='a plane .'), dict(raw='a plane .'), dict(raw='two .')])
        for name, split in zip(names, ('train', 'test', 'train'))]))
    done = clean('captions', tmp_path, ask='class', truth=True)
    assert [r['label'] for r in done.records] == ['airport']
    # The list holds the classes of all splits.
    assert 'from: airport, base ball field. Only' in done.pairs[0][0]
    assert done.report.left_out == {'belongs to another split': 1,
                                    'file name tells no class': 1}
    told = clean('captions', tmp_path, split='all', truth=True)
    assert [r['references'] for r in told.records] == [
        ['a plane .', 'two .']] * 3
    assert told.pairs[0][0] == '[CAP] Describe this image briefly.'


def test_vrsbench_truth(tmp_path, picture, write, clean):
    picture(tmp_path / 'Images_val/P1.png', (100, 200))
    write(tmp_path / 'Annotations_val/P1.json', dict(
        image='P1.png', caption='Two ships.',
        objects=[dict(obj_cls='ship', is_unique=True,
                      referring_sentence='The ship at the top.',
                      obj_coord=[0.1, 0.2, 0.5, 0.61])],
        qa_pairs=[dict(question='How many?', type='object quantity',
                       answer='2')]))
    done = clean('vrsbench', tmp_path, split='val', truth=True,
                 kinds='caption,refer,vqa,describe')
    by_task = {route_dialogue(r['conversations'])[0]: (r, q, a)
               for r, (q, a) in zip(done.records, done.pairs)}
    assert set(by_task) == {'CAP', 'VG', 'VQA', 'REF'}
    record, question, answer = by_task['VG']
    assert (question, answer) == ('[VG] The ship at the top.',
                                  '[10, 20, 50, 61]')
    np.testing.assert_allclose(record['boxes'], [[20, 20, 100, 61]])
    assert record['unique'] is True
    assert by_task['REF'][1:] == ('[REF] what is [10, 20, 50, 61]?',
                                  'The ship at the top.')
    assert by_task['VQA'][0]['question_type'] == 'object quantity'
    rows = [dict(image_id='P1.png', question='The ship.', type='ref',
                 ground_truth=truth, unique=False, obj_cls='ship',
                 obj_corner=[0.1, 0.2, 0.5, 0.2, 0.5, 0.61, 0.1, 0.61])
            for truth in ('{<10><20><50><60>}', '{<10><20><10><60>}')]
    path = write(tmp_path / 'VRSBench_EVAL_referring.json', rows)
    done = clean('vrsbench_eval', path, truth=True)
    # Truths without extent count; leaving them out would change the score.
    assert done.answers == ['[10, 20, 50, 60]', '[10, 20, 11, 60]']
    assert [r['boxes'] for r in done.records] == [[[20, 20, 100, 60]],
                                                  [[20, 20, 20, 60]]]
    drawn = clean('vrsbench_eval', path, truth=True, boxes_from='corners')
    np.testing.assert_allclose(drawn.records[1]['boxes'],
                               [[20, 20, 100, 61]])


def test_levir_cc_truth(tmp_path, picture, write, clean):
    entries = []
    for i, texts in enumerate((['the scene is the same as before .',
                                'There is no difference'],
                               ['a road appears', 'no change has occurred'])):
        for date in 'AB':
            picture(tmp_path / f'images/test/{date}/test_{i}.png')
        entries.append(dict(filepath='test', filename=f'test_{i}.png',
                            split='test',
                            sentences=[dict(raw=text) for text in texts]))
    write(tmp_path / 'LevirCCcaptions.json', dict(images=entries))
    done = clean('levir_cc', tmp_path, split='test', truth=True)
    assert [r['changed'] for r in done.records] == [False, True]
    assert [len(r['references']) for r in done.records] == [2, 2]
    assert done.records[0]['conversations'][0]['value'].startswith(
        '<image><image>\n[CCD] ')
    assert clean('levir_cc', tmp_path, split='test').report.written == 4


@pytest.mark.parametrize('split, left', [('train', 300), ('test', 400)])
def test_rsvqa_without_counts(real_sample, clean, split, left):
    root = real_sample('vl/rsvqa_lr')
    done = clean('rsvqa', root, split=split, truth=True,
                 drop_types='count,area')
    dropped = done.report.left_out['question of the type count']
    assert not done.report.flaws and dropped > 0
    assert done.report.written == left - dropped
    kinds = {r['question_type'] for r in done.records}
    assert kinds == {'presence', 'comp', 'rural_urban'}
    assert all(q.startswith('[VQA] ') and '\n' not in q
               for q, _ in done.pairs)
    with pytest.raises(ConfigError, match='--drop-types'):
        clean('rsvqa', root, drop_types='counts')


@pytest.mark.parametrize('source, root, options, records', [
    ('vrsbench_eval', 'vl/vrsbench/records.json', {}, 2),
    ('hrvqa', 'vl/hrvqa', {}, 3),
    ('captions', 'vl/rsicd_captions/captions_derived.json',
     dict(split='all', image_root='vl/rsicd_captions'), 42),
    ('captions', 'vl/rsicd_captions/captions_derived.json',
     dict(split='all', image_root='vl/rsicd_captions', ask='class'), 42),
    ('levir_cc', 'vl/levir_cc/captions.json', {}, 1),
    ('classification', 'scene/rsscn7', {}, 42),
    ('classification', 'scene/ucmerced', {}, 4),
    ('coco', 'horizontal/nwpu_vhr10/instances_subset.json',
     dict(image_root='horizontal/nwpu_vhr10/images'), 168),
    ('voc', 'horizontal/ssdd', {}, 20), ('dota', 'oriented/dota_devkit', {},
                                         5),
    ('change', 'change/levir_cd', {}, 32)])
def test_real_data_in_the_style(real_sample, clean, source, root, options,
                                records):
    options = {key: real_sample(value) if key == 'image_root' else value
               for key, value in options.items()}
    done = clean(source, real_sample(root), truth=True, **options)
    assert not done.report.flaws
    assert done.report.written == records
