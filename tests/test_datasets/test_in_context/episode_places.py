# Copyright (c) mmeo contributors. All rights reserved.
"""A small data set whose pixels say where they are from."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio

CLASSES = ('river', 'lake', 'oak_tree', 'pine_tree', 'road', 'car')
TREE = """{"name": "all", "children": [
  {"name": "water", "children": [{"name": "river", "synonyms": ["stream"]},
                                 {"name": "lake", "synonyms": ["pond"]}]},
  {"name": "trees", "children": [
    {"name": "oak tree", "id": "oak_tree", "synonyms": ["oak"]},
    {"name": "pine tree", "id": "pine_tree"}]},
  {"name": "traffic", "children": [{"name": "road"},
                                   {"name": "car", "synonyms": ["auto"]}]}]}
"""
SIZE = 64


def make_label(number: int) -> np.ndarray:
    """Four of the classes in quarters, a grid of small marks, some holes."""
    rng = np.random.default_rng(number)
    label = np.zeros((SIZE, SIZE), np.uint8)
    half = SIZE // 2
    for i, c in enumerate(rng.permutation(len(CLASSES))[:4]):
        y, x = divmod(i, 2)
        label[y * half:(y + 1) * half, x * half:(x + 1) * half] = c + 1
    label[10:14, 40:60] = 0
    return label


def write_places(root: Path, numbers: range) -> None:
    """Bands 1 and 2 hold column and row, band 3 the number of the place."""
    for name in ('rgb', 'sar', 'labels'):
        (root / name).mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for n in numbers:
        rgb = np.stack([columns, rows, np.full_like(rows, n)], -1)
        cv2.imwrite(str(root / f'rgb/{n:03d}.png'),
                    rgb[..., ::-1].astype(np.uint8))
        cv2.imwrite(str(root / f'labels/{n:03d}.png'), make_label(n))
        sar = np.stack([-rows - 1., -columns - 1.]).astype(np.float32) / 4
        with rasterio.open(root / f'sar/{n:03d}.tif', 'w', driver='GTiff',
                           count=2, height=SIZE, width=SIZE,
                           dtype='float32') as target:
            target.write(sar)


def source_cfg(root: Path, modality: str = 'hr', crop: int = 24,
               **kwargs: Any) -> dict:
    """Config of the optical or radar images of the places."""
    bands = dict(hr=3, s1=2)[modality]
    pipeline = [
        dict(type='LoadRaster', nodata=None),
        dict(type='NormalizeBands', mean=[0.] * bands, std=[1.] * bands,
             unit='db' if modality == 's1' else '8bit'),
        dict(type='LoadGeoAnnotations')]
    if crop:
        pipeline.append(dict(type='EpisodeCrop', crop_size=crop))
    pipeline += [dict(type='mmseg.RandomFlip', prob=0.5,
                      direction='horizontal')]
    folder, suffix = dict(hr=('rgb', '.png'), s1=('sar', '.tif'))[modality]
    return dict(dict(
        type='GeoSegDataset', data_root=str(root), modality=modality,
        data_prefix=dict(img_path=folder, seg_map_path='labels'),
        img_suffix=suffix, reduce_zero_label=True,
        # Serialisation collects garbage, which takes long beside so few data.
        serialize_data=False,
        metainfo=dict(classes=CLASSES), pipeline=pipeline), **kwargs)
