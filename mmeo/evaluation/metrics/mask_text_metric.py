# Copyright (c) mmeo contributors. All rights reserved.
"""Segmentation by answers that spell masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from mmengine.logging import print_log
from prettytable import PrettyTable

from mmeo.errors import ConfigError, MissingDataError
from mmeo.evaluation.answers import AnswerRecord
from mmeo.evaluation.mask_answers import require_fields
from mmeo.evaluation.mask_scenes import OVERLAPS, SceneReader
from mmeo.evaluation.mask_truth import MaskLegend, find_legend
from mmeo.registry import METRICS

from .label_scores import (
    claims_confusion,
    class_ious,
    mean_percent,
    resolve_unclaimed,
    share_percent,
)
from .text_metric import TextMetric


@METRICS.register_module()
class MaskTextMetric(TextMetric):
    """IoU of maps that are put together from answers to ``[SEG]``.

    A record asks for one class of one picture (RSUniVLM's prompts), or for
    all of them at once (ours). The answers about a picture become one map on
    the grid of the answers, enlarged to the label by the nearest cell; tiles
    become one image again. mIoU is mmseg's: one confusion matrix over the
    test set, mean over the classes that occur in truth or prediction. How
    RSUniVLM combines its masks is not published; all rules here are ours.

    Metrics, with the prefix ``seg``, in percent: ``mIoU``, ``aAcc``,
    ``IoU.<class>`` (spaces become ``_``); ``oracle_mIoU`` and
    ``oracle.<class>`` for answers that spell the truth, which is the most
    that the grid allows; ``unclaimed``, the share of pixels that no class
    claimed. Counts: ``questions``, ``empty``, ``unfinished``; ``invalid`` (no
    mask at all, claims nothing), ``repaired`` (any flaw that was mended),
    among them ``truncated`` (rows lacking) and ``unknown_labels``;
    ``images``, ``pictures`` (images or tiles), ``not_asked`` (pairs of
    picture and class without a question), ``merged_by_order`` (pictures in
    which ``priority`` decided a cell), ``uncovered_pixels`` of images whose
    tiles are not all there.

    Args:
        label_root (str): Folder that ``mask`` of the records is relative to;
            the image folder of the test set.
        overlap (str, optional): Which class gets a cell that several claim:
            'probability', the one whose tokens are the likeliest (needs
            ``answer_scores=True`` of the model), or 'order', the first in
            ``priority``. Defaults to None, by probability where answers
            carry scores, else by order.
        priority (Sequence[str], optional): Classes, the strongest first;
            also decides between equal scores. By default the order of the
            data set, which has no meaning of its own.
        unclaimed (str, optional): What a cell that no class claims becomes:
            the name of a class (the background), 'wrong' (no class at all),
            or 'ignored' (does not count, which raises the score). Defaults to
            None: the class that has the background word as its name, else
            'wrong'.
        stitch (bool): Pixels in several tiles count once, decided by the
            tile whose border is farther away. False counts each tile as it
            is, as mmseg does with crops. Defaults to True.
        present_only (bool): Use only the answers about classes that the truth
            of the picture holds, as if no others had been asked. It gives
            away what is in the picture and inflates mIoU; for comparing with
            numbers that were made so. Defaults to False.
        label_values (Mapping[str, int], optional): Label value of each
            class. By default what the records say.
        ignore (Sequence[int]): Label values that do not count. Defaults to
            (255, ).
        grid (int): Cells along a side of an answer. Defaults to 24.
        background (str): Word for cells of no class. Defaults to 'others'.
        tasks (Sequence[str]): Defaults to ('SEG', ).
        prefix (str, optional): Defaults to None, 'seg'.
        collect_device (str): Defaults to 'cpu'.
    """

    default_prefix = 'seg'

    def __init__(self,
                 label_root: str,
                 overlap: Optional[str] = None,
                 priority: Optional[Sequence[str]] = None,
                 unclaimed: Optional[str] = None,
                 stitch: bool = True,
                 present_only: bool = False,
                 label_values: Optional[Mapping[str, int]] = None,
                 ignore: Sequence[int] = (255, ),
                 grid: int = 24,
                 background: str = 'others',
                 tasks: Sequence[str] = ('SEG', ),
                 prefix: Optional[str] = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(tasks=tasks, prefix=prefix,
                         collect_device=collect_device)
        if overlap not in (None, *OVERLAPS):
            raise ConfigError(f'{type(self).__name__}: overlap={overlap!r} '
                              f'is none of {OVERLAPS}')
        self.label_root = label_root
        self.overlap = overlap
        self.priority = priority and tuple(priority)
        self.unclaimed = unclaimed
        self.stitch = stitch
        self.present_only = present_only
        self.label_values = label_values and dict(label_values)
        self.ignore = tuple(ignore)
        self.grid = grid
        self.background = background

    def rules(self) -> str:
        """See :class:`TextMetric`."""
        return (f'overlap {self.overlap or "by probability where known"}, '
                f'unclaimed cells {self.unclaimed or "as the background"}, '
                f'stitch={self.stitch}, present_only={self.present_only}, '
                f'grid {self.grid}')

    def check(self) -> None:
        """Refuse to start without labels.

        Raises:
            MissingDataError: If their folder is absent.
        """
        if not Path(self.label_root).is_dir():
            raise MissingDataError(
                f'{type(self).__name__}: the folder of labels '
                f'{self.label_root} does not exist: correct `label_root`')

    def score(self, records: Sequence[AnswerRecord]) -> dict[str, float]:
        """See :class:`DialogueMetric`.

        Raises:
            MissingDataError: If a label is absent.
            DataError: If records lack fields of the truth, or a label holds
                values that are not known.
        """
        counts = self.start(records)
        reader = self.reader(records)
        classes = reader.legend.classes
        pred = best = np.zeros((len(classes), len(classes) + 1), int)
        for scene in reader.scenes(records):
            pred = pred + claims_confusion(scene.pred, scene.truth, len(pred))
            best = best + claims_confusion(scene.best, scene.truth, len(best))
        target = self.target(classes)
        scores = self.summary(classes, resolve_unclaimed(pred, target),
                              resolve_unclaimed(best, target))
        scores['unclaimed'] = share_percent(pred[:, -1], pred)
        return {**scores, **counts, **self.tally(reader)}

    def reader(self, records: Sequence[AnswerRecord]) -> SceneReader:
        """What decodes and merges the answers."""
        for record in records:
            require_fields(record)
        legend = self.legend([record.annotation for record in records])
        priority = self.priority or legend.classes
        if sorted(priority) != sorted(legend.classes):
            raise ConfigError(f'{type(self).__name__}: priority='
                              f'{list(priority)} must name each of '
                              f'{list(legend.classes)} once')
        return SceneReader(
            legend, self.label_root, self.grid, self.overlap,
            tuple(legend.classes.index(name) for name in priority),
            self.background, self.stitch, self.present_only)

    def legend(self, annotations: Sequence[Mapping[str, Any]]) -> MaskLegend:
        """Classes and label values of the records."""
        return find_legend(annotations, self.label_values, self.ignore)

    def target(self, classes: Sequence[str]) -> Union[int, str]:
        """Class id for unclaimed pixels, 'wrong' or 'ignored'."""
        name = self.unclaimed
        if name is None:
            name = (self.background if self.background in classes
                    else 'wrong')
        if name in classes:
            return classes.index(name)
        if name not in ('wrong', 'ignored'):
            raise ConfigError(f'{type(self).__name__}: unclaimed={name!r} is '
                              f"none of 'wrong', 'ignored', {list(classes)}")
        return name

    def tally(self, reader: SceneReader) -> dict[str, int]:
        """Counts of the reader, zeros included."""
        counts, target = reader.counts, self.target(reader.legend.classes)
        found = {name: int(counts[name])
                 for name in ('invalid', 'repaired', 'truncated',
                              'unknown_labels', 'images', 'pictures')}
        # What stands for unclaimed cells need not be asked for.
        found['not_asked'] = sum(
            counts['pictures'] - counts[f'asked.{i}']
            for i in range(len(reader.legend.classes)) if i != target)
        found.update({name: int(counts[name])
                      for name in ('merged_by_order', 'uncovered_pixels')})
        if self.present_only:
            self.notes.append('present_only: classes that a picture does not '
                              'hold could not be claimed in it; mIoU is '
                              'inflated')
        if found['not_asked']:
            self.notes.append(f'{found["not_asked"]} pairs of picture and '
                              'class were never asked for')
        if found['uncovered_pixels']:
            self.notes.append(f'{found["uncovered_pixels"]} pixels lie in no '
                              'tile that was asked about and do not count')
        return found

    def summary(self, classes: Sequence[str], pred: np.ndarray,
                best: np.ndarray) -> dict[str, float]:
        """Scores of two confusion matrices; logs a table of the classes."""
        ious, tops = class_ious(pred), class_ious(best)
        scores = dict(mIoU=mean_percent(ious),
                      oracle_mIoU=mean_percent(tops),
                      aAcc=share_percent(np.diagonal(pred), pred))
        table = PrettyTable(['class', 'IoU', 'oracle'])
        for name, iou, top in zip(classes, ious, tops):
            key = name.replace(' ', '_')
            scores[f'IoU.{key}'] = 100 * float(iou)
            scores[f'oracle.{key}'] = 100 * float(top)
            table.add_row([name, f'{100 * iou:.2f}', f'{100 * top:.2f}'])
        print_log(f'\n{table.get_string()}', 'current')
        return scores
