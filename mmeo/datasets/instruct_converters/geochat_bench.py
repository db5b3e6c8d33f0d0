# Copyright (c) mmeo contributors. All rights reserved.
"""GeoChat-Bench: questions for testing, one JSON a line."""

from collections.abc import Callable, Iterator
from pathlib import Path

from mmeo.datasets.instruct_converters.boxes import enclosing_box
from mmeo.datasets.instruct_converters.files import (
    find_image,
    image_size,
    json_lines,
)
from mmeo.datasets.instruct_converters.geochat import rewrite_percent
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Sample,
    Unusable,
    register_source,
)
from mmeo.datasets.instruct_converters.turn_tasks import split_tag
from mmeo.datasets.instruct_converters.wording import Wording, plain_name

_KINDS = ('refer', 'region', 'caption', 'vqa', 'scene')
_DEMAND = 'Answer the question using a single word or phrase.'


@register_source(
    'geochat_bench',
    title='GeoChat-Bench: referring, region_captioning, '
          'grounding_description, lrben, hrben, aid, UCmerced .jsonl',
    asks='the evaluation questions; for testing, never for training',
    tree='ROOT                      the .jsonl\n'
         'FOLDER/images/NAME.png    (or --image-root)',
    folders=('images', '.'),
    options=(Option('--kind', 'what the file holds', required=True,
                    choices=_KINDS), ))
def geochat_bench(root: Path, images: Path, wording: Wording,
                  kind: str) -> Iterator[Item]:
    """Questions with a truth; those without are counted."""
    # Scene questions list the classes that occur in the file.
    names = sorted({_scene(row) for _, row in json_lines(root)
                    if _scene(row)}) if kind == 'scene' else []
    for where, row in json_lines(root):
        key = f'{root.stem}_{row.get("question_id", where)}'
        image = row.get('image') or row.get('image_id')
        if not image:
            yield Dropped('record has no image', where)
            continue
        if not Path(str(image)).suffix:
            image = f'{image}.png'
        name, note = find_image(images, str(image))
        notes = (note, ) if note else ()
        try:
            if kind == 'scene':
                yield _scene_question(key, name, row, names, wording, notes)
            else:
                yield _READ[kind](key, name, row, images, wording, notes)
        except Unusable as error:
            yield error.drop(where)
        except (KeyError, TypeError, ValueError):
            yield Dropped(f'record is no question of the kind {kind}', where)


def _refer(key: str, name: str, row: dict, images: Path, wording: Wording,
           notes: tuple) -> Sample:
    """``ground_truth``: objects as four corners in pixels."""
    boxes = [enclosing_box([float(v) for point in corners for v in point])
             for corners in row['ground_truth']]
    if not boxes:
        raise Unusable('question has no box')
    text, more = wording.boxes(boxes, image_size(images / name))
    question = wording.say('refer', key, phrase=row['question'].strip())
    return Sample(key, (name, ), ((question, text), ), notes + more,
                  task='VG', truth=dict(boxes=boxes, unique=len(boxes) == 1,
                                        size_group=row.get('size_group')))


def _region(key: str, name: str, row: dict, images: Path, wording: Wording,
            notes: tuple) -> Sample:
    """``question`` is the box, ``ground_truth`` a text or several."""
    box, more = rewrite_percent(row['question'].strip(), wording.grounded)
    texts = _texts(row)
    return Sample(key, (name, ),
                  ((wording.say('identify', key, box=box), texts[0]), ),
                  notes + more, task='REF', truth=dict(references=texts))


def _caption(key: str, name: str, row: dict, images: Path, wording: Wording,
             notes: tuple) -> Sample:
    texts, more = [], ()
    for text in _texts(row):
        text, found = rewrite_percent(text, wording.grounded)
        texts, more = [*texts, text], more + found
    return Sample(key, (name, ),
                  ((wording.say('caption', key), texts[0]), ), notes + more,
                  task='CAP', truth=dict(references=texts))


def _vqa(key: str, name: str, row: dict, images: Path, wording: Wording,
         notes: tuple) -> Sample:
    question = row.get('question') or row['text']
    question = split_tag(question.replace(_DEMAND, ''))[1].strip()
    return Sample(
        key, (name, ), ((wording.ask_short(question, key), _texts(row)[0]), ),
        notes, task='VQA',
        truth=dict(question_type=str(row.get('category')
                                     or row.get('type') or 'vqa')))


def _scene_question(key: str, name: str, row: dict, names: list[str],
                    wording: Wording, notes: tuple) -> Sample:
    label = _scene(row)
    if not label:
        raise Unusable('question_id does not start with a class')
    question = wording.say('classify_list', key, names=', '.join(names))
    return Sample(key, (name, ), ((question, label), ), notes, task='CLS',
                  truth=dict(label=label))


def _scene(row: dict) -> str:
    """The folder in front of ``question_id``."""
    parts = str(row.get('question_id', '')).split('/')
    return plain_name(parts[0]) if len(parts) > 1 else ''


def _texts(row: dict) -> list[str]:
    given = row.get('ground_truth', row.get('answer'))
    texts = [given] if isinstance(given, str) else list(given or ())
    texts = [str(text).strip() for text in texts if str(text).strip()]
    if not texts:
        raise Unusable('question has no answer')
    return texts


_READ: dict[str, Callable[..., Sample]] = dict(
    refer=_refer, region=_region, caption=_caption, vqa=_vqa)
