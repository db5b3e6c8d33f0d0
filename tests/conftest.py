# Copyright (c) mmeo contributors. All rights reserved.
"""Fixtures shared by all tests."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from mmengine.registry import DefaultScope

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope='session')
def repo_root() -> Path:
    return ROOT


@pytest.fixture(scope='session')
def real_data() -> Path:
    """Folder of real samples: ``$MMEO_REAL_DATA`` or ``../shared/data``."""
    folder = Path(os.environ.get('MMEO_REAL_DATA', ROOT.parent / 'shared' /
                                 'data'))
    if not folder.is_dir():
        pytest.skip(f'no real samples at {folder}; set MMEO_REAL_DATA to the '
                    'folder that holds them')
    return folder


@pytest.fixture(scope='session')
def real_sample(real_data: Path) -> Callable[[str], Path]:
    """Function to a file or folder of the real samples; skips if absent."""

    def find(name: str) -> Path:
        path = real_data / name
        if not path.exists():
            pytest.skip(f'no real sample at {path}')
        return path

    return find


@pytest.fixture(scope='session')
def compiled() -> ModuleType:
    """The compiled ops of mmcv."""
    from mmeo.ops import load_compiled
    module = load_compiled()
    if module is None:
        pytest.skip('no compiled build of mmcv for this torch and Python: '
                    '`python tools/build_ops.py` makes one')
    return module


@pytest.fixture(scope='session')
def synthearth(tmp_path_factory) -> Path:
    """A small SynthEarth, made once per test session."""
    from mmeo.datasets.synthetic import make_synthearth
    out = tmp_path_factory.mktemp('synthearth')
    make_synthearth(out, num_scenes=5, size=256, seed=7, progress=False)
    return out


def _use_scope_mmeo() -> None:
    # A test may leave the scope of a sibling behind.
    DefaultScope.get_instance(f'tests-{time.time_ns()}', scope_name='mmeo')


@pytest.fixture(autouse=True, scope='module')
def _scope_of_module() -> None:
    _use_scope_mmeo()


@pytest.fixture(autouse=True)
def _scope_and_seed() -> None:
    _use_scope_mmeo()
    torch.manual_seed(0)
