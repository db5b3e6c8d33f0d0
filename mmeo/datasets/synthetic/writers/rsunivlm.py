# Copyright (c) mmeo contributors. All rights reserved.
"""Dialogues with task tokens, their images, label maps and truth.

``rsunivlm/{images,later,masks,changes}/<stem>.png``, ``objects.jsonl``, and in
``train`` an ``instruct.jsonl`` and a ``cover.jsonl``, the label maps in words;
in ``val`` one ``eval_<name>.jsonl`` for each task, whose records carry what
metrics ask for, and a meta ``eval.json`` of all of them.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import cv2
import numpy as np

from mmeo.codecs import task_of, task_token
from mmeo.datasets.synthetic.dialogues.image_tasks import image_items
from mmeo.datasets.synthetic.dialogues.items import Item
from mmeo.datasets.synthetic.dialogues.pair_tasks import pair_items
from mmeo.datasets.synthetic.dialogues.pixel_tasks import (
    COVER_PROMPT,
    all_masks,
    cover_words,
    training_masks,
)
from mmeo.datasets.synthetic.dialogues.region_tasks import region_items
from mmeo.datasets.synthetic.dialogues.view import FACTOR, View, view_of
from mmeo.datasets.synthetic.optical import render_rgb
from mmeo.datasets.synthetic.plan import FIRST, SECOND
from mmeo.datasets.synthetic.raster import Scene
from mmeo.datasets.synthetic.writers.images import write_png

FOLDERS = ('rsunivlm/images', 'rsunivlm/later', 'rsunivlm/masks',
           'rsunivlm/changes')
#: Names of the evaluation files; ``cd`` are change masks.
EVALUATIONS = ('vqa', 'cls', 'cap', 'vg', 'ref', 'seg', 'ccd', 'cd')


def write_view(root: Path, scene: Scene, stem: str, grid: int,
               train: bool) -> tuple[dict, list[dict]]:
    """Write the files of a scene.

    Args:
        root (Path): Folder of the split, its sub-folders made.
        scene (Scene): What to write.
        stem (str): Name of its files.
        grid (int): Cells of a mask along each side.
        train (bool): Dialogues for training; otherwise for evaluation, with
            truth, and masks of all classes.

    Returns:
        tuple: Line of ``objects.jsonl`` and the records.
    """
    view = view_of(scene, stem)
    folder = root / 'rsunivlm'
    for name, when in (('images', FIRST), ('later', SECOND)):
        write_png(folder / f'{name}/{stem}.png',
                  _shrink(render_rgb(scene, when)))
    write_png(folder / f'masks/{stem}.png', view.cover)
    write_png(folder / f'changes/{stem}.png', view.changed)
    rng = Random(f'rsunivlm {scene.seed} {scene.index} {scene.size}')
    return view.to_dict(), records(view, rng, grid, train)


def records(view: View, rng: Random, grid: int, train: bool) -> list[dict]:
    """All dialogues about a scene, in training the label map in words last.

    Args:
        view (View): The scene.
        rng (Random): Random source.
        grid (int): Cells of a mask along each side.
        train (bool): See :func:`write_view`.

    Returns:
        list[dict]: Records of :class:`mmeo.datasets.InstructDataset`.
    """
    masks = training_masks if train else all_masks
    items = [*image_items(view, rng), *region_items(view, rng),
             *masks(view, rng, grid), *pair_items(view, rng, grid)]
    if train:
        items.append(cover_words(view, grid))
    return [_record(view, item, number, train)
            for number, item in enumerate(items)]


def _record(view: View, item: Item, number: int, train: bool) -> dict:
    images = [f'images/{view.stem}.png']
    if item.pair:
        images.append(f'later/{view.stem}.png')
    question = f'{task_token(item.task)} {item.question}'
    truth = {} if train else dict(dataset='synthearth', **item.truth)
    return dict(
        id=f'{view.stem}_{number}', image=images if item.pair else images[0],
        conversations=[
            {'from': 'human',
             'value': '<image>' * len(images) + f'\n{question}'},
            {'from': 'gpt', 'value': item.answer}], **truth)


def _shrink(rgb: np.ndarray) -> np.ndarray:
    """Mean of each ``FACTOR x FACTOR`` pixels of ``(H, W, 3)``."""
    height, width = rgb.shape[:2]
    return cv2.resize(rgb, (width // FACTOR, height // FACTOR),
                      interpolation=cv2.INTER_AREA)


def write_split(root: Path, objects: Iterable[dict],
                dialogues: Iterable[dict], train: bool) -> None:
    """Write what the scenes of a split share.

    Args:
        root (Path): Folder of the split.
        objects (Iterable[dict]): Lines of ``objects.jsonl``.
        dialogues (Iterable[dict]): Records.
        train (bool): See :func:`write_view`.
    """
    folder = root / 'rsunivlm'
    _write(folder / 'objects.jsonl', objects)
    if train:
        dialogues = list(dialogues)
        for name, wanted in (('instruct', False), ('cover', True)):
            _write(folder / f'{name}.jsonl', [
                one for one in dialogues if is_cover(one) is wanted])
        return
    dialogues = list(dialogues)
    sets = {}
    for name in EVALUATIONS:
        lines = [one for one in dialogues if evaluation_of(one) == name]
        sets[name] = dict(root='.', annotation=f'eval_{name}.jsonl',
                          length=len(lines))
        _write(folder / f'eval_{name}.jsonl', lines)
    (folder / 'eval.json').write_text(json.dumps(sets) + '\n')


def evaluation_of(record: dict) -> str:
    """One of ``EVALUATIONS``."""
    if record.get('change'):
        return 'cd'
    return task_of(record['conversations'][0]['value']).lower()


def is_cover(record: dict) -> bool:
    """Whether it is a label map in words."""
    return record['conversations'][0]['value'].endswith(COVER_PROMPT)


def _write(path: Path, lines: Iterable[dict]) -> None:
    with open(path, 'w', encoding='utf-8') as file:
        file.writelines(_lines(lines))


def _lines(lines: Iterable[dict]) -> Iterator[str]:
    for line in lines:
        yield json.dumps(line, ensure_ascii=False) + '\n'
