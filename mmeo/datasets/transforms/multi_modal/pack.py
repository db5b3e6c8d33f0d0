# Copyright (c) mmeo contributors. All rights reserved.
"""Tensors and data samples of what several sensors saw."""

from collections.abc import Sequence
from typing import Optional

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import BaseDataElement, PixelData
from mmpretrain.structures import DataSample
from mmseg.structures import SegDataSample
from torch import Tensor

from mmeo.errors import ConfigError
from mmeo.registry import TRANSFORMS

from .samples import samples_of

META_KEYS = ('place', 'img_path', 'seg_map_path', 'ori_shape', 'img_shape',
             'flip', 'flip_direction', 'turn', 'crop_box', 'sample_idx',
             'reduce_zero_label', 'region')


def pack_series(series: dict) -> dict[str, Tensor]:
    """``images`` ``(T, C, H, W)`` float32 and ``dates`` ``(T,)`` int64.

    Raises:
        ConfigError: If the series was not normalised.
    """
    if not series.get('normalized'):
        raise ConfigError('physical values would reach the network: put '
                          '`NormalizeBands` before packing')
    images = np.ascontiguousarray(
        series['images'].transpose(0, 3, 1, 2), dtype=np.float32)
    return dict(images=torch.from_numpy(images),
                dates=torch.from_numpy(series['dates'].astype(np.int64)))


def _pack_all(modalities: dict) -> dict[str, dict[str, Tensor]]:
    return {name: pack_series(series)
            for name, series in modalities.items()}


@TRANSFORMS.register_module()
class PackMultiModalCrops(BaseTransform):
    """Pack the crops of ``MultiModalMultiCrop``.

    Required keys: ``crops``. The result is ``dict(inputs, data_samples)``:
    ``inputs`` lists the crops, each a dict of ``kind``, ``modalities``
    (sensor to ``images`` ``(T, C, H, W)`` and ``dates`` ``(T,)``), ``box``
    ``(4,)`` float32, ``flip`` (bool), ``turn`` (int) and ``label`` ``(h, w)``
    int64 or None; ``data_samples`` holds the meta information.

    Args:
        meta_keys (Sequence[str]): Kept where present. Defaults to place,
            index and region.
    """

    def __init__(self, meta_keys: Sequence[str] = (
            'place', 'img_path', 'sample_idx', 'region')) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        if 'crops' not in results:
            raise ConfigError('PackMultiModalCrops: there are no crops; put '
                              '`MultiModalMultiCrop` before it')
        inputs = [dict(
            kind=crop['kind'],
            modalities=_pack_all(crop['modalities']),
            box=torch.from_numpy(crop['box']),
            flip=crop['flip'],
            turn=crop['turn'],
            label=None if crop['label'] is None else torch.from_numpy(
                crop['label'].astype(np.int64))) for crop in results['crops']]
        meta = {key: results[key] for key in self.meta_keys
                if key in results}
        return dict(inputs=inputs, data_samples=BaseDataElement(
            metainfo=meta))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'


@TRANSFORMS.register_module()
class PackMultiModalInputs(BaseTransform):
    """Pack a sample of several sensors for mmseg or mmpretrain models.

    Required keys: ``modalities``; ``gt_seg_map`` ``(H, W)``, ``gt_label``
    (class id or ids) or ``gt_score`` (one number per class), optional. The
    result is ``dict(inputs, data_samples)``: ``inputs`` maps a sensor to
    ``images`` ``(T, C, H, W)`` and ``dates`` ``(T,)``.

    Args:
        task (str, optional): 'seg' makes an mmseg ``SegDataSample``, 'cls' an
            mmpretrain ``DataSample``. Defaults to None: 'cls' where there is
            ``gt_label`` or ``gt_score``, else 'seg'.
        meta_keys (Sequence[str]): Kept where present.
        reference (str, optional): Sensor whose size predictions have, where
            there is no label map. Defaults to the one of most pixels.
    """

    def __init__(self, task: Optional[str] = None,
                 meta_keys: Sequence[str] = META_KEYS,
                 reference: Optional[str] = None) -> None:
        if task not in (None, 'seg', 'cls'):
            raise ConfigError("PackMultiModalInputs: `task` is 'seg' or "
                              f"'cls', got {task!r}")
        self.task = task
        self.meta_keys = tuple(meta_keys)
        self.reference = reference

    def transform(self, results: dict) -> dict:
        (sample, ) = samples_of(results, 'PackMultiModalInputs')
        task = self.task or ('cls' if {'gt_label', 'gt_score'} & set(results)
                             else 'seg')
        shape = self._shape(results)
        results['img_shape'] = shape
        # The label, if any, is what predictions are compared with.
        results.setdefault('ori_shape', shape)
        if results.get('gt_seg_map') is not None:
            results['ori_shape'] = shape
        results.setdefault('reduce_zero_label', False)
        data_sample = self._seg(results) if task == 'seg' else \
            self._cls(results)
        data_sample.set_metainfo({key: results[key] for key in self.meta_keys
                                  if key in results})
        return dict(inputs=_pack_all(sample['modalities']),
                    data_samples=data_sample)

    def _shape(self, results: dict) -> tuple[int, int]:
        if results.get('gt_seg_map') is not None:
            return results['gt_seg_map'].shape
        shapes = {name: series['images'].shape[1:3]
                  for name, series in results['modalities'].items()}
        if self.reference in shapes:
            return shapes[self.reference]
        return max(shapes.values(), key=lambda shape: shape[0] * shape[1])

    @staticmethod
    def _seg(results: dict) -> SegDataSample:
        sample = SegDataSample()
        if results.get('gt_seg_map') is not None:
            label = np.ascontiguousarray(results['gt_seg_map'], np.int64)
            sample.gt_sem_seg = PixelData(
                data=torch.from_numpy(label)[None])  # (1, H, W)
        return sample

    @staticmethod
    def _cls(results: dict) -> DataSample:
        sample = DataSample()
        if 'gt_label' in results:
            sample.set_gt_label(results['gt_label'])
        if 'gt_score' in results:
            sample.set_gt_score(results['gt_score'])
        return sample

    def __repr__(self) -> str:
        return f'{type(self).__name__}(task={self.task!r})'
