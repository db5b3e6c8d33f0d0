# Copyright (c) mmeo contributors. All rights reserved.
"""Runs a test on the ops that mmcv uses, and on the compiled ones as well."""

import importlib

import pytest


@pytest.fixture(params=['as installed', 'compiled'])
def ops(request, monkeypatch):
    if request.param == 'compiled':
        compiled = request.getfixturevalue('compiled')
        for name in ('box_iou_rotated', 'box_iou_quadri', 'nms', 'bbox'):
            module = importlib.import_module(f'mmcv.ops.{name}')
            monkeypatch.setattr(module, 'ext_module', compiled)
    return request.param
