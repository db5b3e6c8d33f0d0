# Copyright (c) mmeo contributors. All rights reserved.
"""Each trap of the installed base is seen and given its fix."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmeo.doctor import Environment, diagnose, run_doctor
from mmeo.doctor.packages import STACK

HEALTHY = {
    'torch': '2.12.1', 'torchvision': '0.27.1', 'numpy': '2.2.6',
    'transformers': '4.57.6', 'opencv-python': '4.12.0.88',
    'setuptools': '80.1', 'mmeo': '0.1.0',
    **{name: lowest for name, (lowest, _) in STACK.items()},
}


class Fake(Environment):
    """A healthy machine, with what a test changes."""

    def __init__(self, tmp_path: Path, versions=None, broken=None,
                 ops='stand-in', cuda=None, nms=True,
                 python=(3, 11, 4), free=100 * 2**30) -> None:
        self.versions = {**HEALTHY, **(versions or {})}
        self.broken = broken or {}
        self.ops, self.python_version = ops, python
        self.free = free
        self.folder = tmp_path / 'mmeo'
        (self.folder / '.mim' / 'configs').mkdir(parents=True)
        torchvision_ops = SimpleNamespace(nms=1) if nms else SimpleNamespace()
        self.torch = SimpleNamespace(
            ops=SimpleNamespace(torchvision=torchvision_ops),
            version=SimpleNamespace(cuda='13.0' if cuda else None),
            cuda=cuda or SimpleNamespace(is_available=lambda: False))

    def python(self):
        return self.python_version

    def version(self, distribution):
        return self.versions.get(distribution)

    def load(self, module):
        if module in self.broken:
            raise self.broken[module]
        if module == 'torch':
            return self.torch
        if module == 'mmeo.ops':
            return SimpleNamespace(ops_status=lambda: self.ops)
        if module in ('numpy', 'pyogrio') or module.startswith('rasterio'):
            return super().load(module)
        return SimpleNamespace(__version__='1.0')

    def free_bytes(self, folder):
        return self.free

    def package_folder(self):
        return self.folder


def found(env, status):
    return [c for c in diagnose(env) if c.status == status]


def test_healthy_machine(tmp_path, capsys):
    env = Fake(tmp_path)
    assert found(env, 'FAIL') == []
    assert run_doctor(env=env) == 0
    out = capsys.readouterr().out
    assert 'all is well' in out and 'everything runs on the CPU' in out
    assert run_doctor(as_json=True, env=env) == 0
    entries = json.loads(capsys.readouterr().out)
    assert {e['status'] for e in entries} == {'ok'}


FAILURES = {
    'old python': (dict(python=(3, 9, 1)), 'Python', '3.9.1', 'make install'),
    'no torch': (dict(versions={'torch': None}), 'torch', 'not installed',
                 'requirements/torch.txt'),
    'torch too new': (dict(versions={'torch': '2.15.0',
                                     'torchvision': '0.30.0'}), 'torch',
                      'outside the supported', 'requirements/torch.txt'),
    'torch does not load': (
        dict(broken={'torch': OSError('libcudart.so.13: cannot open')}),
        'torch', 'libcudart', 'force-reinstall'),
    'no torchvision': (dict(versions={'torchvision': None}), 'torchvision',
                       'without declaring it', 'one index'),
    'torchvision of another torch': (
        dict(versions={'torchvision': '0.20.1'}), 'torchvision',
        'which is 0.27', 'one index'),
    'torchvision of another index': (
        dict(nms=False), 'torchvision', 'torchvision::nms', 'one index'),
    'twins': (dict(versions={'mmcv': '2.2.0'}), 'onedl-mmcv',
              'share the folder mmcv/', 'pip uninstall -y mmcv onedl-mmcv'),
    'upstream alone': (
        dict(versions={'mmdet': '3.3.0', 'onedl-mmdetection': None}),
        'onedl-mmdetection', 'in its place', 'pip uninstall -y mmdet'),
    'missing': (dict(versions={'onedl-mmrotate': None}), 'onedl-mmrotate',
                'not installed', "pip install 'onedl-mmrotate>="),
    'too old': (dict(versions={'onedl-mmengine': '0.10.7'}),
                'onedl-mmengine', 'older than', 'pip install'),
    'does not import': (
        dict(broken={'mmseg': TypeError('NoneType takes no arguments')}),
        'onedl-mmsegmentation', 'NoneType', 'force-reinstall'),
    'transformers 5': (dict(versions={'transformers': '5.23.0'}),
                       'transformers', 'mmpretrain',
                       "'transformers>=4.53,<5'"),
    'numpy 1': (dict(versions={'numpy': '1.26.4'}), 'numpy', '1.26.4',
                'numpy>=2'),
    'no libGL': (
        dict(broken={'cv2': ImportError('libGL.so.1: cannot open shared')}),
        'opencv', 'libGL', 'opencv-python-headless==4.12.0.88'),
    'ops of another torch': (
        dict(ops='broken: the ops do not load (undefined symbol: _ZN3). '
             'Fix: `make ops`'), 'mmcv ops', 'undefined symbol', 'make ops'),
    'ops that raise': (dict(broken={'mmeo.ops': ImportError('mmcv')}),
                       'mmcv ops', 'ImportError', 'make ops'),
    'no rasterio': (dict(broken={'rasterio': ImportError('libgdal')}),
                    'rasterio', 'libgdal', 'pip install'),
}


@pytest.mark.parametrize('case', FAILURES)
def test_failure_and_its_fix(tmp_path, case, capsys):
    options, what, detail, fix = FAILURES[case]
    env = Fake(tmp_path, **options)
    failures = [c for c in found(env, 'FAIL') if c.what == what]
    assert len(failures) == 1
    assert detail in failures[0].detail
    assert fix in failures[0].fix
    assert run_doctor(env=env) == 1
    assert f'fix: {failures[0].fix}' in capsys.readouterr().out


def test_warnings_are_not_failures(tmp_path):
    env = Fake(tmp_path, versions={'setuptools': '84.2', 'mmeo': None},
               free=2**20, python=(3, 13, 0))
    (env.folder / '.mim' / 'configs').rmdir()
    assert {c.what for c in found(env, 'warn')} == {
        'Python', 'setuptools', 'mmeo', 'mmeo/.mim', 'disk, here',
        'disk, cache'}
    assert all(c.fix for c in found(env, 'warn'))
    assert run_doctor(env=env) == 0


def _gpu(capability, archs):
    return SimpleNamespace(
        is_available=lambda: True, device_count=lambda: 1,
        get_arch_list=lambda: archs, get_device_name=lambda i: 'Test GPU',
        get_device_capability=lambda i: capability,
        get_device_properties=lambda i: SimpleNamespace(
            total_memory=24 * 2**30))


@pytest.mark.parametrize('capability, archs, status, text', [
    ((8, 9), ['sm_80', 'sm_90'], 'ok', 'bf16'),
    ((7, 5), ['sm_75'], 'ok', 'no bf16'),
    ((6, 1), ['sm_75', 'sm_80'], 'FAIL', 'sm_61'),
    ((12, 0), ['sm_90', 'sm_120'], 'ok', '24 GiB'),
])
def test_gpu_and_its_architecture(tmp_path, capability, archs, status, text):
    env = Fake(tmp_path, cuda=_gpu(capability, archs))
    check, = [c for c in diagnose(env) if c.what.startswith('CUDA')]
    assert check.status == status and text in check.detail


def test_a_check_that_fails_is_a_failure(tmp_path):
    env = Fake(tmp_path)
    env.free_bytes = lambda folder: 1 / 0
    failure, = found(env, 'FAIL')
    assert 'ZeroDivisionError' in failure.detail


def test_bounds_are_those_of_the_requirements(repo_root):
    text = (repo_root / 'requirements' / 'mminstall.txt').read_text()
    wanted = dict(re.findall(r'^([\w-]+)>=([\w.]+)$', text, re.M))
    assert wanted == {name: low for name, (low, _) in STACK.items()}


def test_starts_where_mmengine_is_broken(tmp_path, repo_root):
    """In a real process: nothing of mmeo can be imported but the doctor."""
    (tmp_path / 'mmengine').mkdir()
    (tmp_path / 'mmengine' / '__init__.py').write_text(
        "raise ImportError('broken on purpose')\n")
    environment = {**os.environ, 'PYTHONPATH': str(tmp_path)}
    result = subprocess.run(
        [sys.executable, '-m', 'mmeo.cli', 'doctor'], cwd=repo_root,
        env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 1, result.stderr
    assert 'Traceback' not in result.stderr
    assert re.search(r'FAIL +onedl-mmengine .*broken on purpose',
                     result.stdout)
