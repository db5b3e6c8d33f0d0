# Copyright (c) mmeo contributors. All rights reserved.
"""All scenes of a split, from one process or several."""

import json
import multiprocessing
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from mmeo.datasets.synthetic.raster import build_scene
from mmeo.datasets.synthetic.scene_files import (
    FOLDERS,
    IN_CONTEXT_FOLDERS,
    write_scene,
)
from mmeo.datasets.synthetic.styles import get_style
from mmeo.datasets.synthetic.writers import coco, instruct, rsunivlm


def make_split(root: Path, indices: range, settings: dict, workers: int,
               bar: tqdm) -> dict:
    """Write all scenes of a split and the files they share.

    Args:
        root (Path): Folder of the split; ``train`` is trained on.
        indices (range): Numbers of its scenes.
        settings (dict): ``seed``, ``size``, ``style``, ``usual``,
            ``in_context``, ``rsunivlm``, ``mask_grid``.
        workers (int): Number of processes.
        bar (tqdm): Goes on by one for each scene.

    Returns:
        dict: How many there are of what.
    """
    for folder in _folders(settings):
        (root / folder).mkdir(parents=True)
    counts, usual, views = dict(scenes=len(indices)), [], []
    for found in _run(partial(_job, root, settings), indices, workers):
        usual += found['usual']
        views += found['view']
        bar.update()
    if settings['usual']:
        counts |= _write_usual(root, usual)
    if settings['rsunivlm']:
        lines = [line for _, talk in views for line in talk]
        rsunivlm.write_split(root, [view for view, _ in views], lines,
                             root.name == 'train')
        counts['rsunivlm'] = len(lines)
    return counts


def _folders(settings: dict) -> list[str]:
    asked = dict(usual=FOLDERS, in_context=IN_CONTEXT_FOLDERS,
                 rsunivlm=rsunivlm.FOLDERS)
    return [folder for key, folders in asked.items() if settings[key]
            for folder in folders]


def _job(root: Path, settings: dict, index: int) -> dict[str, list]:
    """Write the files of a scene; what it adds to files that all share."""
    scene = build_scene(settings['seed'], index, settings['size'],
                        get_style(settings['style']))
    stem = f'{index:04d}'
    found: dict[str, list[Any]] = dict(usual=[], view=[])
    if settings['usual']:
        found['usual'].append(
            write_scene(root, scene, stem, settings['in_context']))
    if settings['rsunivlm']:
        found['view'].append(rsunivlm.write_view(
            root, scene, stem, settings['mask_grid'], root.name == 'train'))
    return found


def _write_usual(root: Path, found: list[tuple]) -> dict:
    images = [image for (image, _), _ in found]
    annotations = [one for (_, records), _ in found for one in records]
    lines = [line for _, talk in found for line in talk]
    document = coco.coco_document(images, annotations)
    (root / 'coco/annotations.json').write_text(json.dumps(document) + '\n')
    (root / 'instruct/instruct.jsonl').write_text(instruct.jsonl(lines))
    (root / 'instruct/meta.json').write_text(
        json.dumps(instruct.meta(len(lines))) + '\n')
    return dict(instances=len(annotations), conversations=len(lines))


def _run(job: partial, indices: range, workers: int) -> Iterator[Any]:
    """Results in order, from this process or from several."""
    workers = min(workers, len(indices))
    if workers == 1:
        yield from map(job, indices)
        return
    # Forked workers start at once; elsewhere they import this module anew.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context(
        'fork' if 'fork' in methods else 'spawn')
    with context.Pool(workers, cv2.setNumThreads, (0,)) as pool:
        yield from pool.imap(job, indices, chunksize=1)
