# Copyright (c) mmeo contributors. All rights reserved.
"""When the stand-in steps in, and what it says about ops it lacks."""

import importlib.util
import os
import subprocess
import sys
from importlib.machinery import PathFinder

import pytest
import torch

from mmeo.errors import OpNotCompiledError
from mmeo.ops.standin import IMPLEMENTATIONS, StandinModule

REPORT = """
import sys
import mmeo
from mmeo.ops import install_standin, ops_status
print(type(sys.modules.get('mmcv._ext')).__name__)
print(install_standin())
print(ops_status())
"""


def run_with_mmcv(folder, repo_root, **files):
    """Report of a fresh process that sees a made-up mmcv with these files."""
    package = folder / 'mmcv'
    package.mkdir()
    for name, text in {'__init__': '', **files}.items():
        (package / f'{name}.py').write_text(text)
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(
        [str(folder), str(repo_root)]))
    result = subprocess.run([sys.executable, '-c', REPORT], env=env,
                            capture_output=True, text=True, cwd=folder)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[-3:]


def test_steps_in_where_ops_are_absent(tmp_path, repo_root):
    kind, installed, status = run_with_mmcv(tmp_path, repo_root)
    assert (kind, installed, status) == ('StandinModule', 'True', 'stand-in')


def test_stays_away_where_ops_are_compiled(tmp_path, repo_root):
    kind, installed, status = run_with_mmcv(
        tmp_path, repo_root, _ext='nms = print')
    assert (kind, installed, status) == ('NoneType', 'False', 'compiled')


def test_does_not_mask_broken_ops(tmp_path, repo_root):
    kind, installed, status = run_with_mmcv(
        tmp_path, repo_root,
        _ext='raise ImportError("undefined symbol: _ZN2at4_ops5zeros")')
    assert (kind, installed) == ('NoneType', 'False')
    assert status.startswith('broken: ')
    for part in ('undefined symbol: _ZN2at4_ops5zeros', 'another torch',
                 '`make ops`', '--uninstall'):
        assert part in status


def test_says_that_mmcv_is_missing(tmp_path, repo_root):
    code = """
import importlib.util, sys
import mmeo.ops.standin as standin
standin.find_spec = lambda name: None
sys.modules.pop('mmcv._ext', None)
assert standin.install_standin() is False
print(standin.ops_status())
"""
    result = subprocess.run([sys.executable, '-c', code], cwd=repo_root,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    last = result.stdout.splitlines()[-1]
    assert last == 'broken: mmcv is not installed. Fix: `make install`'


def test_op_without_standin_says_how_to_compile_it():
    ext = StandinModule()
    for name in ('carafe_forward', 'not_an_op_at_all'):
        with pytest.raises(OpNotCompiledError,
                           match=f'^{name} is not compiled: run `make ops`$'):
            getattr(ext, name)(torch.zeros(1), key=1)


def test_private_names_are_absent():
    ext = StandinModule()
    assert not hasattr(ext, '__file__') and not hasattr(ext, '_private')


@pytest.mark.parametrize('name', sorted(IMPLEMENTATIONS))
def test_every_listed_op_exists(name):
    op = getattr(StandinModule(), name)
    assert op.__module__ == f'mmeo.ops.{IMPLEMENTATIONS[name]}'
    assert op.__doc__


def test_signatures_equal_those_compiled(compiled):
    import inspect
    for name in IMPLEMENTATIONS:
        # pybind11 writes `name(boxes: torch.Tensor, ...) -> ...` first
        text = getattr(compiled, name).__doc__.splitlines()[0]
        expected = [part.split(':')[0].strip()
                    for part in text[text.index('(') + 1:].split(',')
                    if ':' in part]
        expected = [part for part in expected if '->' not in part]
        got = list(inspect.signature(
            getattr(StandinModule(), name)).parameters)
        if name == 'roi_align_rotated_backward':
            # mmcv's binding names the three tensors in another order than
            # its function takes them, and calls it by position
            got[:3], expected[:3] = sorted(got[:3]), sorted(expected[:3])
        assert got == expected, name


def test_all_of_mmcv_ops_imports_and_environment_is_collected():
    import mmcv.ops
    from mmcv.utils import collect_env
    assert mmcv.ops.CARAFE and mmcv.ops.SyncBatchNorm
    assert collect_env()['MMCV Compiler']


def test_mmcv_and_importlib_see_the_truth():
    """mmcv's own check of compiled ops answers as if we were not there."""
    import mmcv
    compiled = PathFinder.find_spec('mmcv._ext', mmcv.__path__) is not None
    spec = importlib.util.find_spec('mmcv._ext')
    assert (spec.loader is not None) == compiled
