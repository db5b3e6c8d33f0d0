# Copyright (c) mmeo contributors. All rights reserved.
"""A real Sentinel-2 and Sentinel-1 chip, from file to a trained head."""

import pytest
import torch
from mmengine.config import Config

import mmeo
from mmeo.datasets import GeoSegDataset

BANDS = [2, 3, 4, 5, 6, 7, 8, 9, 12, 13]  # of 13, without those of 60 m
TOP, BOTTOM = (0, 0, 256, 512), (256, 0, 256, 512)
ARCH = dict(embed_dims=16, depths=(2, 2, 2, 2), head_dim=8)


def chip(root, window, transforms, test_mode=False):
    loaders = dict(
        s2=dict(type='LoadRaster', bands=BANDS, nodata=0, window=window),
        s1=dict(type='LoadRaster', window=window, path_replace={
            '/S2/': '/S1/', 'S2Hand': 'S1Hand'}))
    return GeoSegDataset(
        data_root=str(root), img_suffix='_S2Hand.tif',
        data_prefix=dict(img_path='S2', seg_map_path='Labels'),
        seg_map_suffix='_LabelHand.tif', test_mode=test_mode,
        metainfo=dict(classes=('dry', 'water')), pipeline=[
            dict(type='LoadModalities', loaders=loaders),
            dict(type='LoadGeoAnnotations', value_map={-1: 255}),
            *transforms, dict(type='NormalizeBands'),
            dict(type='PackMultiModalInputs')])


def segmentor(repo_root):
    """The base config of several sensors, small."""
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/models/upernet_skysense-v2-h-mm.py')
    encoder = cfg.model.backbone
    encoder.fused_levels = (0, 1, 2, 3)
    encoder.backbone.update(arch=ARCH, modalities=('s2', 's1'),
                            drop_path_rate=0., with_cp=False)
    encoder.fusion.update(in_channels=128, embed_dims=32, num_layers=2,
                          num_heads=4, drop_path_rate=0., with_cp=False)
    cfg.model.decode_head.update(
        in_channels=[48, 64, 96, 160], channels=32, num_classes=2,
        dropout_ratio=0., norm_cfg=dict(type='GN', num_groups=4))
    return mmeo.build(cfg.model)


def water_iou(model, sample):
    with torch.no_grad():
        out = model.eval().test_step([sample])[0]
    pred, truth = out.pred_sem_seg.data, out.gt_sem_seg.data
    known = truth != 255
    both = ((pred == 1) & (truth == 1) & known).sum()
    return (both / (((pred == 1) | (truth == 1)) & known).sum()).item()


@pytest.mark.slow
def test_water_learned_in_one_half_is_found_in_the_other(
        real_sample, repo_root):
    """LoadRaster -> backbone -> head, trained on the top of a real chip."""
    torch.manual_seed(0)
    root = real_sample('ms_sar/sen1floods11')
    train = chip(root, TOP, [
        dict(type='MultiModalRandomCrop', size=dict(s2=64, s1=64)),
        dict(type='MultiModalRandomFlip')])
    val = chip(root, BOTTOM, [], test_mode=True)[0]
    model = segmentor(repo_root)
    before = water_iou(model, val)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    losses = []
    for _ in range(40):
        batch = model.train().data_preprocessor(
            [train[0] for _ in range(4)], True)
        loss, _ = model.parse_losses(model(**batch, mode='loss'))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    after = water_iou(model, val)
    assert sum(losses[-5:]) < .7 * sum(losses[:5])
    # all water would be 0.15
    assert after > .4 and after > before, (before, after)
