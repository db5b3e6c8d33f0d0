# Copyright (c) mmeo contributors. All rights reserved.
"""Data that are conversations already: LLaVA, GeoChat, LHRS."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

from mmeo.codecs import IMAGE_PLACEHOLDER
from mmeo.datasets.instruct_converters.files import (
    find_image,
    json_lines,
    lists_of,
    one_file,
)
from mmeo.datasets.instruct_converters.geochat import (
    rewrite_fractions,
    rewrite_percent,
)
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Sample,
    Unusable,
    register_source,
)
from mmeo.datasets.instruct_converters.wording import Wording

_QUESTIONS = ('human', 'user')
_ANSWERS = ('gpt', 'assistant')
_HEAD = re.compile(rf'(?:Image-\d+:\s*)?{re.escape(IMAGE_PLACEHOLDER)}\s*')
_REWRITE: dict[str, Callable[[str], tuple[str, tuple]]] = {
    'keep': lambda text: (text, ()),
    'percent': rewrite_percent,
    'fraction': rewrite_fractions,
}


def _conversation(key: str, record: dict, images: Path, boxes: str,
                  edit: Callable[[str], str] = str) -> Sample:
    """Check a record and bring it into our form.

    Raises:
        Unusable: If it is no conversation about its images.
    """
    names = record.get('image')
    names = [names] if isinstance(names, str) else list(names or ())
    # Several images stand in the text where it speaks of them; a single one
    # moves to the front.
    placed = len(names) > 1
    turns, notes, found, system = [], [], 0, None
    for turn in record.get('conversations') or ():
        role = turn.get('from', turn.get('role'))
        text = turn.get('value', turn.get('content'))
        if not isinstance(text, str):
            raise Unusable('turn without text')
        if role == 'system' and not turns and system is None:
            if IMAGE_PLACEHOLDER in text:
                raise Unusable('image placeholder in a system turn')
            system = text
            continue
        found += text.count(IMAGE_PLACEHOLDER)
        if not placed:
            text = _HEAD.sub('', text).strip()
        text, more = _REWRITE[boxes](text)
        notes += more
        turns.append((role, edit(text)))
    if found != len(names):
        if found:
            raise Unusable('image placeholders differ from images')
        notes.append('image placeholder added')
        placed = False
    located = [find_image(images, name) for name in names]
    notes += [note for _, note in located if note]
    return Sample(key, tuple(name for name, _ in located), _pairs(turns),
                  tuple(dict.fromkeys(notes)), placed, system)


def _pairs(turns: list[tuple[Any, str]]) -> tuple[tuple[str, str], ...]:
    questions, answers = turns[::2], turns[1::2]
    if not turns or len(questions) != len(answers) or any(
            role not in _QUESTIONS for role, _ in questions) or any(
                role not in _ANSWERS for role, _ in answers):
        raise Unusable('turns do not go question, answer, question, answer')
    return tuple((q, a) for (_, q), (_, a) in zip(questions, answers))


def _convert(path: Path, images: Path, boxes: str,
             edit: Callable[[str], str] = str) -> Iterator[Item]:
    seen: dict[str, int] = {}
    for number, (where, record) in enumerate(json_lines(path)):
        if not isinstance(record, dict):
            yield Dropped('record is no object', where)
            continue
        key = str(record.get('id', f'{path.stem}_{number}'))
        # GeoChat uses the image name as id of all its questions.
        seen[key] = seen.get(key, -1) + 1
        key += f'_{seen[key]}' if seen[key] else ''
        try:
            yield _conversation(key, record, images, boxes, edit)
        except Unusable as error:
            yield error.drop(where)


@register_source(
    'llava',
    title='anything in LLaVA / InternVL form: FIT-RS, VRSBench_train.json, '
          'VHM, PubMedVision, Quilt-Instruct, ShareGPT4V, ...',
    asks='its conversations, checked; boxes rewritten if asked',
    tree='ROOT        .json list or .jsonl of {"image": path | [paths], '
         '"conversations"}\n(images below the folder of the file, or '
         '--image-root)',
    options=(Option(
        '--boxes', 'form of boxes in the texts: keep them, percent '
        '{<x1><y1><x2><y2>|<angle>}, fraction [x1, y1, x2, y2]',
        default='keep', choices=tuple(_REWRITE)), ))
def llava(root: Path, images: Path, wording: Wording,
          boxes: str) -> Iterator[Item]:
    """Pass conversations through; placeholders move to the front."""
    yield from _convert(root, images, boxes)


@register_source(
    'geochat',
    title='GeoChat_Instruct',
    asks='its conversations; boxes rewritten, rotated ones to their '
         'enclosing box',
    tree='ROOT/GeoChat_Instruct.json\n'
         'ROOT/final_images_llava/NAME   (or --image-root)',
    folders=('final_images_llava', 'images'),
    options=(Option('--task-tags', 'keep or drop [refer], [identify], ... ',
                    default='keep', choices=('keep', 'drop')), ))
def geochat(root: Path, images: Path, wording: Wording,
            task_tags: str) -> Iterator[Item]:
    """LLaVA list with percent boxes and an angle."""
    path = root if root.is_file() else one_file(
        root, 'GeoChat_Instruct*.json', 'give the json file itself')
    edit = str if task_tags == 'keep' else _drop_tag
    yield from _convert(path, images, 'percent', edit)


def _drop_tag(text: str) -> str:
    return re.sub(r'^\[(refer|identify|grounding)\]\s*', '', text)


@register_source(
    'lhrs_vg',
    title='LHRS visual grounding json',
    asks='its questions; boxes as fractions rewritten',
    tree='ROOT        the json: {"data": [{"img" | "name", "question", '
         '"answer"}]}\n(images below its folder, or --image-root)')
def lhrs_vg(root: Path, images: Path, wording: Wording) -> Iterator[Item]:
    """Questions and answers with boxes in brackets."""
    for number, row in enumerate(lists_of(root, 'data')[0]):
        where = f'{root.name}: data[{number}]'
        name: Optional[str] = row.get('img') or row.get('name')
        if not name or 'question' not in row or 'answer' not in row:
            yield Dropped('record lacks img, question or answer', where)
            continue
        try:
            question, first = rewrite_fractions(str(row['question']))
            answer, second = rewrite_fractions(str(row['answer']))
        except Unusable as error:
            yield error.drop(where)
            continue
        name, note = find_image(images, name)
        yield Sample(f'{root.stem}_{number}', (name, ),
                     ((question, answer), ),
                     first + second + ((note, ) if note else ()))
