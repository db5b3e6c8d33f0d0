# Copyright (c) mmeo contributors. All rights reserved.
"""Episodes of in-context segmentation: targets and what prompts for them."""

from dataclasses import dataclass
from typing import Optional

import torch
from mmseg.structures import SegDataSample
from torch import Tensor

from .modality import NO_LABEL

#: Label of a pixel that is none of the classes asked for.
OTHER_LABEL = 254
#: The three ways to ask: by example, by name, by both.
MODES = ('visual', 'textual', 'fused')
#: The ways to show a class on an example.
PROMPT_KINDS = ('mask', 'box', 'point')


@dataclass
class ImageGroup:
    """The images of one sensor among those of a batch.

    Args:
        images (Tensor): ``(n, C, H, W)``, normalised.
        index (Tensor): ``(n, )`` int64, the position of each in the batch.
    """

    images: Tensor
    index: Tensor

    def to(self, *args, **kwargs) -> 'ImageGroup':
        """Move to a device; a dtype is given to the images alone."""
        images = self.images.to(*args, **kwargs)
        return ImageGroup(images, self.index.to(images.device))


@dataclass
class EpisodeBatch:
    """B targets, each with the classes asked for and prompts for them.

    All targets of a batch have one size, and all prompt images another:
    smaller ones are padded on the right and below by zeros, where no mask and
    no label is set. Sensors differ in their bands, so images are grouped by
    sensor; every target, and every shot with a mask, is in one group.

    Args:
        targets (dict[str, ImageGroup]): By sensor; ``index`` from 0 to B - 1.
        class_names (list[tuple[str, ...]]): Of each sample the names of its
            classes, N of them or fewer, as the text prompt says them.
        class_valid (Tensor): ``(B, N)`` bool, False for padding.
        prompts (dict[str, ImageGroup]): By sensor; ``index`` is
            ``sample * K + shot``. Empty without visual prompts.
        masks (Tensor, optional): ``(B, K, N, h, w)`` bool, where shot k shows
            class n. A class with no pixel in any shot has no visual prompt.
            None without visual prompts.
        labels (Tensor, optional): ``(B, H, W)`` int64, 0 to N - 1, 254 for a
            pixel of none of these classes, 255 unlabelled. None where
            predictions are made.
        sizes (list[tuple[int, int]], optional): Height and width of each
            target before padding. None, all as they are.
        prompt_keys (list[str], optional): Samples with the same key have the
            same classes and visual prompts, so that these are encoded once.
    """

    targets: dict[str, ImageGroup]
    class_names: list[tuple[str, ...]]
    class_valid: Tensor
    prompts: dict[str, ImageGroup]
    masks: Optional[Tensor] = None
    labels: Optional[Tensor] = None
    sizes: Optional[list[tuple[int, int]]] = None
    prompt_keys: Optional[list[str]] = None

    def __len__(self) -> int:
        return len(self.class_names)

    @property
    def num_shots(self) -> int:
        """K, 0 without visual prompts."""
        return 0 if self.masks is None else self.masks.shape[1]

    @property
    def target_size(self) -> tuple[int, int]:
        """Height and width of all targets, padding included."""
        return tuple(next(iter(self.targets.values())).images.shape[-2:])

    def visual_valid(self) -> Tensor:
        """Whether class n of sample b has a visual prompt, ``(B, N)``."""
        if self.masks is None:
            return torch.zeros_like(self.class_valid)
        return self.masks.flatten(3).any(-1).any(1) & self.class_valid

    def to(self, *args, **kwargs) -> 'EpisodeBatch':
        """Move to a device; a dtype is given to the images alone."""
        def move(groups: dict) -> dict:
            return {k: g.to(*args, **kwargs) for k, g in groups.items()}

        targets, prompts = move(self.targets), move(self.prompts)
        moved = [*targets.values(), *prompts.values()]
        device = moved[0].images.device if moved else \
            self.class_valid.to(*args, **kwargs).device

        def keep(x: Optional[Tensor]) -> Optional[Tensor]:
            return None if x is None else x.to(device)

        return EpisodeBatch(
            targets, self.class_names, self.class_valid.to(device),
            prompts, keep(self.masks), keep(self.labels),
            self.sizes, self.prompt_keys)


class EpisodeSample(SegDataSample):
    """What is known of one episode, for training and evaluation.

    ``gt_sem_seg`` ``(1, H, W)`` holds ids of the data set's own classes, 255
    where unlabelled. Class lists are resolved to those of the batch by the
    data preprocessor, which may merge them to a coarser level first.
    Predictions come as ``pred_sem_seg`` ``(1, H, W)`` of the first mode asked
    for and ``pred_visual``, ``pred_textual``, ``pred_fused`` of each: numbers
    of the episode's classes, 254 for none of them.

    Metainfo:

    - ``modality`` (str): Sensor of the target.
    - ``dataset_classes`` (tuple[str]): Names of the data set's classes.
    - ``class_paths`` (tuple[tuple[str, ...]]): Of each of them its names from
      the coarsest level to the leaf, all of one length; ``((name, ), ...)``
      without a hierarchy.
    - ``synonyms`` (dict[str, tuple[str, ...]]): Name of a class, on any level,
      to other names that a text prompt may use.
    - ``episode`` (tuple[int]): Ids of the classes asked for.
    - ``prompt_modalities`` (tuple[str]): Sensor of each shot.
    - ``shot_classes`` (tuple[tuple[int, ...]]): Ids of the classes that each
      shot is an example of.
    - ``prompt_kinds`` (tuple[str]): ``'mask'``, ``'box'`` or ``'point'`` of
      each shot.
    - ``seed`` (int): For what is drawn later: level, names, points.
    - ``prompt_key`` (str, optional): See :class:`EpisodeBatch`.
    - ``synonym_prob`` (float, optional): Of saying another name in training.
    - ``dataset`` (str), ``prompt_paths`` (tuple[str]), ``same_image``
      (tuple[bool]), ``redraws``, ``missed_prompts`` (int): How the episode
      was drawn, see :class:`~mmeo.datasets.InContextDataset`.

    Added by the data preprocessor: ``class_names`` (tuple[str]), names of the
    classes in the order of the batch, and ``level`` (int), -1 for leaves.
    """


__all__ = ['MODES', 'NO_LABEL', 'OTHER_LABEL', 'PROMPT_KINDS',
           'EpisodeBatch', 'EpisodeSample', 'ImageGroup']
