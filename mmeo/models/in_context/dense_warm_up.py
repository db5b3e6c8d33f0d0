# Copyright (c) mmeo contributors. All rights reserved.
"""Teach an encoder what land cover looks like, before it meets prompts."""

from collections.abc import Iterator
from typing import Optional, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS
from mmeo.structures import NO_LABEL, OTHER_LABEL, EpisodeBatch, ImageGroup


@MODELS.register_module()
class DenseWarmUp(BaseModel):
    """Backbone and neck of :class:`VITASegmentor` under a linear classifier.

    Small models on a CPU have no pretrained encoder, and matched masks teach
    one slowly. This is the stand-in (our choice): every pixel of every image
    of an episode, target or example, is classified from the maps of stride 4
    and 8. Each episode asks for all classes of one data set, so that numbers
    mean the same in all of them. Weights carry the segmentor's names
    (``load_from``, with ``load_exclude=['^heads']``).

    Args:
        backbone (dict): As in the segmentor, its ``forward`` taking the
            sensor's name.
        neck (dict): As in the segmentor.
        num_classes (int): Of each episode, N.
        embed_dims (int): Channels of the neck's maps.
        data_preprocessor (dict, optional): Defaults to
            ``EpisodePreprocessor``.
        init_cfg (dict, optional): Defaults to None.
    """

    def __init__(self, backbone: dict, neck: dict, num_classes: int,
                 embed_dims: int, data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(data_preprocessor or dict(type='EpisodePreprocessor'),
                         init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)
        self.num_classes = num_classes
        self.heads = nn.ModuleList(
            nn.Conv2d(embed_dims, num_classes, 1) for _ in range(2))

    def forward(self, inputs: EpisodeBatch,
                data_samples: Optional[list] = None,
                mode: str = 'tensor') -> Union[dict, list[Tensor]]:
        """``'loss'``, or ``'tensor'``: scores of each sensor's targets.

        Returns:
            dict | list: ``loss_stride4`` and ``loss_stride8``; or of each
            group of targets ``(n, N, h, w)`` at stride 4.

        Raises:
            ConfigError: If an episode has another number of classes, or
                ``mode`` is 'predict'.
        """
        count = inputs.class_valid.shape[1]
        if count != self.num_classes or not inputs.class_valid.all():
            raise ConfigError(
                f'DenseWarmUp: an episode asks for {count} classes of '
                f'{self.num_classes}: let `InContextDataset` ask for all of '
                'them (`num_classes`, `negatives=True`, `subset_prob=0`)')
        if mode == 'tensor':
            return [self.scores(group.images, sensor)[0]
                    for sensor, group in inputs.targets.items()]
        if mode != 'loss':
            raise ConfigError('DenseWarmUp answers no prompt; predict with '
                              'the VITASegmentor that it warms up')
        losses, known = [0., 0.], 0
        for sensor, group, labels in self._labelled(inputs):
            known += int((labels != NO_LABEL).sum())
            for i, logits in enumerate(self.scores(group.images, sensor)):
                logits = F.interpolate(logits, labels.shape[-2:],
                                       mode='bilinear', align_corners=False)
                losses[i] = losses[i] + F.cross_entropy(
                    logits, labels, ignore_index=NO_LABEL, reduction='sum')
        return {f'loss_stride{stride}': loss / max(known, 1)
                for stride, loss in zip((4, 8), losses)}

    def scores(self, images: Tensor, sensor: str) -> list[Tensor]:
        """Logits ``(n, N, h, w)`` at stride 4 and 8 of ``(n, C, H, W)``."""
        maps = self.neck(self.backbone(images, sensor), sensor,
                         tuple(images.shape[-2:]))
        return [head(one) for head, one in zip(self.heads, maps)]

    @staticmethod
    def _labelled(inputs: EpisodeBatch
                  ) -> Iterator[tuple[str, ImageGroup, Tensor]]:
        """Sensor, images and labels ``(n, H, W)``, 255 unknown."""
        labels = inputs.labels.masked_fill(inputs.labels == OTHER_LABEL,
                                           NO_LABEL)
        for sensor, group in inputs.targets.items():
            yield sensor, group, labels[group.index]
        for sensor, group in inputs.prompts.items():
            masks = inputs.masks.flatten(0, 1)[group.index]
            shown = masks.long().argmax(1)
            yield sensor, group, torch.where(masks.any(1), shown, NO_LABEL)
