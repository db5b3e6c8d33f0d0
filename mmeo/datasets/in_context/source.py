# Copyright (c) mmeo contributors. All rights reserved.
"""One data set that episodes are made of."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from mmseg.datasets import BaseSegDataset

from mmeo.datasets.transforms.episode import EpisodeCrop
from mmeo.errors import ConfigError, DataError
from mmeo.structures import NO_LABEL, OTHER_LABEL

from .class_index import load_class_index
from .class_names import ClassNames, class_names, hide_names, ids_of

#: What a config says about a data set beside its own arguments.
SOURCE_KEYS = ('name', 'modality', 'paired', 'hierarchy', 'synonyms',
               'others', 'repeat')


class View(NamedTuple):
    """An image as its pipeline left it.

    Args:
        results (dict): ``img``, ``gt_seg_map`` (ids that episodes know) and
            what else the pipeline says.
        pixels (np.ndarray): int64 ``(256, )``, numbers of pixels of each id.
    """

    results: dict
    pixels: np.ndarray

    def shown(self, least: int = 1) -> list[int]:
        """Classes with at least so many pixels."""
        return np.flatnonzero(self.pixels[:OTHER_LABEL] >= least).tolist()


class EpisodeSource:
    """A data set of label maps, seen as examples of classes.

    Args:
        dataset (BaseSegDataset): Whose pipeline ends before packing.
        name (str): For logs.
        modality (str): Sensor. Defaults to 'hr'.
        paired (str, optional): Name of a data set of the same places, seen by
            another sensor.
        hierarchy (str, optional): Tree of its classes.
        synonyms (Mapping, optional): Class to other names.
        others (Sequence[str]): Classes that are never asked for, but are
            known to be none of those that are (background, clutter).
        repeat (float): Factor of its images. Defaults to 1.

    Raises:
        ConfigError: If it is of another kind, or has no classes, or more
            than 254.
    """

    def __init__(self,
                 dataset: BaseSegDataset,
                 name: str,
                 modality: str = 'hr',
                 paired: Optional[str] = None,
                 hierarchy: Optional[str] = None,
                 synonyms: Optional[Mapping[str, Sequence[str]]] = None,
                 others: Sequence[str] = (),
                 repeat: float = 1.) -> None:
        if not isinstance(dataset, BaseSegDataset):
            raise ConfigError(
                f'{name}: {type(dataset).__name__} is no data set of images '
                'and label maps; give a `GeoSegDataset` or another subclass '
                "of mmseg's `BaseSegDataset` (a part of it by `indices` or "
                '`ann_file`)')
        self.dataset = dataset
        self.name = name
        self.modality = modality
        self.paired = paired
        self.repeat = repeat
        self.classes: tuple[str, ...] = tuple(
            dataset.metainfo.get('classes') or ())
        if not 0 < len(self.classes) <= OTHER_LABEL:
            raise ConfigError(
                f'{name}: {len(self.classes)} classes; a data set of episodes '
                f'has 1 to {OTHER_LABEL}: give `metainfo=dict(classes=...)`')
        self.names: ClassNames = class_names(self.classes, hierarchy,
                                             synonyms)
        self.lookup = np.arange(256, dtype=np.uint8)
        self._set(ids_of(others, self.classes, self.names.paths),
                  OTHER_LABEL)
        self.counts: Optional[np.ndarray] = None

    def _set(self, ids: Sequence[int], value: int) -> None:
        self.lookup[list(ids)] = value

    @property
    def allowed(self) -> list[int]:
        """Ids of the classes that may be asked for."""
        ids = np.arange(len(self.classes))
        return ids[self.lookup[ids] == ids].tolist()

    @property
    def can_crop(self) -> bool:
        """Whether windows of one image can be told apart."""
        return any(isinstance(t, EpisodeCrop)
                   for t in self.dataset.pipeline.transforms)

    def hold_out(self, names: Collection[str], as_other: bool) -> None:
        """Never ask for some classes, nor say their names.

        Args:
            names (Collection[str]): In any spelling; those of other data sets
                as well.
            as_other (bool): Their pixels are none of the classes asked for;
                else they are unlabelled.
        """
        self._set(ids_of(names, self.classes, self.names.paths),
                  OTHER_LABEL if as_other else NO_LABEL)
        self.names = hide_names(self.names, names)

    def read_index(self, cache_dir: Optional[str], workers: int) -> None:
        """Count the pixels of the classes that may be asked for."""
        counts = load_class_index(self.dataset, self.name, cache_dir, workers)
        self.counts = np.zeros_like(counts)
        self.counts[:, self.allowed] = counts[:, self.allowed]
        self.labelled = counts.any(1)

    @property
    def targets(self) -> np.ndarray:
        """Images that show a class that may be asked for."""
        return np.flatnonzero(self.counts.any(1))

    def showing(self, class_id: int, least: int) -> np.ndarray:
        """Images with at least so many pixels of a class."""
        return np.flatnonzero(self.counts[:, class_id] >= least)

    def places(self) -> dict[str, int]:
        """Names of the images below their folder, without suffix."""
        root = self.dataset.data_prefix.get('img_path') or ''
        found = {}
        for i in range(len(self.dataset)):
            path = Path(self.dataset.get_data_info(i)['img_path'])
            if root and path.is_relative_to(root):
                path = path.relative_to(root)
            found[str(path.with_suffix(''))] = i
        return found

    def view(self, index: int, class_id: Optional[int] = None,
             avoid: Optional[Sequence[float]] = None) -> View:
        """Run the pipeline.

        Args:
            index (int): Of the image.
            class_id (int, optional): Class that the crop shows.
            avoid (Sequence[float], optional): Window that it stays clear of,
                see :class:`EpisodeCrop`.

        Raises:
            DataError: If the pipeline returns nothing, or no label.
        """
        info: dict[str, Any] = self.dataset.get_data_info(index)
        info['episode_crop'] = dict(class_id=class_id, avoid=avoid)
        results = self.dataset.pipeline(info)
        if results is None or results.get('gt_seg_map') is None:
            raise DataError(f'{self.name}: the pipeline made no label map of '
                            f'{info.get("img_path")}; it must end with `img` '
                            'and `gt_seg_map`, before packing')
        results.pop('episode_crop', None)
        results['gt_seg_map'] = self.lookup[results['gt_seg_map']]
        return View(results, np.bincount(
            results['gt_seg_map'].ravel(), minlength=256))
