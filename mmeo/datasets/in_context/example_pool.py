# Copyright (c) mmeo contributors. All rights reserved.
"""A data set that gives examples of another one's classes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np

from mmeo.datasets.samplers.seeded_index import SeededIndex, seeded_by
from mmeo.engine.seeding import derive_seed
from mmeo.errors import DataError
from mmeo.structures import NO_LABEL, OTHER_LABEL

from ..transforms.episode import EpisodeCrop
from .class_index import load_class_index
from .class_names import key_of


class Shot(NamedTuple):
    """An image that is an example of one class."""

    class_id: int
    index: int
    path: str


class ExamplePool:
    """Images and labels of a data set, in the class ids of the targets.

    Classes are matched by name. Those that the targets lack become 254.

    Args:
        dataset (Dataset): Whose pipeline ends before packing.
        classes (Sequence[str]): Of the targets.
        modality (str): Sensor of the images.

    Attributes:
        counts (np.ndarray): ``(images, classes)`` pixels, after
            :meth:`read_index`.
        names (list[str]): Of the images: their path below the folder, without
            suffix.
        paths (list[str]): Of the images.
    """

    def __init__(self, dataset: Any, classes: Sequence[str],
                 modality: str) -> None:
        self.dataset = dataset
        self.modality = modality
        self.num_classes = len(classes)
        self.table = match_classes(dataset.metainfo['classes'], classes)

    def read_index(self, cache_dir: Optional[str], workers: int) -> None:
        """Count the pixels of each class, or read the counts.

        Raises:
            DataError: If two images have one name.
        """
        counts = load_class_index(self.dataset, type(self.dataset).__name__,
                                  cache_dir, workers)
        self.counts = np.zeros((len(counts), self.num_classes), np.int64)
        for own in range(counts.shape[1]):
            if self.table[own] < OTHER_LABEL:
                self.counts[:, self.table[own]] += counts[:, own]
        self.paths = [self.dataset.get_data_info(i)['img_path']
                      for i in range(len(self.dataset))]
        self.names = _below(self.paths, self.dataset.data_prefix.get(
            'img_path') or '')

    def view(self, shot: Shot, seed: int, tries: int) -> dict:
        """Run the pipeline on an example.

        Where it crops (``EpisodeCrop``), of several windows the one with most
        of the class is taken. Windows depend on seed, class and name alone.

        Args:
            shot (Shot): Which image shows which class.
            seed (int): Of windows.
            tries (int): So many are drawn.

        Returns:
            dict: Results, with ``gt_seg_map`` in ids of the targets.

        Raises:
            DataError: If the pipeline makes no label map.
        """
        transforms = self.dataset.pipeline.transforms
        crop = next((i for i, t in enumerate(transforms)
                     if isinstance(t, EpisodeCrop)), len(transforms))
        name = list(self.names[shot.index].encode())
        info = self.dataset.get_data_info(shot.index)
        info['episode_crop'] = dict(
            class_id=int(np.flatnonzero(self.table == shot.class_id)[0]),
            avoid=None)
        best, most, whole = None, -1, None
        for attempt in range(tries if crop < len(transforms) else 1):
            words = (seed, shot.class_id, attempt, *name)
            with seeded_by(SeededIndex(shot.index, derive_seed(*words))):
                if whole is None:  # read once, cut often
                    whole = _run(transforms[:crop], info)
                view = _run(transforms[crop:], whole)
            label = self._label(view, shot.path)
            pixels = int((label == shot.class_id).sum())
            if pixels > most:
                best, most = dict(view, gt_seg_map=label), pixels
        return best

    def _label(self, view: Optional[dict], path: str) -> np.ndarray:
        """Its label map in ids of the targets."""
        if view is None or view.get('gt_seg_map') is None:
            raise DataError(
                f'{type(self.dataset).__name__}: the pipeline made no label '
                f'map of {path}; an example needs `LoadGeoAnnotations`, and '
                'no packing')
        return self.table[view['gt_seg_map']]


def _run(transforms: Sequence[Callable], results: Optional[dict]
         ) -> Optional[dict]:
    """Some steps of a pipeline; what was put in keeps its keys."""
    results = None if results is None else dict(results)
    for transform in transforms:
        if results is not None:
            results = transform(results)
    return results


def match_classes(own: Sequence[str], target: Sequence[str]) -> np.ndarray:
    """Ids of one legend as those of another, by name.

    Args:
        own (Sequence[str]): Classes of a data set.
        target (Sequence[str]): Those wanted.

    Returns:
        np.ndarray: ``(256, )`` uint8; 254 for a class that is not wanted,
        255 stays.
    """
    keys = {key_of(name): i for i, name in enumerate(target)}
    table = np.full(256, OTHER_LABEL, np.uint8)
    table[NO_LABEL] = NO_LABEL
    for i, name in enumerate(own):
        table[i] = keys.get(key_of(name), OTHER_LABEL)
    return table


def _below(paths: Sequence[str], root: str) -> list[str]:
    """Paths below a folder, without suffix."""
    names = []
    for path in map(Path, paths):
        if root and path.is_relative_to(root):
            path = path.relative_to(root)
        names.append(path.with_suffix('').as_posix())
    if len(set(names)) < len(names):
        raise DataError(f'{root}: two images differ in their suffix only, and '
                        'examples are told by names: rename one.')
    return names
