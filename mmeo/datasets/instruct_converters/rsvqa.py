# Copyright (c) mmeo contributors. All rights reserved.
"""RSVQA (low and high resolution) and HRVQA."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

from mmeo.datasets.instruct_converters.files import (
    find_image,
    lists_of,
    one_file,
)
from mmeo.datasets.instruct_converters.items import (
    SPLIT,
    Dropped,
    Item,
    Option,
    Sample,
    Unusable,
    parse_kinds,
    register_source,
)
from mmeo.datasets.instruct_converters.wording import Wording

# Both spellings occur in the data.
_QUESTION_ID = ('question_id', 'quesiton_id')
_TYPES = ('presence', 'comp', 'rural_urban', 'count', 'area')


@register_source(
    'rsvqa',
    title='RSVQA-LR, RSVQA-HR',
    asks='its questions; answers as they are (counts and areas not binned)',
    tree='ROOT/*split_train_{images,questions,answers}.json\n'
         'ROOT/Images_LR/0.tif        (or Images_HR/, Data/, Images/)',
    folders=('Images_LR', 'Images_HR', 'Data', 'Images', 'images'),
    options=(Option('--split', 'train, val, test (HR also test_phili)',
                    default='train'),
             Option('--drop-types', 'comma-separated types of questions to '
                    'leave out; the published tables leave out count,area',
                    default='')))
def rsvqa(root: Path, images: Path, wording: Wording, split: str,
          drop_types: str) -> Iterator[Item]:
    """Join the three files by id.

    The lists hold stubs of inactive entries, so positions are not ids.
    """
    path = one_file(
        root, f'*split_{split}_questions.json',
        'keep the files of one RSVQA set in this folder and give --split')
    unwanted = parse_kinds(drop_types, _TYPES,
                           '--drop-types') if drop_types else []
    tables = {}
    for kind in ('images', 'questions', 'answers'):
        file = path.with_name(path.name.replace('questions', kind))
        tables[kind] = {row['id']: row for row in lists_of(file, kind)[0]}
    for question in tables['questions'].values():
        where = f'{path.name}: question {question["id"]}'
        if not question.get('active', True):
            yield Dropped('question is inactive', where, flaw=False)
            continue
        kind = str(question.get('type', ''))
        if kind in unwanted:
            yield Dropped(f'question of the type {kind}', where, flaw=False)
            continue
        try:
            answer = _answer(question, tables)
        except Unusable as error:
            yield error.drop(where)
            continue
        image, note = find_image(images, f'{question["img_id"]}.tif')
        yield short_answer(f'{path.stem}_{question["id"]}', image,
                           question['question'], answer, wording, note,
                           kind)


def _answer(question: dict, tables: dict) -> str:
    image = tables['images'].get(question['img_id'])
    if image is None or not image.get('active', True):
        raise Unusable('image of the question is inactive or unlisted')
    for identifier in question.get('answers_ids', ()):
        answer = tables['answers'].get(identifier)
        if answer is None or not answer.get('active', True):
            continue
        owner = [answer[key] for key in _QUESTION_ID if key in answer]
        if owner and owner[0] != question['id']:
            raise Unusable('answer belongs to another question')
        return str(answer['answer'])
    raise Unusable('question has no active answer')


def short_answer(key: str, image: str, question: str, answer: str,
                 wording: Wording, note: Union[str, None] = None,
                 kind: str = '') -> Sample:
    """A question with a demand for a short answer."""
    turn = wording.ask_short(question, key), answer.strip()
    return Sample(key, (image, ), (turn, ), (note, ) if note else (),
                  task='VQA', truth=dict(question_type=kind or 'vqa'))


@register_source(
    'hrvqa',
    title='HRVQA',
    asks='its questions with their short answers',
    tree='ROOT/train_question.json, ROOT/train_answer.json\n'
         'ROOT/images/9342.png',
    folders=('images', ),
    options=(SPLIT, ))
def hrvqa(root: Path, images: Path, wording: Wording,
          split: str) -> Iterator[Item]:
    """Join questions and answers by ``question_id``."""
    path = root / f'{split}_question.json'
    questions, = lists_of(path, 'questions')
    rows, = lists_of(root / f'{split}_answer.json', 'annotations')
    answers: dict[Any, Any] = {
        row['question_id']: row.get('multiple_choice_answer') for row in rows}
    for row in questions:
        number = row['question_id']
        if not answers.get(number):
            yield Dropped('question has no answer',
                          f'{path.name}: question {number}')
            continue
        image, note = find_image(images, f'{row["image_id"]}.png')
        yield short_answer(f'{path.stem}_{number}', image, row['question'],
                           str(answers[number]), wording, note,
                           str(row.get('question_type') or ''))
