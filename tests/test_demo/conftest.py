# Copyright (c) mmeo contributors. All rights reserved.
"""A small model with random weights, and images."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from rasterio.transform import Affine

import mmeo
from mmeo.apis import PromptInferencer


@pytest.fixture(scope='session')
def inferencer(repo_root: Path) -> PromptInferencer:
    torch.manual_seed(0)
    cfg = Config.fromfile(repo_root / 'configs/_base_/models/vita_tiny.py')
    return PromptInferencer(mmeo.build(cfg.model), device='cpu')


@pytest.fixture(scope='session')
def images(tmp_path_factory) -> dict[str, str]:
    """Optical, radar, and radar in linear units; 64 x 96 pixels of 2 m."""
    folder = tmp_path_factory.mktemp('images')
    rng = np.random.default_rng(0)
    decibel = rng.normal(-14, 3, (2, 64, 96)).astype(np.float32)
    arrays = dict(
        optical=rng.integers(0, 255, (3, 64, 96), np.uint8), radar=decibel,
        linear=10**(decibel / 10))
    for name, array in arrays.items():
        with rasterio.open(folder / f'{name}.tif', 'w', driver='GTiff',
                           width=96, height=64, count=len(array),
                           dtype=array.dtype, crs='EPSG:32631',
                           transform=Affine(2, 0, 5e5, 0, -2, 5e6)) as out:
            out.write(array)
            if len(array) == 2:
                out.descriptions = ('VV', 'VH')
    return {name: str(folder / f'{name}.tif') for name in arrays}
