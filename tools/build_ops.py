#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Compile the ops of mmcv: ``python tools/build_ops.py [--install]``.

Without compiled ops mmeo uses torch stand-ins (docs/en/ops.md); compiling
adds the ops that have none, and speed on a GPU. The wheel is kept in
``$XDG_CACHE_HOME/mmeo/wheels`` (default ``~/.cache/mmeo/wheels``) in a folder
named after all that it depends on, so it is compiled once for each
combination of mmcv, torch, Python, platform and CUDA.

pip needs care here. In its default build isolation torch is absent and mmcv
is built, successfully, without ops; that wheel then lies in pip's cache and
is taken again. So isolation and cache are off, and the result is checked.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from mmeo.errors import UserError
from mmeo.ops.compiled import (
    MMCV,
    cache_root,
    cached_wheel,
    cuda_build,
    extension_in,
    wheel_key,
)

PIP = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
BUILD_MODULES = ('setuptools', 'pkg_resources', 'wheel', 'ninja', 'packaging',
                 'psutil')


def check_toolchain() -> None:
    """Say what is missing before ten minutes of compiling, not after.

    Raises:
        UserError: If there is no C++ compiler, no Python header or a module
            of requirements/build.txt is absent.
    """
    compilers = [os.environ.get('CXX', ''), 'c++', 'g++', 'clang++', 'cl']
    if not any(name and shutil.which(name.split()[0]) for name in compilers):
        raise UserError(
            'no C++ compiler found (tried $CXX, c++, g++, clang++, cl). '
            'Install one, e.g. `apt-get install g++`, or go on without: all '
            'configs of mmeo work with the torch stand-ins.')
    header = Path(sysconfig.get_path('include'), 'Python.h')
    if not header.is_file():
        raise UserError(f'{header}: the headers of Python are missing. '
                        'Install them, e.g. `apt-get install python3-dev`.')
    missing = [name for name in BUILD_MODULES if find_spec(name) is None]
    if missing:
        raise UserError(
            f'modules needed for compiling are missing: {", ".join(missing)}'
            '. Run `pip install -r requirements/build.txt` (setuptools 82 '
            'dropped pkg_resources; older than 81 still has it).')


def build_env(cuda: str, jobs: int) -> dict[str, str]:
    """Environment of the build."""
    env = dict(os.environ)
    env.update(MMCV_WITH_OPS='1', MAX_JOBS=str(jobs))
    # Debug symbols would make the wheel 33 MB instead of 2 MB.
    env['CFLAGS'] = f'{env.get("CFLAGS", "")} -g0'.strip()
    if cuda == 'cpu':
        # mmcv tries CUDA as soon as it sees a GPU, with or without nvcc.
        env.update(FORCE_CUDA='0', CUDA_VISIBLE_DEVICES='')
    else:
        env['FORCE_CUDA'] = '1'
    return env


def build_command(mmcv_version: str, out: Path) -> list[str]:
    """pip call that compiles, see the module's docstring."""
    return [*PIP, 'wheel', '-v', '--no-build-isolation', '--no-cache-dir',
            '--no-deps', '--no-binary', MMCV, f'{MMCV}=={mmcv_version}',
            '--wheel-dir', str(out)]


def run_logged(command: list[str], env: dict[str, str], log: Path) -> int:
    """Run a command with its output in a file and progress on the screen."""
    tty = sys.stdout.isatty()
    started, told = time.time(), 0.0
    with log.open('w', errors='replace') as sink:
        process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors='replace')
        step = 'preparing'
        try:
            for line in process.stdout:
                sink.write(line)
                sink.flush()
                found = re.search(r'\[(\d+)/(\d+)\]', line)
                if found:
                    step = f'{found[1]} of {found[2]} files'
                now = time.time()
                if now - told > (1 if tty else 20):
                    told = now
                    text = f'      {now - started:.0f} s, {step}'
                    print(f'\r{text}   ' if tty else text,
                          end='' if tty else '\n', flush=True)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
    if tty:
        print()
    return process.wait()


def accept_wheel(folder: Path, log: Path) -> Path:
    """The wheel pip left in ``folder``, checked for compiled ops.

    Args:
        folder (Path): Where pip wrote.
        log (Path): Named in the message.

    Raises:
        UserError: If there is no wheel, or one without ``mmcv/_ext``.
    """
    wheels = sorted(folder.glob('onedl_mmcv-*.whl'))
    if not wheels:
        raise UserError(f'pip wrote no wheel; its output is in {log}')
    if extension_in(wheels[0]) is None:
        raise UserError(
            f'{wheels[0].name}: pip succeeded, but the wheel holds no '
            'mmcv/_ext, so no op was compiled: the build did not see torch. '
            f'Check that `{sys.executable} -c "import torch, setuptools"` '
            f'works; the output of pip is in {log}')
    return wheels[0]


def store(wheel: Path, key: str) -> Path:
    """Move a wheel into the cache, in one step."""
    folder = cache_root() / key
    folder.mkdir(parents=True, exist_ok=True)
    return wheel.replace(folder / wheel.name)


def build(jobs: int, force: bool) -> Path:
    """Compile, or take the wheel compiled before.

    Args:
        jobs (int): Compilers run at once.
        force (bool): Compile even if there is a wheel.

    Returns:
        Path: The wheel in the cache.
    """
    key = wheel_key()
    wheel = cached_wheel(key)
    if wheel and not force:
        print(f'[1/2] compile: cached in {wheel}')
        return wheel
    check_toolchain()
    cuda = cuda_build()
    kind = 'CPU' if cuda == 'cpu' else f'CUDA ({cuda})'
    print(f'[1/2] compile {MMCV} {version(MMCV)} for {kind} with {jobs} jobs: '
          'about 10 minutes of processor time', flush=True)
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    log = root / f'{key}.log'
    with tempfile.TemporaryDirectory(dir=root, prefix='build-') as out:
        code = run_logged(build_command(version(MMCV), Path(out)),
                          build_env(cuda, jobs), log)
        if code:
            tail = '\n'.join(log.read_text(errors='replace').split('\n')[-30:])
            raise UserError(f'{tail}\npip failed (exit {code}); its whole '
                            f'output is in {log}')
        wheel = store(accept_wheel(Path(out), log), key)
    print(f'      kept as {wheel}')
    return wheel


def pip_install(*args: str) -> None:
    result = subprocess.run([*PIP, 'install', '--force-reinstall',
                             '--no-deps', '--no-cache-dir', *args],
                            capture_output=True, text=True)
    if result.returncode:
        raise UserError(f'{result.stdout}{result.stderr}\npip install failed')


def status() -> str:
    """``ops_status()`` of a fresh process."""
    result = subprocess.run(
        [sys.executable, '-c', 'from mmeo.ops import ops_status; '
         'print(ops_status())'], capture_output=True, text=True)
    lines = result.stdout.strip().splitlines()
    return lines[-1] if lines else f'broken: {result.stderr.strip()}'


def install(wheel: Path) -> None:
    """Install a compiled wheel and load it."""
    print('[2/2] install')
    pip_install(str(wheel))
    now = status()
    if now != 'compiled':
        raise UserError(f'after installing {wheel} the ops are {now}')
    print('      mmcv now uses its compiled ops')


def uninstall() -> None:
    """Go back to mmcv without compiled ops."""
    print(f'installing {MMCV} {version(MMCV)} without compiled ops')
    # pip's own isolation, where torch is absent, is what leaves them out
    pip_install('--no-binary', MMCV, f'{MMCV}=={version(MMCV)}')
    now = status()
    if now != 'stand-in':
        raise UserError(f'after reinstalling, the ops are {now}')
    print('mmcv now uses the torch stand-ins')


def main() -> int:
    parser = argparse.ArgumentParser(description='Compile the ops of mmcv.')
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--install', action='store_true',
                       help='install the wheel into this environment')
    group.add_argument('--uninstall', action='store_true',
                       help='go back to mmcv without compiled ops')
    parser.add_argument('--jobs', type=int,
                        default=int(os.environ.get('MAX_JOBS', 0)) or
                        os.cpu_count() or 1, help='compilers run at once')
    parser.add_argument('--force', action='store_true',
                        help='compile even if a wheel is kept')
    args = parser.parse_args()
    try:
        if args.uninstall:
            uninstall()
            return 0
        wheel = build(args.jobs, args.force)
        if args.install:
            install(wheel)
        else:
            print('[2/2] install: not asked for (--install)')
    except PackageNotFoundError:
        print(f'build_ops: {MMCV} is not installed: run `make install`')
        return 1
    except UserError as error:
        print(f'build_ops: {error}')
        return 1
    except KeyboardInterrupt:
        print('build_ops: interrupted; nothing was changed')
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
