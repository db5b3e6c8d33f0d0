# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V2 as the backbone of mmseg's, mmdet's and mmrotate's models.

The configs of the repository with a small backbone and narrow heads: what a
user trains, in seconds. mmcv's operators are the stand-ins throughout, as on
a machine where none are compiled.
"""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope, init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmeo.models import SkySenseV2
from mmeo.ops.standin import StandinModule

ROOT = Path(__file__).resolve().parents[2] / 'configs' / 'skysense_v2'
ARCH = dict(embed_dims=32, depths=(1, 2, 2, 1), head_dim=16)
WIDTHS = [32, 64, 128, 256]
SEG = ('isaid', 'potsdam', 'fbp', 'sparcs', 'air_polsar_seg')
CHANGE = ('levircd', 'oscd')
OPS = ('bbox', 'box_iou_rotated', 'nms', 'roi_align', 'roi_align_rotated')


@pytest.fixture(autouse=True)
def without_compiled_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPS:
        monkeypatch.setattr(importlib.import_module(f'mmcv.ops.{name}'),
                            'ext_module', StandinModule())


def configs(*folders: str) -> list:
    return [pytest.param(path, id=path.stem) for folder in folders
            for path in sorted((ROOT / folder).glob('*.py'))]


def shrink(cfg: Config) -> Any:
    """The model of a config, narrow."""
    init_default_scope(cfg.get('default_scope', 'mmeo'))
    model = cfg.model
    model.backbone.update(arch=ARCH, drop_path_rate=0.0)
    if 'decode_head' in model:
        model.decode_head.update(in_channels=WIDTHS, channels=16)
        model.auxiliary_head.update(in_channels=WIDTHS[2], channels=16)
    else:
        model.neck.in_channels = WIDTHS
        model.roi_head.bbox_head.fc_out_channels = 32
    torch.manual_seed(0)
    return revert_sync_batchnorm(MODELS.build(model))


def every_gradient_is_there(model: torch.nn.Module, losses: dict) -> None:
    """Otherwise training on several GPUs would stop."""
    loss, values = model.parse_losses(losses)
    assert all(torch.isfinite(v).all() for v in values.values())
    loss.backward()
    without = [name for name, p in model.named_parameters()
               if p.requires_grad and p.grad is None]
    assert not without
    tokenizers = model.backbone.tokenizers.parameters()
    assert all(p.grad.abs().sum() > 0 for p in tokenizers)


def seg_batch(channels: int, classes: int, size: int = 72) -> dict:
    """Two samples; the size is no multiple of the strides."""
    samples = []
    for _ in range(2):
        sample = SegDataSample(metainfo=dict(
            ori_shape=(size, size), img_shape=(size, size)))
        sample.gt_sem_seg = PixelData(
            data=torch.randint(0, classes, (1, size, size)))
        samples.append(sample)
    return dict(inputs=[torch.rand(channels, size, size) * 255
                        for _ in range(2)], data_samples=samples)


@pytest.mark.parametrize('path', configs(*SEG, *CHANGE))
def test_segmentation_and_change(path: Path) -> None:
    cfg = Config.fromfile(path)
    cfg.model.data_preprocessor.size = (72, 72)
    cfg.model.test_cfg.update(crop_size=(64, 64), stride=(48, 48))
    model = shrink(cfg)
    spec = model.backbone.modalities[model.backbone.modality]
    dates = 2 if 'siamese' in path.stem else 1
    classes = model.decode_head.num_classes
    data = seg_batch(dates * spec['in_channels'], classes)
    every_gradient_is_there(
        model.train(), model(**model.data_preprocessor(data, True),
                             mode='loss'))
    with torch.no_grad():
        results = model.eval().test_step(data)
    for result in results:
        assert result.seg_logits.data.shape == (classes, 72, 72)
        assert torch.isfinite(result.seg_logits.data).all()


@pytest.mark.parametrize('path', configs('dior', 'diorr', 'fair1m'))
def test_detectors(path: Path) -> None:
    model = shrink(Config.fromfile(path))
    classes = model.roi_head.bbox_head.num_classes
    oriented = 'oriented' in path.stem
    # mmrotate must not be imported before mmeo, which brings the operators.
    demo = importlib.import_module(
        f'mm{"rotate" if oriented else "det"}.testing').demo_mm_inputs
    options = dict(use_box_type=True) if oriented else {}
    data = demo(2, [(3, 96, 120), (3, 100, 64)], num_items=[3, 2],
                num_classes=classes, **options)
    every_gradient_is_there(
        model.train(), model(**model.data_preprocessor(data, True),
                             mode='loss'))
    with torch.no_grad():
        batch = model.data_preprocessor(data, False)
        results = model.eval()(**batch, mode='predict')
    for result in results:
        found = result.pred_instances
        assert found.bboxes.shape[1] == (5 if oriented else 4)
        assert torch.isfinite(found.scores).all()
        assert len(found) == 0 or int(found.labels.max()) < classes


def test_a_few_steps_teach_a_detector() -> None:
    path, = (ROOT / 'dior').glob('*.py')
    model = shrink(Config.fromfile(path)).train()
    data = demo_mm_inputs(1, [(3, 96, 96)], num_items=[2], num_classes=20)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-4)
    history = []
    for _ in range(6):
        loss, _ = model.parse_losses(
            model(**model.data_preprocessor(data, True), mode='loss'))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.5 * history[0]


def test_layer_decay_table() -> None:
    """Depth by depth, as the schedule of detection has it."""
    path, = (ROOT / 'dior').glob('*.py')
    cfg = Config.fromfile(path)
    model = shrink(cfg)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    rates = {id(p): group['lr'] for group in wrapper.optimizer.param_groups
             for p in group['params']}
    decays = {id(p): group['weight_decay']
              for group in wrapper.optimizer.param_groups
              for p in group['params']}
    last = sum(ARCH['depths']) + 1
    expected = {
        'backbone.tokenizers.hr.': last,
        'backbone.stages.0.0.': last - 1,
        'backbone.stages.1.1.': last - 3,
        'backbone.stages.3.0.': 1,
        'backbone.norms.3.weight': 0,
        'neck.': 0,
        'rpn_head.': 0,
        'roi_head.': 0
    }
    for start, below in expected.items():
        found = {rates[id(p)] for name, p in model.named_parameters()
                 if name.startswith(start)}
        assert found, start
        assert list(found) == [pytest.approx(1e-4 * 0.9**below)], start
    for name, p in model.named_parameters():
        if 'prompts' in name or p.dim() == 1:
            assert decays[id(p)] == 0, name
    matrix = next(p for p in model.backbone.stages[2].parameters()
                  if p.dim() == 2)
    assert decays[id(matrix)] == 0.05


def test_in_a_stock_config_of_mmdet() -> None:
    """Import, prefix and widths are all that mmdet's config needs."""
    cfg = get_config('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py')
    cfg.model.backbone = dict(
        type='mmeo.SkySenseV2', arch=ARCH, modalities=('hr', ))
    cfg.model.neck.in_channels = WIDTHS
    DefaultScope.get_instance('stock', scope_name='mmdet')
    model = MODELS.build(cfg.model)
    assert isinstance(model.backbone, SkySenseV2)
    data = demo_mm_inputs(1, [(3, 64, 64)], num_items=[2])
    every_gradient_is_there(
        model.train(), model(**model.data_preprocessor(data, True),
                             mode='loss'))
