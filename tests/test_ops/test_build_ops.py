# Copyright (c) mmeo contributors. All rights reserved.
"""`tools/build_ops.py`: what it keeps and refuses. Nothing is compiled."""

import importlib.util
import subprocess
import sys
import zipfile

import pytest

from mmeo.errors import DataError, UserError
from mmeo.ops import compiled


@pytest.fixture
def tool(repo_root):
    path = repo_root / 'tools' / 'build_ops.py'
    spec = importlib.util.spec_from_file_location('build_ops', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'mmeo' / 'wheels'


def make_wheel(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / 'onedl_mmcv-2.3.6-py3-none-any.whl'
    with zipfile.ZipFile(wheel, 'w') as archive:
        for name in ('mmcv/__init__.py', *names):
            archive.writestr(name, 'x')
    return wheel


EXTENSION = 'mmcv/_ext.cpython-311-x86_64-linux-gnu.so'


def test_key_depends_on_all_a_build_depends_on():
    base = dict(mmcv_version='2.3.6', torch_version='2.12.1+cpu',
                python='cp311', platform='linux-x86_64', cuda='cpu')
    key = compiled.wheel_key(**base)
    assert key == 'mmcv-2.3.6_torch-2.12.1+cpu_cp311_linux_x86_64_cpu'
    others = dict(mmcv_version='2.3.7', torch_version='2.12.1+cu130',
                  python='cp312', platform='linux-aarch64',
                  cuda='cu130-sm90')
    keys = {compiled.wheel_key(**{**base, name: value})
            for name, value in others.items()}
    assert len(keys | {key}) == 6


def test_key_of_this_environment():
    import torch
    key = compiled.wheel_key()
    assert f'torch-{torch.__version__}_' in key
    assert f'cp3{sys.version_info[1]}' in key
    assert key.endswith('_cpu') or '_cu' in key


def test_cache_folder_follows_the_environment(cache, monkeypatch, tmp_path):
    assert compiled.cache_root() == cache
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert compiled.cache_root() == tmp_path / '.cache' / 'mmeo' / 'wheels'


def test_wheel_without_ops_is_an_error(tool, tmp_path):
    make_wheel(tmp_path / 'out', 'mmcv/_extra.py', 'mmcv/ops/_ext.so')
    with pytest.raises(UserError) as info:
        tool.accept_wheel(tmp_path / 'out', tmp_path / 'log')
    for part in ('onedl_mmcv-2.3.6-py3-none-any.whl', 'no op was compiled',
                 'torch', str(tmp_path / 'log')):
        assert part in str(info.value)


def test_wheel_with_ops_is_kept_and_found(tool, cache, tmp_path):
    made = make_wheel(tmp_path / 'out', EXTENSION)
    wheel = tool.store(tool.accept_wheel(tmp_path / 'out', tmp_path), 'key')
    assert wheel.parent == cache / 'key' and not made.exists()
    assert compiled.cached_wheel('key') == wheel
    assert compiled.cached_wheel('other') is None


def test_cached_wheel_without_ops_is_not_used(cache):
    make_wheel(cache / 'key')
    assert compiled.cached_wheel('key') is None


def test_truncated_cached_wheel_is_named(cache):
    wheel = make_wheel(cache / 'key', EXTENSION)
    wheel.write_bytes(wheel.read_bytes()[:40])
    with pytest.raises(DataError, match='not a readable wheel') as info:
        compiled.cached_wheel('key')
    assert str(wheel) in str(info.value)


def test_pip_writing_nothing_is_an_error(tool, tmp_path):
    with pytest.raises(UserError, match='pip wrote no wheel'):
        tool.accept_wheel(tmp_path, tmp_path / 'log')


def test_command_and_environment_avoid_the_known_traps(tool, tmp_path):
    command = tool.build_command('2.3.6', tmp_path)
    for flag in ('--no-build-isolation', '--no-cache-dir', '--no-deps',
                 '--no-binary', 'onedl-mmcv==2.3.6'):
        assert flag in command
    env = tool.build_env('cpu', 3)
    assert env['MMCV_WITH_OPS'] == '1' and env['MAX_JOBS'] == '3'
    assert '-g0' in env['CFLAGS'].split()
    # with a GPU but no nvcc mmcv would try CUDA and fail
    assert env['CUDA_VISIBLE_DEVICES'] == '' and env['FORCE_CUDA'] == '0'
    assert tool.build_env('cu130-sm90', 3)['FORCE_CUDA'] == '1'


def test_missing_compiler_is_said_first(tool, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('CXX', raising=False)
    monkeypatch.setattr(sys, 'argv', ['build_ops.py'])
    assert tool.main() == 1
    assert 'build_ops: no C++ compiler found' in capsys.readouterr().out


def fake_pip(tool, monkeypatch, code):
    """Replace the compiling pip call by a few lines of Python."""
    monkeypatch.setattr(tool, 'check_toolchain', lambda: None)
    monkeypatch.setattr(tool, 'build_command', lambda version, out: [
        sys.executable, '-c', code.format(out=out)])
    monkeypatch.setattr(sys, 'argv', ['build_ops.py'])


def test_build_keeps_the_wheel_and_takes_it_again(tool, monkeypatch, cache,
                                                  capsys):
    code = ("import zipfile; print('[3/9] c++'); "
            "zipfile.ZipFile(r'{out}/onedl_mmcv-2.3.6-cp.whl', 'w')"
            f".writestr('{EXTENSION}', 'x')")
    fake_pip(tool, monkeypatch, code)
    assert tool.main() == 0
    assert 'kept as' in capsys.readouterr().out
    assert compiled.cached_wheel() is not None
    fake_pip(tool, monkeypatch, 'raise SystemExit(9)')
    assert tool.main() == 0
    assert 'cached in' in capsys.readouterr().out
    assert not list(cache.glob('build-*'))


def test_failing_pip_shows_the_end_of_its_output(tool, monkeypatch, capsys):
    fake_pip(tool, monkeypatch,
             "print('fatal error: torch/extension.h'); raise SystemExit(3)")
    assert tool.main() == 1
    out = capsys.readouterr().out
    assert 'fatal error: torch/extension.h' in out and 'exit 3' in out
    assert compiled.cached_wheel() is None


def test_help_runs_as_a_script(repo_root):
    result = subprocess.run(
        [sys.executable, 'tools/build_ops.py', '--help'], cwd=repo_root,
        capture_output=True, text=True)
    assert result.returncode == 0 and '--uninstall' in result.stdout
