# Copyright (c) mmeo contributors. All rights reserved.
"""Medical questions with options: PMC-VQA and OmniMedVQA."""

import re
from collections.abc import Iterator
from pathlib import Path

from mmeo.datasets.instruct_converters.captions import table_rows
from mmeo.datasets.instruct_converters.files import find_image, read_json
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Sample,
    Unusable,
    register_source,
)
from mmeo.datasets.instruct_converters.wording import (
    LETTERS,
    Wording,
    lettered,
)
from mmeo.errors import DataError, MissingDataError

_FORM = Option('--form', 'letter: options and a letter; open: the text of the '
               'answer; both: chosen by seed', default='both',
               choices=('letter', 'open', 'both'))
_CHOICES = tuple(f'Choice {letter}' for letter in 'ABCD')


@register_source(
    'pmc_vqa',
    title='PMC-VQA (train.csv, train_2.csv)',
    asks='its questions, from options or openly',
    tree='ROOT        train.csv or train_2.csv, with Figure_path, Question, '
         'Choice A-D, Answer\nFOLDER/images/PMC1_Fig1.jpg   (or figures/, '
         '--image-root)',
    folders=('images', 'images_2', 'figures'),
    options=(_FORM, ))
def pmc_vqa(root: Path, images: Path, wording: Wording,
            form: str) -> Iterator[Item]:
    """The answer is a letter in one release and a text in the other."""
    for number, row in table_rows(root, ('Figure_path', 'Question',
                                         *_CHOICES)):
        key = f'{root.stem}_{number}'
        given = row.get('Answer_label') or row.get('Answer') or ''
        yield _question(key, images, row['Figure_path'], row['Question'],
                        [row[choice] for choice in _CHOICES], given, form,
                        wording)


@register_source(
    'omnimedvqa',
    title='OmniMedVQA (open access part)',
    asks='its questions, from options or openly',
    tree='ROOT/QA_information/Open-access/*.json\nROOT/Images/...',
    options=(_FORM, ))
def omnimedvqa(root: Path, images: Path, wording: Wording,
               form: str) -> Iterator[Item]:
    """One JSON list a data set; two to four options."""
    folder = root / 'QA_information' / 'Open-access'
    files = sorted(folder.glob('*.json'))
    if not files:
        raise MissingDataError(f'{folder} holds no *.json')
    for path in files:
        rows = read_json(path)
        if not isinstance(rows, list):
            raise DataError(f'{path}: expected a list of questions')
        for number, row in enumerate(rows):
            key = f'{path.stem}_{row.get("question_id", number)}'
            options = [row.get(f'option_{letter}') for letter in 'ABCD']
            yield _question(key, images, row.get('image_path'),
                            row.get('question'), options,
                            row.get('gt_answer') or '', form, wording)


def _question(key: str, images: Path, image: str, question: str,
              options: list, given: str, form: str,
              wording: Wording) -> Item:
    if not image or not question:
        return Dropped('record without image or question', key)
    texts = [_bare(option) for option in options if option]
    try:
        right = _right(texts, str(given))
    except Unusable as error:
        return error.drop(key)
    name, note = find_image(images, str(image))
    if form == 'both':
        form = wording.random(f'form:{key}').choice(('letter', 'open'))
    if form == 'open':
        turn = str(question).strip(), texts[right]
    else:
        turn = (f'{str(question).strip()}\n{lettered(texts)}\n'
                f'{wording.say("letter", key)}', LETTERS[right])
    return Sample(key, (name, ), (turn, ), (note, ) if note else (),
                  task='VQA', truth=dict(question_type=form))


def _bare(option: str) -> str:
    """Without the ``A:`` that PMC-VQA writes before its options."""
    return re.sub(r'^\s*[A-D]\s*[:.)]\s*', '', str(option)).strip()


def _right(texts: list[str], given: str) -> int:
    """Index of the answer, given as letter or as text."""
    letter = given.strip().rstrip(':.)')
    if len(letter) == 1 and letter in LETTERS[:len(texts)]:
        return LETTERS.index(letter)
    plain = [text.casefold() for text in texts]
    wanted = _bare(given).casefold()
    if plain.count(wanted) != 1:
        raise Unusable('answer is not exactly one of the options')
    return plain.index(wanted)
