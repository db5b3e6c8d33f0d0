# Copyright (c) mmeo contributors. All rights reserved.
"""A toy batch and a toy pretrainer."""

from functools import partial
from typing import Any, Optional

import pytest
import torch

from mmeo import build
from mmeo.models.selfsup.text_embeddings import random_table, save_table

NAMES = ['water', 'forest', 'road', 'house']
ARCH = dict(embed_dims=32, depths=(1, 1, 1, 1), head_dim=16)
CONTRAST = dict(type='DINOContrast', num_prototypes=24, hidden_dims=32,
                bottleneck_dims=16)


def make_samples(count: int = 3, seed: int = 0, num_local: int = 2,
                 lacking: Optional[dict] = None) -> list[dict]:
    """Samples as ``PackMultiModalCrops`` makes them.

    Args:
        count: Samples.
        seed: Of the pixels.
        num_local: Local crops.
        lacking: Number of a sample to modalities it does not have.
    """
    g = torch.Generator().manual_seed(seed)

    def series(frames: int, bands: int, side: int) -> dict:
        return dict(images=torch.randn(frames, bands, side, side,
                                       generator=g),
                    dates=torch.randint(366, (frames, ), generator=g))

    boxes = {'global': [[0, 0, .75, .75], [.25, .25, 1, 1]],
             'local': [[0, 0, .25, .25], [.5, .5, .75, .75]]}
    samples = []
    for i in range(count):
        crops = []
        for kind, number in (('global', 2), ('local', num_local)):
            side = 64 if kind == 'global' else 32
            for j in range(number):
                modalities = dict(
                    hr=series(1, 3, side),
                    s2=series(1 + (i + j) % 3, 10, side // 4),
                    s1=series(1 + (i + j) % 2, 2, side // 4))
                for name in (lacking or {}).get(i, ()):
                    del modalities[name]
                label = torch.randint(4, (side // 8, side // 8), generator=g)
                label[0] = 255
                crops.append(dict(
                    kind=kind, modalities=modalities,
                    box=torch.tensor(boxes[kind][j]),
                    flip=bool((i + j) % 2), turn=(i + 2 * j) % 4,
                    label=label))
        samples.append(dict(inputs=crops, data_samples=None))
    return samples


def make_pretrainer(tmp_path: Any, **changes: Any) -> torch.nn.Module:
    """A whole pretrainer of a few thousand parameters."""
    path = tmp_path / 'text.safetensors'
    save_table(path, random_table(4, 8), NAMES, 'random')
    cfg = dict(
        backbone=dict(type='SkySenseV2', arch=ARCH),
        mgcl=dict(grid_size=3, num_centroids=4),
        qsacl=dict(num_queries=3, embed_dims=32, num_heads=2),
        ita=dict(class_names=NAMES, text_dims=8, text_embeddings=str(path)),
        contrast=CONTRAST)
    cfg.update(changes)
    model = build('SkySenseV2Pretrainer', **cfg)
    model.init_weights()
    model.set_iteration(2000, 10000)
    return model.train()


@pytest.fixture
def new_samples():
    return make_samples


@pytest.fixture
def new_pretrainer(tmp_path):
    return partial(make_pretrainer, tmp_path)


@pytest.fixture
def pretrainer(new_pretrainer):
    return new_pretrainer()


@pytest.fixture
def batch(pretrainer):
    return pretrainer.data_preprocessor(make_samples())['inputs']
