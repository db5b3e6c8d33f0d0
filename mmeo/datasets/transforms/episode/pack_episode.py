# Copyright (c) mmeo contributors. All rights reserved.
"""Tensors and data sample of one episode."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS
from mmeo.structures import EpisodeSample

#: What an episode says about itself, see :class:`EpisodeSample`.
EPISODE_KEYS = ('modality', 'dataset_classes', 'class_paths', 'synonyms',
                'synonym_prob', 'episode', 'prompt_modalities',
                'shot_classes', 'prompt_kinds', 'seed', 'prompt_key',
                'dataset', 'prompt_paths', 'same_image', 'redraws',
                'missed_prompts')
#: What its target says.
TARGET_KEYS = ('img_path', 'seg_map_path', 'ori_shape', 'img_shape',
               'crop_window', 'flip', 'flip_direction', 'reduce_zero_label')


def pack_image(results: Mapping) -> Tensor:
    """``(C, H, W)`` float32 of results with ``img`` ``(H, W, C)``.

    Raises:
        ConfigError: If the image was not normalised.
    """
    image = results['img']
    if not np.issubdtype(image.dtype, np.floating):
        raise ConfigError(
            f'{results.get("img_path", "image")} reaches the network as '
            f'{image.dtype}: put `NormalizeBands` (or `mmcv.Normalize`, which '
            'turns BGR into RGB) into the pipeline of its data set')
    if image.ndim == 2:
        image = image[..., None]
    image = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(image)


@TRANSFORMS.register_module()
class PackEpisode(BaseTransform):
    """Pack a target, its prompts and what is asked for.

    Required keys: ``target``, the results of a pipeline with ``img`` and,
    where it is known, ``gt_seg_map``; ``prompts``, a list of such results;
    the metainfo of :class:`~mmeo.structures.EpisodeSample`. A prompt holds
    ``gt_seg_map`` ``(h, w)``, ids of the data set, or ``prompt_masks``
    ``(N, h, w)`` bool, one for each class of the episode.

    The result is ``dict(inputs, data_samples)``: ``inputs`` has ``target``
    ``(C, H, W)`` float32, ``prompts``, a list of ``(C, h, w)`` float32, and
    ``prompt_labels`` ``(h, w)`` uint8 or ``prompt_masks`` of each.

    Args:
        meta_keys (Sequence[str]): Kept of the episode where present. Defaults
            to :data:`EPISODE_KEYS`.
        target_keys (Sequence[str]): Kept of the target's results. Defaults to
            :data:`TARGET_KEYS`.

    Raises:
        ConfigError: If an image was not normalised.
        DataError: If a prompt has neither labels nor masks.
    """

    def __init__(self, meta_keys: Sequence[str] = EPISODE_KEYS,
                 target_keys: Sequence[str] = TARGET_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)
        self.target_keys = tuple(target_keys)

    def transform(self, results: dict) -> dict:
        target, prompts = results['target'], results['prompts']
        inputs = dict(target=pack_image(target),
                      prompts=[pack_image(prompt) for prompt in prompts])
        inputs.update(_pack_marks(prompts))
        sample = EpisodeSample()
        if target.get('gt_seg_map') is not None:
            label = np.ascontiguousarray(target['gt_seg_map'], np.int64)
            sample.gt_sem_seg = PixelData(
                data=torch.from_numpy(label)[None])  # (1, H, W)
        meta = {key: target[key] for key in self.target_keys if key in target}
        meta.update((key, results[key]) for key in self.meta_keys
                    if results.get(key) is not None)
        sample.set_metainfo(meta)
        return dict(inputs=inputs, data_samples=sample)

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def _pack_marks(prompts: Sequence[Mapping]) -> dict[str, list[Tensor]]:
    """Labels of all prompts, or masks of all of them."""
    for key, dtype, name in (('prompt_masks', bool, 'prompt_masks'),
                             ('gt_seg_map', np.uint8, 'prompt_labels')):
        if all(prompt.get(key) is not None for prompt in prompts):
            return {name: [torch.from_numpy(np.ascontiguousarray(
                prompt[key], dtype)) for prompt in prompts]}
    raise DataError('PackEpisode: each prompt needs its label map '
                    '(`gt_seg_map`), or each a mask of every class '
                    '(`prompt_masks`)')
