# Copyright (c) mmeo contributors. All rights reserved.
"""A real Sentinel-2 and Sentinel-1 chip as a sample of two sensors."""

import numpy as np
import pytest
import torch

import mmeo
from mmeo.datasets import GeoSegDataset
from mmeo.datasets.transforms import LoadRaster, NormalizeBands
from mmeo.errors import ConfigError, DataError
from mmeo.structures.modality import ModalityBatch

BANDS = [2, 3, 4, 5, 6, 7, 8, 9, 12, 13]
S1 = dict(type='LoadRaster', path_replace={'/S2/': '/S1/',
                                           'S2Hand': 'S1Hand'})
LOADERS = dict(s2=dict(type='LoadRaster', bands=BANDS, nodata=0), s1=S1)


def dataset(root, pipeline, suffix='_S2Hand.tif'):
    return GeoSegDataset(
        data_root=str(root), img_suffix=suffix,
        data_prefix=dict(img_path='S2', seg_map_path='Labels'),
        seg_map_suffix='_LabelHand.tif',
        metainfo=dict(classes=('dry', 'water')), pipeline=pipeline)


def test_real_chip_reaches_the_backbone(real_sample):
    """LoadRaster -> both sensors -> crop -> SkySenseV2's two towers."""
    data = dataset(real_sample('ms_sar/sen1floods11'), [
        dict(type='LoadModalities', loaders=LOADERS),
        dict(type='LoadGeoAnnotations', value_map={-1: 255}),
        dict(type='MultiModalRandomCrop', size=dict(s2=64, s1=64)),
        dict(type='MultiModalRandomFlip', turn=.5),
        dict(type='NormalizeBands'),
        dict(type='PackMultiModalInputs')])
    packed = data[0]
    inputs, sample = packed['inputs'], packed['data_samples']
    assert inputs['s2']['images'].shape == (1, 10, 64, 64)
    assert inputs['s1']['images'].shape == (1, 2, 64, 64)
    assert set(sample.gt_sem_seg.data.unique().tolist()) <= {0, 1, 255}
    assert sample.img_shape == (64, 64)
    model = mmeo.build('SkySenseV2', arch='tiny').eval()
    with torch.no_grad():
        maps = model.forward_modalities({
            name: ModalityBatch.of(series['images'][None])
            for name, series in inputs.items()})
        alone = model(inputs['s2']['images'], modality='s2')
    for name in ('s2', 's1'):
        assert maps[name][-1].shape[:2] == (1, 1)
        assert maps[name][0].shape[-2:] == (16, 16)
        assert all(torch.isfinite(m).all() for m in maps[name])
    assert torch.allclose(maps['s2'][-1][:, 0], alone[-1], atol=1e-4)


def test_sensors_equal_their_single_loaders(synthearth):
    data = dataset(synthearth / 'train/water', [
        dict(type='LoadModalities', loaders=LOADERS),
        dict(type='NormalizeBands')])
    sample = data[1]
    path = sample['img_path']
    for name, cfg in (('s2', dict(bands=BANDS, nodata=0)),
                      ('s1', {k: v for k, v in S1.items() if k != 'type'})):
        one = NormalizeBands(preset=name)(
            LoadRaster(**cfg)(dict(img_path=path)))
        np.testing.assert_array_equal(
            sample['modalities'][name]['images'][0], one['img'])
        assert sample['modalities'][name]['dates'].tolist() == [-1]
    assert 'img' not in sample and sample['ori_shape'] == (64, 64)


def test_an_empty_image_is_an_absent_sensor(synthearth):
    data = dataset(synthearth / 'train/water', [])
    load = mmeo.build('LoadModalities', loaders=dict(
        s2=LOADERS['s2'], s1=dict(S1, window=(0, 0, 2, 2))))
    full = load(dict(data.get_data_info(0)))
    assert set(full['modalities']) == {'s2', 's1'}
    empty = mmeo.build('LoadModalities', loaders=LOADERS)
    empty.loaders['s1'] = lambda results: dict(
        img=np.zeros((2, 2, 2), np.float32),
        nodata_mask=np.ones((2, 2), bool))
    assert set(empty(dict(data.get_data_info(0)))['modalities']) == {'s2'}
    empty.loaders.pop('s2')
    with pytest.raises(DataError, match='no image of s1 holds data'):
        empty(dict(data.get_data_info(0)))
    with pytest.raises(ConfigError, match='each sensor'):
        mmeo.build('LoadModalities', loaders={})
