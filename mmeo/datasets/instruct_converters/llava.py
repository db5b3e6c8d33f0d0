# Copyright (c) mmeo contributors. All rights reserved.
"""Data that are conversations already: LLaVA, GeoChat, FIT-RS, LHRS."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from mmeo.codecs import TASKS
from mmeo.datasets.instruct_converters.dialogues import (
    REWRITE,
    Reading,
    conversations,
    dialogue_truth,
)
from mmeo.datasets.instruct_converters.files import (
    find_image,
    lists_of,
    one_file,
)
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Sample,
    Unusable,
    parse_kinds,
    register_source,
)
from mmeo.datasets.instruct_converters.turn_tasks import CHOICES
from mmeo.datasets.instruct_converters.wording import Wording

TASK = Option(
    '--task', 'task of all questions, none, or auto: by tags, boxes and '
    'demands in the text', default='auto', choices=CHOICES)
ONLY = Option('--only-tasks', 'keep the questions of these tasks, e.g. REF; '
              'comma-separated', default='')


def _only(text: str) -> tuple[str, ...]:
    return tuple(parse_kinds(text, tuple(TASKS), '--only-tasks')
                 ) if text else ()


@register_source(
    'llava',
    title='anything in LLaVA / InternVL form: VRSBench_train.json, VHM, '
          'All-Seeing V2, DVQA, ChartQA, AI2D, DocVQA, PubMedVision, '
          'Quilt-Instruct, ShareGPT4V, ...',
    asks='its conversations, checked; boxes rewritten if asked',
    tree='ROOT        .json list or .jsonl of {"image": path | [paths], '
         '"conversations"}\n(images below the folder of the file, or '
         '--image-root)',
    options=(Option(
        '--boxes', 'form of boxes in the texts: keep them, percent '
        '{<x1><y1><x2><y2>|<angle>}, fraction [x1, y1, x2, y2], tagged '
        '<ref>..</ref><box>[[..]]</box> in thousandths, rbox of FIT-RS',
        default='keep', choices=tuple(REWRITE)), TASK, ONLY))
def llava(root: Path, images: Path, wording: Wording, boxes: str, task: str,
          only_tasks: str) -> Iterator[Item]:
    """Pass conversations through; placeholders move to the front."""
    yield from conversations(root, images, Reading(
        wording, boxes, task, only=_only(only_tasks)))


@register_source(
    'geochat',
    title='GeoChat_Instruct',
    asks='its conversations; boxes rewritten, rotated ones to their '
         'enclosing box',
    tree='ROOT/GeoChat_Instruct.json\n'
         'ROOT/final_images_llava/NAME   (or --image-root)',
    folders=('final_images_llava', 'images'),
    options=(Option('--task-tags', 'keep or drop [refer], [identify], ...; '
                    'a style with task tokens always replaces them',
                    default='keep', choices=('keep', 'drop')), TASK, ONLY))
def geochat(root: Path, images: Path, wording: Wording, task_tags: str,
            task: str, only_tasks: str) -> Iterator[Item]:
    """LLaVA list with percent boxes and an angle."""
    path = root if root.is_file() else one_file(
        root, 'GeoChat_Instruct*.json', 'give the json file itself')
    yield from conversations(path, images, Reading(
        wording, 'percent', task, task_tags, only=_only(only_tasks)))


@register_source(
    'fit_rs',
    title='FIT-RS (FIT-RS-train-*.json)',
    asks='its conversations; rotated boxes to their enclosing box; answers '
         'that were cut ("due to the context length") are left out',
    tree='ROOT        the json list, boxes as '
         '<rbox>({<cx><cy><w><h>|<angle>})</rbox>\n'
         'FOLDER/imgv2_split_512_100_vaild/NAME.png   (or --image-root)',
    folders=('imgv2_split_512_100_vaild', 'images'),
    options=(TASK, ONLY))
def fit_rs(root: Path, images: Path, wording: Wording, task: str,
           only_tasks: str) -> Iterator[Item]:
    """LLaVA list with percent boxes about a centre, and an angle."""
    cut = re.compile('due to the context length', re.IGNORECASE)
    yield from conversations(root, images, Reading(
        wording, 'rbox', task, broken=cut, only=_only(only_tasks)))


@register_source(
    'lhrs_vg',
    title='LHRS visual grounding json',
    asks='its questions; boxes as fractions rewritten',
    tree='ROOT        the json: {"data": [{"img" | "name", "question", '
         '"answer"}]}\n(images below its folder, or --image-root)')
def lhrs_vg(root: Path, images: Path, wording: Wording) -> Iterator[Item]:
    """Questions and answers with boxes in brackets."""
    reading = Reading(wording, 'fraction', 'auto')
    for number, row in enumerate(lists_of(root, 'data')[0]):
        where = f'{root.name}: data[{number}]'
        name: Optional[str] = row.get('img') or row.get('name')
        if not name or 'question' not in row or 'answer' not in row:
            yield Dropped('record lacks img, question or answer', where)
            continue
        try:
            question, answer, task, notes = reading.turn(
                str(row['question']), str(row['answer']))
        except Unusable as error:
            yield error.drop(where)
            continue
        name, note = find_image(images, name)
        yield Sample(f'{root.stem}_{number}', (name, ),
                     ((question, answer), ),
                     notes + ((note, ) if note else ()), task=task,
                     truth=dialogue_truth(answer, task))
