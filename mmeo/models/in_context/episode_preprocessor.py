# Copyright (c) mmeo contributors. All rights reserved.
"""Episodes of a batch: level of the classes, prompts, padding."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS
from mmeo.structures import NO_LABEL, EpisodeBatch, EpisodeSample

from ..text_encoders.names import check_class_names
from .class_merging import (
    MergedClasses,
    class_masks,
    merge_classes,
    merge_labels,
    merge_masks,
    synonyms_of,
)
from .episode_stacking import (
    common_size,
    group_by_sensor,
    pad_to,
    stack_masks,
)
from .prompt_kinds import render_prompt

# What a sample's seed is used for; each has numbers of its own.
_LEVEL, _NAMES, _POINTS = range(3)


class _Episode(NamedTuple):
    """One sample, its classes resolved."""

    target: Tensor
    prompts: list
    masks: list
    label: Optional[Tensor]
    names: tuple
    sample: EpisodeSample


@MODELS.register_module()
class EpisodePreprocessor(BaseDataPreprocessor):
    """Make an :class:`~mmeo.structures.EpisodeBatch` of packed episodes.

    For each sample, in training: draw a level of its class hierarchy and
    merge the classes (labels, prompts and names alike), draw synonyms. Then,
    always: draw the masks of the shots from their labels by their kinds, pad
    to common sizes, group images by sensor. Everything is drawn from the
    ``seed`` of the sample.

    A sample may bring ``prompt_masks`` of a person instead of
    ``prompt_labels``: these are taken as they are. Data samples learn
    ``class_names``, the classes in the order of the batch, ``level``, and
    how much was padded. Images are not normalised; pipelines did that.

    Samples come as a list (``collate_fn=dict(type='list_collate')``).

    Args:
        granularity (Any, optional): Draws levels by ``draw(rng)``; set by
            ``SGAHook`` before each step, None where predictions are made.
            Defaults to None, the leaves.
        pad_divisor (int): Padded sizes are multiples of it. Defaults to 32.
        num_points (int): Points of each class in a shot shown by points.
            Defaults to 5 (our choice).
        point_radius (float): Radius of a point's disk in pixels of an image
            of 512, scaled with the size of the image. Defaults to 8 (our
            choice).
        box_unit (str): Boxes are around each connected 'component', or all of
            a 'class'. Defaults to 'component' (our choice).
        non_blocking (bool): Copy to the device asynchronously. Defaults to
            False.
    """

    def __init__(self,
                 granularity: Optional[Any] = None,
                 pad_divisor: int = 32,
                 num_points: int = 5,
                 point_radius: float = 8.,
                 box_unit: str = 'component',
                 non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        self.granularity = granularity
        self.pad_divisor = pad_divisor
        self.drawing = dict(num_points=num_points, radius=point_radius,
                            box_unit=box_unit)

    def forward(self, data: Sequence[dict], training: bool = False) -> dict:
        """Make a batch.

        Args:
            data (Sequence[dict]): B samples of ``PackEpisode``.
            training (bool): Whether to merge classes, draw synonyms and
                return labels. Defaults to False.

        Returns:
            dict: ``inputs`` (EpisodeBatch), ``data_samples``
            (list[EpisodeSample]).

        Raises:
            ConfigError: If samples were merged already, or a hierarchy has
                more levels than are drawn.
            DataError: If a mask does not fit its image, or shows nothing.
        """
        if isinstance(data, Mapping):
            raise ConfigError(
                "set collate_fn=dict(type='list_collate') in the dataloader: "
                'the present one merges samples, which differ in their '
                'classes and shots')
        episodes = [self._resolve(item['inputs'], item['data_samples'],
                                  training)
                    for item in self.cast_data(list(data))]
        if training:
            _report_redraws(episodes)
        return dict(inputs=self._stack(episodes),
                    data_samples=[e.sample for e in episodes])

    def _resolve(self, inputs: Mapping, sample: EpisodeSample,
                 training: bool) -> _Episode:
        """Classes, names and masks of one sample."""
        paths = sample.get('class_paths') or [
            (name, ) for name in sample.get('dataset_classes')]
        level = self._level(paths, sample) if training else -1
        merged = merge_classes(paths, sample.get('episode'), level)
        names = tuple(check_class_names(merged.names))
        if training:
            names = synonyms_of(names, sample.get('synonyms') or {},
                                sample.get('synonym_prob') or 0.,
                                _rng(sample, _NAMES))
        label = None
        if training and 'gt_sem_seg' in sample:
            label = merge_labels(sample.gt_sem_seg.data[0], merged)
        prompts = list(inputs.get('prompts') or ())
        masks = self._masks(inputs, prompts, merged, sample)
        sample.set_metainfo(dict(
            class_names=names, level=level,
            img_shape=tuple(inputs['target'].shape[-2:])))
        return _Episode(inputs['target'], prompts, masks, label, names,
                        sample)

    def _level(self, paths: Sequence, sample: EpisodeSample) -> int:
        if self.granularity is None:
            return -1
        levels = self.granularity.levels
        depth = len(paths[0])
        if depth > levels:
            raise ConfigError(
                f'{sample.get("dataset", "a data set")} has a hierarchy of '
                f'{depth} levels, of which {levels} are drawn: set '
                f'`levels={depth}` in SGAHook')
        # A flat list of classes is its leaves on all levels.
        return min(self.granularity.draw(_rng(sample, _LEVEL)), depth - 1)

    def _masks(self, inputs: Mapping, prompts: Sequence[Tensor],
               merged: MergedClasses, sample: EpisodeSample) -> list[Tensor]:
        """Masks ``(N, h, w)`` of each shot."""
        given = inputs.get('prompt_masks')
        if given is not None:
            _check_masks(prompts, given, len(merged.groups), sample)
            return [merge_masks(mask, merged) for mask in given]
        labels = inputs.get('prompt_labels') or ()
        _check_count('prompt_labels', prompts, labels, sample)
        shown = sample.get('shot_classes') or (sample.get('episode'), ) * len(
            labels)
        kinds = sample.get('prompt_kinds') or ('mask', ) * len(labels)
        rng = _rng(sample, _POINTS)
        return [render_prompt(class_masks(label, merged, classes), kind, rng,
                              **self.drawing)
                for label, classes, kind in zip(labels, shown, kinds)]

    def _stack(self, episodes: Sequence[_Episode]) -> EpisodeBatch:
        """Bring all samples to common sizes."""
        targets = [e.target for e in episodes]
        sizes = [tuple(x.shape[-2:]) for x in targets]
        canvas = common_size(targets, self.pad_divisor)
        for episode, (height, width) in zip(episodes, sizes):
            episode.sample.set_metainfo(dict(
                pad_shape=canvas, padding_size=[
                    0, canvas[1] - width, 0, canvas[0] - height]))
        num_classes = max(len(e.names) for e in episodes)
        valid = torch.tensor(
            [[n < len(e.names) for n in range(num_classes)]
             for e in episodes], device=targets[0].device)
        prompts, masks = self._stack_prompts(episodes, num_classes)
        labels = None
        if all(e.label is not None for e in episodes):
            labels = torch.stack([pad_to(e.label, canvas, NO_LABEL)
                                  for e in episodes]).long()
        keys = [e.sample.get('prompt_key') for e in episodes]
        return EpisodeBatch(
            targets=group_by_sensor(
                targets, [e.sample.get('modality') for e in episodes],
                range(len(episodes)), canvas),
            class_names=[e.names for e in episodes], class_valid=valid,
            prompts=prompts, masks=masks, labels=labels, sizes=sizes,
            prompt_keys=None if None in keys else keys)

    def _stack_prompts(self, episodes: Sequence[_Episode], num_classes: int
                       ) -> tuple[dict, Optional[Tensor]]:
        shots = max(len(e.prompts) for e in episodes)
        images, sensors, index = [], [], []
        for b, episode in enumerate(episodes):
            own = episode.sample.get('prompt_modalities') or (
                episode.sample.get('modality'), ) * len(episode.prompts)
            images += episode.prompts
            sensors += own
            index += [b * shots + k for k in range(len(episode.prompts))]
        if not images:
            return {}, None
        size = common_size(images, self.pad_divisor)
        return (group_by_sensor(images, sensors, index, size),
                stack_masks([e.masks for e in episodes], num_classes, size))


def _rng(sample: EpisodeSample, purpose: int) -> np.random.Generator:
    return np.random.default_rng((sample.get('seed') or 0, purpose))


def _report_redraws(episodes: Sequence[_Episode]) -> None:
    """Log how often data were drawn in vain, as the dataset counted it."""
    hub = MessageHub.get_current_instance()
    for key in ('redraws', 'missed_prompts'):
        counts = [e.sample.get(key) for e in episodes]
        if None not in counts:
            hub.update_scalar(f'train/episode/{key}',
                              sum(counts) / len(counts))


def _check_count(field: str, prompts: Sequence, given: Sequence,
                 sample: EpisodeSample) -> None:
    if len(prompts) != len(given):
        raise DataError(f'{_name(sample)}: {len(prompts)} prompt images and '
                        f'{len(given)} `{field}`; give one each')


def _check_masks(prompts: Sequence[Tensor], masks: Sequence[Tensor],
                 num_classes: int, sample: EpisodeSample) -> None:
    """Masks of a person: of the right size, and showing something."""
    _check_count('prompt_masks', prompts, masks, sample)
    for k, (image, mask) in enumerate(zip(prompts, masks), start=1):
        what = f'{_name(sample)}, prompt {k}'
        if mask.shape[-2:] != image.shape[-2:]:
            raise DataError(
                f'{what}: the mask has {mask.shape[-2]} x {mask.shape[-1]} '
                f'pixels (height x width), its image {image.shape[-2]} x '
                f'{image.shape[-1]}; give a mask of the same pixels')
        if mask.ndim != 3 or len(mask) != num_classes:
            raise DataError(f'{what}: masks of shape {tuple(mask.shape)} for '
                            f'{num_classes} classes; give one mask each')
        if not mask.any():
            raise DataError(f'{what}: the mask has no positive pixel, so it '
                            'shows nothing. Mark the class on it, or leave '
                            'the prompt out.')


def _name(sample: EpisodeSample) -> str:
    return str(sample.get('img_path') or 'sample')
