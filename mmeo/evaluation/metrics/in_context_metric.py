# Copyright (c) mmeo contributors. All rights reserved.
"""IoU of in-context segmentation: by mode, and of groups of classes."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.evaluation import IoUMetric
from prettytable import PrettyTable
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.registry import METRICS
from mmeo.structures import MODES, NO_LABEL, OTHER_LABEL

# Its float32 histograms count to 2**24 without loss.
_CHUNK = 1 << 24


@METRICS.register_module()
class InContextMetric(BaseMetric):
    """Mean IoU of each mode of asking, over one confusion of the whole set.

    Areas are those of mmseg's ``IoUMetric``. What differs:

    - Predictions count the classes of an episode; they are brought to the
      data set's ids first. 254, none of them, is wrong wherever there is a
      label.
    - A labelled pixel of a class that its episode did not ask for is a
      negative for those asked for, and counts for no class of its own
      (``others='count'``), or is left out.
    - Classes that no label shows are left out of every mean, even if they
      were predicted; ``absent`` counts them, and the table names them.

    Results are ``{mode}/mIoU``, ``{mode}/aAcc``, ``{mode}/absent``, and
    ``{mode}/mIoU_{group}`` for each group, in percent.

    Args:
        modes (Sequence[str]): Those that the model predicts
            (``test_cfg.modes``). Defaults to all three.
        exclude (Sequence[str]): Classes left out of the means although they
            are asked for and count as negatives, such as the background of a
            set of two classes; with one, ``{mode}/mIoU_all`` has them in.
            Defaults to ().
        groups (Mapping[str, Sequence[str]], optional): Name of a group to
            class names, e.g. ``dict(seen=[...], held_out=[...])``. Defaults
            to None.
        others (str): 'count' or 'ignore', see above. Defaults to 'count'.
        per_class (bool): Also return ``{mode}/IoU.{class}``; the table has
            them always. Defaults to False.
        ignore_index (int): Label that does not count. Defaults to 255.
        collect_device (str): 'cpu' or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): Of the names. Defaults to None.

    Raises:
        ConfigError: If a mode or a class is unknown.
    """

    def __init__(self,
                 modes: Sequence[str] = MODES,
                 exclude: Sequence[str] = (),
                 groups: Optional[Mapping[str, Sequence[str]]] = None,
                 others: str = 'count',
                 per_class: bool = False,
                 ignore_index: int = NO_LABEL,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 **kwargs: Any) -> None:
        super().__init__(
            collect_device=collect_device, prefix=prefix, **kwargs)
        if isinstance(modes, str) or not modes or set(modes) - set(MODES):
            raise ConfigError(f'InContextMetric: modes={modes!r}: give some '
                              f'of {MODES} as a sequence')
        if others not in ('count', 'ignore'):
            raise ConfigError(f"InContextMetric: others={others!r} is neither "
                              "'count' nor 'ignore'")
        self.modes = tuple(modes)
        self.exclude = tuple(exclude)
        self.groups = {name: tuple(members)
                       for name, members in (groups or {}).items()}
        self.others = others
        self.per_class = per_class
        self.ignore_index = ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add the areas of each sample and mode to ``self.results``."""
        count = len(self.dataset_meta['classes'])
        for sample in data_samples:
            label = self._label(sample)
            self.results.append(torch.stack([
                areas(self._prediction(sample, mode, label, count), label,
                      count, self.ignore_index) for mode in self.modes]))

    def _label(self, sample: Mapping) -> Tensor:
        """``(H, W)`` int64: ids of the data set, 254 of none asked for."""
        if 'gt_sem_seg' not in sample:
            raise DataError(f'{sample.get("img_path")}: no label to compare '
                            'with. Put LoadGeoAnnotations into the pipeline.')
        label = sample['gt_sem_seg']['data'].squeeze(0).long()
        asked = torch.zeros(256, dtype=torch.bool, device=label.device)
        asked[list(sample['episode'])] = True
        other = ~asked[label] & (label != self.ignore_index)
        return label.masked_fill(other, OTHER_LABEL if self.others == 'count'
                                 else self.ignore_index)

    def _prediction(self, sample: Mapping, mode: str, label: Tensor,
                    count: int) -> Tensor:
        """``(H, W)`` int64: ids of the data set, 254 for none."""
        if f'pred_{mode}' not in sample:
            raise DataError(
                f'{sample.get("img_path")}: no `pred_{mode}`: the model did '
                f'not answer in this mode. Set `modes={list(self.modes)}` in '
                "the model's `test_cfg`, or other `modes` of InContextMetric.")
        numbers = sample[f'pred_{mode}']['data'].squeeze(0).long()
        if numbers.shape != label.shape:
            raise DataError(
                f'{sample.get("img_path")}: the prediction has '
                f'{tuple(numbers.shape)} pixels, its label '
                f'{tuple(label.shape)}: leave resizing out of the pipeline.')
        episode = list(dict.fromkeys(sample['episode']))
        said = sample.get('class_names', episode)
        if max(episode) >= count or len(said) != len(episode):
            raise DataError(
                f'{sample.get("img_path")}: the episode asks for the ids '
                f'{episode} of {count} classes, called {said}: classes of one '
                'name are one to the model. Tell them apart in the hierarchy.')
        table = torch.full((256, ), OTHER_LABEL, device=label.device)
        table[:len(episode)] = torch.tensor(episode, device=label.device)
        return table[numbers.to(label.device)]

    def compute_metrics(self, results: list[Tensor]) -> dict[str, float]:
        """Sum the areas, print a table, return the means in percent."""
        classes = tuple(self.dataset_meta['classes'])
        members = self._members(classes)
        total = torch.stack(results).sum(0)  # (modes, 4, classes)
        scores, ious = {}, {}
        for mode, (hit, union, _, shown) in zip(self.modes, total):
            iou = IoUMetric.total_area_to_metrics(
                hit, union, union, shown, ['mIoU'])['IoU'] * 100
            iou[(shown == 0).numpy()] = np.nan
            ious[mode] = iou
            present = int((shown > 0).sum())
            for name, indices in members.items():
                scores[f'{mode}/mIoU{name}'] = _mean(iou[indices])
            scores[f'{mode}/aAcc'] = _mean(
                [100 * float(hit.sum() / shown.sum())] if present else [])
            scores[f'{mode}/absent'] = len(classes) - present
            if self.per_class:
                scores.update({f'{mode}/IoU.{name}': float(value)
                               for name, value in zip(classes, iou)})
        self._print(classes, ious, members, scores)
        return scores

    def _members(self, classes: tuple[str, ...]) -> dict[str, list[int]]:
        """Suffix of a mean to the indices of its classes."""
        chosen = {'': [n for n in classes if n not in self.exclude]}
        if self.exclude:
            chosen['_all'] = list(classes)
        chosen.update({f'_{name}': list(group)
                       for name, group in self.groups.items()})
        named = [*self.exclude, *(n for g in chosen.values() for n in g)]
        unknown = sorted(set(named) - set(classes))
        if unknown:
            raise ConfigError(
                f'InContextMetric: {unknown} in `exclude` or `groups` are no '
                f'classes of the data set, which has {list(classes)}')
        return {suffix: [classes.index(name) for name in names]
                for suffix, names in chosen.items()}

    def _print(self, classes: tuple[str, ...], ious: dict[str, np.ndarray],
               members: dict[str, list[int]], scores: dict) -> None:
        table = PrettyTable(['class', *self.modes])
        for index, name in enumerate(classes):
            row = [ious[mode][index] for mode in self.modes]
            mark = ' (not in the mean)' if name in self.exclude else ''
            table.add_row([name + mark, *map(_text, row)])
        for suffix in members:
            table.add_row([f'mIoU{suffix}', *(
                _text(scores[f'{mode}/mIoU{suffix}'])
                for mode in self.modes)])
        logger = MMLogger.get_current_instance()
        logger.info(f'IoU in percent\n{table.get_string()}')
        first = ious[self.modes[0]]
        absent = [n for n, iou in zip(classes, first) if np.isnan(iou)]
        if absent:
            logger.warning(f'{len(absent)} of {len(classes)} classes are in '
                           'no label that was asked for and not in the means: '
                           f'{absent}')


def areas(pred: Tensor, label: Tensor, num_classes: int,
          ignore_index: int = NO_LABEL) -> Tensor:
    """Areas of intersection, union, prediction and label of each class.

    mmseg's, summed over pieces that its float32 counts hold exactly.

    Args:
        pred (Tensor): Ids of any shape; those from ``num_classes`` on are
            wrong and no class.
        label (Tensor): Of the same shape.
        num_classes (int): Number of classes, at most 254.
        ignore_index (int): Label that does not count. Defaults to 255.

    Returns:
        Tensor: ``(4, num_classes)`` float64 on the CPU.
    """
    total = torch.zeros(4, num_classes, dtype=torch.float64)
    for one, true in zip(pred.flatten().split(_CHUNK),
                         label.flatten().split(_CHUNK)):
        total += torch.stack(IoUMetric.intersect_and_union(
            one, true, num_classes, ignore_index)).double()
    return total


def _mean(values: Sequence[float]) -> float:
    """Of those that are numbers; nan of none."""
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    return round(float(values.mean()), 4) if len(values) else float('nan')


def _text(value: float) -> str:
    return '-' if np.isnan(value) else f'{value:.2f}'
