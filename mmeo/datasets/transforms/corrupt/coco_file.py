# Copyright (c) mmeo contributors. All rights reserved.
"""A COCO annotation file whose objects have moved with their images."""

import json
from pathlib import Path

import numpy as np

from mmeo.errors import DataError

from .corrupt import image_rng, move_instance
from .geometric import centre_inside, draw_matrix


def corrupt_coco(source: str, target: str, corruption: str, severity: int,
                 seed: int = 0, outside: str = 'keep') -> None:
    """Write the ground truth that belongs to images under ``Corrupt``.

    Metrics that read a COCO file would otherwise compare with where objects
    were. Images and categories keep their ids.

    Args:
        source (str): COCO json.
        target (str): File to write.
        corruption (str): A geometric corruption.
        severity (int): 1 to 5.
        seed (int): As for ``Corrupt``. Defaults to 0.
        outside (str): As for ``Corrupt``. Defaults to 'keep'.

    Raises:
        DataError: If an image lacks its size, or a box its image.
    """
    data = json.loads(Path(source).read_text())
    images = {image['id']: image for image in data['images']}
    matrices = {}
    for key, image in images.items():
        if 'height' not in image or 'width' not in image:
            raise DataError(f'{source}: image {image.get("file_name")} has '
                            'no `height` and `width`, which moving its '
                            'objects needs.')
        matrices[key] = draw_matrix(
            corruption, severity, image['height'], image['width'],
            image_rng(seed, corruption, image['file_name']))
    moved = []
    for annotation in data.get('annotations', []):
        image = images.get(annotation['image_id'])
        if image is None:
            raise DataError(f'{source}: annotation {annotation.get("id")} '
                            f'names image {annotation["image_id"]}, which '
                            'the file does not list.')
        size = (image['height'], image['width'])
        out = _move(annotation, matrices[image['id']], size)
        x, y, w, h = out['bbox']
        if outside == 'keep' or centre_inside([x, y, x + w, y + h], size):
            moved.append(out)
    data['annotations'] = moved
    Path(target).write_text(json.dumps(data))


def _move(annotation: dict, matrix: np.ndarray,
          size: tuple[int, int]) -> dict:
    x, y, w, h = annotation['bbox']
    instance = move_instance(
        dict(bbox=[x, y, x + w, y + h], mask=annotation.get('segmentation')),
        matrix, size)
    x1, y1, x2, y2 = instance['bbox']
    out = {**annotation, 'bbox': [x1, y1, x2 - x1, y2 - y1]}
    if instance['mask']:
        out['segmentation'] = instance['mask']
    if 'area' in annotation:
        # COCO's size classes follow the object as it now appears.
        out['area'] = annotation['area'] * abs(np.linalg.det(matrix[:2, :2]))
    return out
