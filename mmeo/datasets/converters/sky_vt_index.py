# Copyright (c) mmeo contributors. All rights reserved.
"""Index of segmentation data sets by unified class. Pure functions."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmeo.datasets.in_context.source import EpisodeSource

from .unified_classes import ClassMap, UnifiedClasses

VERSION = 1


@dataclass(frozen=True)
class IndexedSource:
    """A data set with what the index says of it.

    Args:
        source (EpisodeSource): The data set.
        platform (str): What its images were taken from.
        classes (dict[str, str | None]): Its classes -> nodes of the tree.
        counts (np.ndarray): int64 ``(images, classes)``, numbers of pixels.
    """

    source: EpisodeSource
    platform: str
    classes: ClassMap
    counts: np.ndarray

    @property
    def modality(self) -> str:
        """'SAR' or 'optical'."""
        return 'SAR' if self.source.modality == 's1' else 'optical'

    def files(self, image: int) -> dict[str, str]:
        """Image and label map, relative to ``data_root``."""
        info = self.source.dataset.get_data_info(image)
        root = self.source.dataset.data_root or '.'
        return dict(image=os.path.relpath(info['img_path'], root),
                    label=os.path.relpath(info['seg_map_path'], root))


def make_index(sources: Sequence[IndexedSource], unified: UnifiedClasses,
               exemplars: int, min_pixels: int) -> dict[str, Any]:
    """The index as it is written.

    Args:
        sources (Sequence[IndexedSource]): Data sets.
        unified (UnifiedClasses): Tree of all classes.
        exemplars (int): Most records listed for a class of a data set, those
            with the largest shares.
        min_pixels (int): That make an image an example of a class.

    Returns:
        dict: ``taxonomy``, ``datasets``, ``classes``, ``statistics``,
        ``records``; see ``docs/en/semantic_granularity.md``.
    """
    records: list[dict] = []
    nodes: dict[str, dict] = {}
    for item in sources:
        first = len(records)
        records += _records(item)
        for number, (name, node) in enumerate(item.classes.items()):
            if node is not None:
                entry = nodes.setdefault(node, _class_entry(node, unified))
                _add(entry, item, number, first, exemplars, min_pixels)
                _add_names(entry, item, name)
    order = {name: i for i, name in enumerate(
        n for path in unified.tree.paths.values() for n in path)}
    classes = {name: nodes[name] for name in sorted(nodes, key=order.get)}
    return dict(
        version=VERSION,
        taxonomy=dict(name=unified.tree.name, levels=unified.tree.levels,
                      leaves=len(unified.tree.leaves)),
        datasets={item.source.name: _describe(item) for item in sources},
        classes=classes,
        statistics=_statistics(sources, classes, unified),
        records=records)


def _records(item: IndexedSource) -> list[dict]:
    names = item.source.classes
    rows = []
    for image, row in enumerate(item.counts):
        labelled = int(row.sum())
        rows.append(dict(
            dataset=item.source.name, **item.files(image),
            labelled=labelled,
            shares={names[c]: round(float(row[c] / labelled), 6)
                    for c in np.flatnonzero(row)}))
    return rows


def _class_entry(node: str, unified: UnifiedClasses) -> dict[str, Any]:
    line = unified.lineage(node)
    return dict(path=list(line), leaf=node in unified.tree.names(),
                names=list(unified.names(node)), images=0, pixels=0,
                datasets={}, platforms={}, modalities={}, exemplars=[])


def _add(entry: dict, item: IndexedSource, number: int, first: int,
         exemplars: int, min_pixels: int) -> None:
    """Count a class of a data set, and list its best images."""
    pixels = item.counts[:, number]
    images = int((pixels > 0).sum())
    entry['images'] += images
    entry['pixels'] += int(pixels.sum())
    for key, value in (('datasets', item.source.name),
                       ('platforms', item.platform),
                       ('modalities', item.modality)):
        entry[key][value] = entry[key].get(value, 0) + images
    share = pixels / np.maximum(item.counts.sum(1), 1)
    # Stable: of equal shares the earlier image.
    best = np.argsort(-share, kind='stable')
    best = best[pixels[best] >= min_pixels][:exemplars]
    entry['exemplars'] += (best + first).tolist()


def _add_names(entry: dict, item: IndexedSource, name: str) -> None:
    path = dict(zip(item.source.classes, item.source.names.paths))[name]
    more = (path[-1], *item.source.names.synonyms.get(path[-1], ()))
    entry['names'] += [n for n in more if n not in entry['names']]


def _describe(item: IndexedSource) -> dict[str, Any]:
    dataset = item.source.dataset
    return dict(reader=type(dataset).__name__, data_root=dataset.data_root,
                platform=item.platform, modality=item.modality,
                sensor=item.source.modality, records=len(item.counts),
                classes=item.classes)


def _statistics(sources: Sequence[IndexedSource], classes: dict[str, dict],
                unified: UnifiedClasses) -> dict[str, Any]:
    platforms: Counter = Counter()
    modalities: Counter = Counter()
    for item in sources:
        platforms[item.platform] += len(item.counts)
        modalities[item.modality] += len(item.counts)
    seen = [name for name, entry in classes.items() if entry['images']]
    leaves = sum(classes[name]['leaf'] for name in seen)
    return dict(
        records=sum(platforms.values()), platforms=dict(platforms),
        modalities=dict(modalities),
        classes=dict(
            leaves=leaves, of=len(unified.tree.leaves),
            coarser=len(seen) - leaves,
            without_images=[n for n in classes if n not in seen]))
