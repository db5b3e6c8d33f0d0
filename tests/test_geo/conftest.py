# Copyright (c) mmeo contributors. All rights reserved.
"""Runs a test on the ops that mmcv uses, and on the compiled ones as well."""

import importlib

import pytest

from mmeo.ops import load_compiled


@pytest.fixture(params=['as installed', 'compiled'])
def ops(request, monkeypatch):
    if request.param == 'compiled':
        compiled = load_compiled()
        if compiled is None:
            pytest.skip('no compiled build of mmcv for this torch and Python: '
                        '`python tools/build_ops.py` makes one')
        for name in ('box_iou_rotated', 'box_iou_quadri', 'nms', 'bbox'):
            module = importlib.import_module(f'mmcv.ops.{name}')
            monkeypatch.setattr(module, 'ext_module', compiled)
    return request.param
