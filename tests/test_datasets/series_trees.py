# Copyright (c) mmeo contributors. All rights reserved.
"""Small copies of the official trees of DynamicEarthNet and PASTIS."""

import json
from pathlib import Path

import numpy as np
import rasterio

AREAS = {'1330_3107_13': '10N', '2196_3885_13': '17N', '4426_3835_13': '33N'}
CROPS = 19


def write_tif(path, bands):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, 'w', driver='GTiff', count=len(bands),
                       height=bands.shape[1], width=bands.shape[2],
                       dtype=bands.dtype, crs='EPSG:32631',
                       transform=rasterio.Affine(3, 0, 5e5, 0, -3, 4e6)) as f:
        f.write(bands)


def land_cover(rng, side):
    """Blocks of classes 0 to 6, some of them changing by month."""
    return rng.integers(0, 7, (side // 8, side // 8)).repeat(8, 0).repeat(
        8, 1)


def one_hot(label):
    return np.stack([np.where(label == c, 255, 0) for c in range(7)]).astype(
        np.uint8)


def dynamic_earthnet_tree(root, side=64, months=('2018-01', '2018-02')):
    """Areas of one list each; the second has no Sentinel-1 in month 2.

    Returns:
        dict: (area, month) -> class map with 6 for snow.
    """
    rng = np.random.default_rng(0)
    truth = {}
    for (area, zone), split in zip(AREAS.items(), ('train', 'val', 'test')):
        lines = []
        for month in months:
            label = truth[area, month] = land_cover(rng, side)
            underscores = month.replace('-', '_')
            # Names as released: '-' and '_' both occur in folders and dates.
            stem = f'{zone}-121W-39N-L3H-SR'
            joint, day = ('_', underscores) if split == 'train' else (
                '-', month)
            path = (f'labels/{area}{joint}{zone}/Labels/Raster/{stem}/{stem}-'
                    f'{day}{day[4]}01.tif')
            write_tif(root / path, one_hot(label))
            bright = label[None] * 300 + rng.integers(0, 99, (4, side, side))
            write_tif(root / f'planet/{zone}/26E-183N/{area}/PF-SR/'
                      f'{month}-01.tif', bright.astype(np.int16))
            write_tif(root / f'planet/{zone}/26E-183N/{area}/PF-SR/'
                      f'{month}-02.tif', bright.astype(np.int16))
            # Band b holds about 1000 b, so that bands can be told apart.
            s2 = np.arange(1, 13)[:, None, None] * 1000 + label
            write_tif(root / f'sentinel2/{area}/{area}_{underscores}.tif',
                      s2.astype(np.int16))
            if split != 'val' or month == months[0]:
                s1 = -10.0 - np.arange(8)[:, None, None] - label
                write_tif(root / f'sentinel1/{area}/{area}_{underscores}.tif',
                          s1.astype(np.float32))
            lines.append(f'/reprocess-cropped/UTM-24000/{zone}/26E-183N/'
                         f'{area}/PF-SR /{path} {month}')
        folder = root / 'dynnet_training_splits'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{split}.txt').write_text('\n'.join(lines) + '\n')
    return truth


def pastis_tree(root, patches=5, frames=(6, 4), side=128, spot=True):
    """One patch per fold; SPOT images of all but the last patch.

    Returns:
        dict: Number -> class map with 19 for void.
    """
    rng = np.random.default_rng(1)
    truth, features = {}, []
    for folder in ('ANNOTATIONS', 'DATA_S2', 'DATA_S1A'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for i in range(patches):
        number = 10000 + 7 * i
        label = rng.integers(0, CROPS + 1, (side // 16, side // 16)).repeat(
            16, 0).repeat(16, 1)
        truth[number] = label
        np.save(root / f'ANNOTATIONS/TARGET_{number}.npy',
                np.stack([label, label, label]).astype(np.uint8))
        s2 = (label * 150 + rng.integers(0, 300, (
            frames[0], 10, side, side))).astype(np.int16)
        s2[0, :, :8] = -10000  # outside of the swath
        np.save(root / f'DATA_S2/S2_{number}.npy', s2)
        vv = rng.normal(-11, 3, (frames[1], side, side))
        vh = rng.normal(-17, 3, vv.shape)
        np.save(root / f'DATA_S1A/S1A_{number}.npy',
                np.stack([vv, vh, vv - vh], 1).astype(np.float16))
        if spot and i < patches - 1:
            write_tif(root / 'DATA_SPOT/PASTIS_SPOT6_RVB_1M00_2019/'
                      f'SPOT6_RVB_1M00_2019_{number}.tif',
                      rng.integers(0, 256, (3, 10 * side, 10 * side)).astype(
                          np.uint8))
        # Frames from September 2018 on; JSON keys are text.
        days = {sat: {str(t): int(f'{2018 + (t > 2)}{9 - 8 * (t > 2):02d}'
                                  f'{t + 1:02d}') for t in range(count)}
                for sat, count in zip(('S2', 'S1A'), frames)}
        features.append(dict(type='Feature', id=str(number), geometry=None,
                             properties={
                                 'ID_PATCH': number, 'Fold': i % 5 + 1,
                                 'dates-S2': days['S2'],
                                 'dates-S1A': days['S1A']}))
    (root / 'metadata.geojson').write_text(
        json.dumps(dict(type='FeatureCollection', features=features)))
    return truth
