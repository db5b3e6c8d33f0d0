# Copyright (c) mmeo contributors. All rights reserved.
"""Fixtures of the op tests: both kinds of ops, and boxes to try them on."""

import importlib

import pytest
import torch

from mmeo.ops.standin import StandinModule

USERS = ('bbox', 'box_iou_quadri', 'box_iou_rotated', 'deform_conv',
         'diff_iou_rotated', 'focal_loss', 'min_area_polygons',
         'modulated_deform_conv', 'multi_scale_deform_attn', 'nms',
         'points_in_polygons', 'roi_align', 'roi_align_rotated', 'roi_pool',
         'rotated_feature_align', 'active_rotated_filter')


@pytest.fixture(scope='session')
def standin():
    """The stand-in module, also where mmcv itself is compiled."""
    return StandinModule()


@pytest.fixture
def use_ext(monkeypatch):
    """Function that makes mmcv's Python side call the given module."""

    def use(ext):
        for name in USERS:
            module = importlib.import_module(f'mmcv.ops.{name}')
            monkeypatch.setattr(module, 'ext_module', ext)

    return use


@pytest.fixture
def mmcv_standin(use_ext, standin):
    """mmcv.ops on the stand-in, whether or not mmcv was compiled."""
    use_ext(standin)
    return importlib.import_module('mmcv.ops')


@pytest.fixture(scope='session')
def rotated_boxes():
    """Function that draws ``(n, 5)`` boxes on a square of side ``span``."""

    def draw(n, span=200.0, seed=0, max_angle=4.0, dtype=torch.float32):
        rng = torch.Generator().manual_seed(seed)
        center = torch.rand(n, 2, generator=rng) * span
        size = torch.rand(n, 2, generator=rng) * 60 + 1
        angle = (torch.rand(n, 1, generator=rng) * 2 - 1) * max_angle
        return torch.cat([center, size, angle], dim=1).to(dtype)

    return draw


@pytest.fixture(scope='session')
def upright_boxes():
    """Function that draws ``(n, 4)`` boxes as x1, y1, x2, y2."""

    def draw(n, span=500.0, seed=0):
        rng = torch.Generator().manual_seed(seed)
        low = torch.rand(n, 2, generator=rng) * span
        return torch.cat([low, low + torch.rand(n, 2, generator=rng) * 100],
                         dim=1)

    return draw


@pytest.fixture(scope='session')
def corners():
    """Function from boxes ``(n, 5)`` to corners ``(n, 8)``."""

    def convert(boxes):
        x, y, w, h, angle = boxes.unbind(1)
        cos, sin = angle.cos(), angle.sin()
        points = []
        for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            points += [x + i * w / 2 * cos - j * h / 2 * sin,
                       y + i * w / 2 * sin + j * h / 2 * cos]
        return torch.stack(points, dim=1)

    return convert
