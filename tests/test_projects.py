# Copyright (c) mmeo contributors. All rights reserved.
"""Stock configs of mmdet, mmseg and mmrotate train with an mmeo backbone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData, PixelData

ROOT = Path(__file__).resolve().parent.parent
TINY = dict(type='mmeo.InternViT', arch='tiny', img_size=128)


def load(project: str, scope: str) -> Config:
    """The project's config with a tiny ViT in place of the 300M one."""
    path, = (ROOT / 'projects' / project / 'configs').glob('*.py')
    cfg = Config.fromfile(path)
    assert cfg.default_scope == scope
    cfg.model.backbone.vit = TINY
    cfg.model.backbone.num_heads = 4
    init_default_scope(scope)
    return cfg


def train_step(cfg: Config, inputs: list[torch.Tensor],
               samples: list) -> list[float]:
    """A few optimiser steps on one batch; the losses."""
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    wrapper = build_optim_wrapper(
        model, dict(type='OptimWrapper',
                    optimizer=dict(type='AdamW', lr=3e-4)))
    losses = []
    for _ in range(4):
        torch.manual_seed(0)  # same proposals sampled in each step
        log = model.train_step(dict(inputs=inputs, data_samples=samples),
                               wrapper)
        losses.append(log['loss'].item())
    return losses


def image(size: int = 128) -> torch.Tensor:
    return torch.randint(0, 256, (3, size, size), dtype=torch.uint8)


def meta(size: int = 128) -> dict:
    return dict(img_shape=(size, size), ori_shape=(size, size),
                pad_shape=(size, size), scale_factor=(1.0, 1.0),
                batch_input_shape=(size, size))


@pytest.mark.parametrize('project, scope', [('plug_into_mmdet', 'mmdet'),
                                            ('plug_into_mmrotate',
                                             'mmrotate')])
def test_detection(project: str, scope: str) -> None:
    from mmdet.structures import DetDataSample
    cfg = load(project, scope)
    sample = DetDataSample(metainfo=meta())
    if scope == 'mmrotate':
        from mmrotate.structures import RotatedBoxes
        boxes = RotatedBoxes(torch.tensor([[60., 60., 50., 30., 0.3],
                                           [90., 40., 20., 30., -0.5]]))
    else:
        boxes = torch.tensor([[20., 20., 80., 70.], [70., 30., 110., 60.]])
    sample.gt_instances = InstanceData(
        bboxes=boxes, labels=torch.tensor([1, 3]))
    sample.ignored_instances = InstanceData(
        bboxes=boxes[:0], labels=torch.zeros(0, dtype=torch.long))
    losses = train_step(cfg, [image()], [sample])
    assert losses[-1] < losses[0]


def test_segmentation() -> None:
    from mmseg.structures import SegDataSample
    cfg = load('plug_into_mmseg', 'mmseg')
    # one image a batch: SyncBN and the pooled 1 x 1 map need more
    for head in ('decode_head', 'auxiliary_head'):
        cfg.model[head].norm_cfg = dict(type='GN', num_groups=8)
    label = torch.randint(0, 5, (1, 128, 128))
    label[:, :64] = 7
    sample = SegDataSample(metainfo=meta(),
                           gt_sem_seg=PixelData(data=label))
    cfg.model.data_preprocessor.size = (128, 128)
    losses = train_step(cfg, [image()], [sample])
    assert losses[-1] < losses[0]


@pytest.mark.parametrize('project', ['plug_into_mmdet', 'plug_into_mmseg',
                                     'plug_into_mmrotate'])
def test_only_the_backbone_differs_from_stock(project: str) -> None:
    path, = (ROOT / 'projects' / project / 'configs').glob('*.py')
    text = path.read_text()
    stock = Config.fromfile(_stock(text, path.parent))
    ours = Config.fromfile(path)
    stock_dict, our_dict = stock.to_dict(), ours.to_dict()
    our_dict.pop('custom_imports')
    for cfg in (stock_dict, our_dict):
        cfg['model'].pop('backbone')
        cfg['model'].pop('pretrained', None)
    assert without_scope(our_dict) == without_scope(stock_dict)


def without_scope(cfg: Any) -> Any:
    """Without the scope that inheriting from a package adds everywhere."""
    if isinstance(cfg, dict):
        return {key: without_scope(value) for key, value in cfg.items()
                if key != '_scope_'}
    if isinstance(cfg, (list, tuple)):
        return [without_scope(value) for value in cfg]
    return cfg


def _stock(text: str, folder: Path) -> str:
    """The base config of a plug-in project, as a path."""
    from mmengine.config.utils import (
        _get_external_cfg_base_path,
        _get_package_and_cfg_path,
    )
    from mmengine.utils import get_installed_path
    base = text.split("_base_ = '")[1].split("'")[0]
    package, name = _get_package_and_cfg_path(base)
    return _get_external_cfg_base_path(get_installed_path(package), name)
