# Copyright (c) mmeo contributors. All rights reserved.
"""Answers about masks laid over the labels they are scored with."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from mmeo.codecs import from_grid, to_grid
from mmeo.errors import ConfigError, DataError

from .answers import AnswerRecord
from .mask_answers import ClassAnswer, decode_answer, tile_of
from .mask_merge import UNCLAIMED, Box, core_boxes, merge_cells
from .mask_truth import MaskLegend, label_size, read_window

OVERLAPS = ('probability', 'order')


class Scene(NamedTuple):
    """A part of a label and what was said about it.

    Attributes:
        image_id (str): The image it belongs to.
        truth (np.ndarray): ``(h, w)`` uint8 class ids, 255 does not count.
        pred (np.ndarray): ``(h, w)`` int, K where no class was claimed.
        best (np.ndarray): The same for answers that spell the truth: what
            the grid alone costs.
    """

    image_id: str
    truth: np.ndarray
    pred: np.ndarray
    best: np.ndarray


@dataclass
class SceneReader:
    """Decodes, merges and stitches the answers of a test set.

    Attributes:
        legend (MaskLegend): Classes and label values.
        label_root (str): Folder that ``mask`` of the records is relative to.
        grid (int): Cells along a side of an answer.
        overlap (str or None): How cells that several classes claim are
            decided; see :class:`~mmeo.evaluation.metrics.MaskTextMetric`.
        priority (tuple[int, ...]): Class ids, the strongest first.
        background (str): What answers call cells of no class.
        stitch (bool): Tiles that overlap share the overlap, so that each
            pixel counts once; else each tile counts as it is.
        present_only (bool): Drop answers about classes that the truth of
            their picture does not hold.
        counts (Counter): Filled on the way.
    """

    legend: MaskLegend
    label_root: str
    grid: int
    overlap: Optional[str]
    priority: tuple[int, ...]
    background: str
    stitch: bool = True
    present_only: bool = False
    counts: Counter = field(default_factory=Counter)

    def scenes(self, records: Sequence[AnswerRecord]) -> Iterator[Scene]:
        """Yield every tile or image, image by image.

        Args:
            records (Sequence[AnswerRecord]): In any order.

        Yields:
            Scene: In memory one at a time.
        """
        images: dict[str, dict[Optional[Box], list[AnswerRecord]]] = {}
        for record in records:
            tiles = images.setdefault(str(record.annotation['image_id']), {})
            tiles.setdefault(tile_of(record.annotation), []).append(record)
        for image_id, tiles in images.items():
            self.counts['images'] += 1
            for (tile, group), core in zip(tiles.items(),
                                           self._cores(image_id, tiles)):
                yield self._scene(image_id, tile, core, group)

    def _cores(self, image_id: str, tiles: dict) -> list[Optional[Box]]:
        boxes = list(tiles)
        if boxes == [None] or not self.stitch and None not in boxes:
            return boxes
        if None in boxes:
            raise DataError(f'image {image_id}: some records have a `tile`, '
                            'others have none')
        cores = core_boxes(boxes)
        height, width = label_size(self._label(tiles[boxes[0]][0]))
        covered = sum(core.width * core.height for core in cores)
        self.counts['uncovered_pixels'] += height * width - covered
        return cores

    def _label(self, record: AnswerRecord) -> Path:
        return Path(self.label_root, record.annotation['mask'])

    def _scene(self, image_id: str, tile: Optional[Box], core: Optional[Box],
               group: list[AnswerRecord]) -> Scene:
        path = self._label(group[0])
        truth = self.legend.ids(read_window(path, tile), str(path))
        answers = [
            decode_answer(record, self.legend.classes, self.grid,
                          self.background, self.counts) for record in group]
        asked = {i for answer in answers for i in answer.asked}
        self.counts['pictures'] += 1
        self.counts.update(f'asked.{i}' for i in asked)
        if self.present_only:
            present = set(np.unique(truth).tolist())
            answers = [a for a in answers if present.intersection(a.asked)]
        cells = self._merge(answers, group[0])
        best = to_grid(truth, self.grid).astype(int)
        best[~np.isin(best, list(asked))] = UNCLAIMED
        part = slice(None), slice(None)
        if core != tile:
            top, left = core.y - tile.y, core.x - tile.x
            part = (slice(top, top + core.height),
                    slice(left, left + core.width))
        return Scene(image_id, truth[part], self._pixels(cells, truth, part),
                     self._pixels(best, truth, part))

    def _merge(self, answers: list[ClassAnswer],
               record: AnswerRecord) -> np.ndarray:
        if not answers:
            return np.full((self.grid, self.grid), UNCLAIMED)
        labels = np.stack([answer.labels for answer in answers])
        claimed = labels != UNCLAIMED
        silent = any(claims and answer.scores is None for claims, answer
                     in zip(claimed.any((1, 2)), answers))
        if silent and self.overlap == 'probability':
            raise ConfigError(
                f'{record.source}: the answer has no log-probabilities: set '
                '`answer_scores=True` in the model, or merge the classes by '
                "`overlap='order'`")
        if silent or self.overlap == 'order':
            self.counts['merged_by_order'] += int(claimed.sum(0).max() > 1)
            return merge_cells(labels, None, self.priority)
        scores = np.stack([
            np.full(labels[0].shape, np.nan) if answer.scores is None else
            answer.scores for answer in answers])
        return merge_cells(labels, scores, self.priority)

    def _pixels(self, cells: np.ndarray, truth: np.ndarray,
                part: tuple[slice, slice]) -> np.ndarray:
        """Cells to the pixels of a part; unclaimed ones become id K."""
        ids = np.where(cells == UNCLAIMED, len(self.legend.classes), cells)
        return from_grid(ids, truth.shape)[part]
