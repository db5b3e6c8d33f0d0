#!/usr/bin/env python3
# Copyright (c) mmeo contributors. All rights reserved.
"""Make the environment: ``python3 tools/install.py [--extra tests]``.

Needs only Python >= 3.10 and its standard library; no compiler. Each step
leaves a stamp in the environment, so a second call skips what is done and an
interrupted one goes on where it stopped. Environment variables:

    MMEO_VENV     folder of the environment (default ``.venv``)
    TORCH_INDEX   index for torch and torchvision, e.g.
                  https://download.pytorch.org/whl/cpu for the small CPU build
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get('MMEO_VENV', ROOT / '.venv')).resolve()
BIN = VENV / ('Scripts' if os.name == 'nt' else 'bin')
PYTHON = BIN / ('python.exe' if os.name == 'nt' else 'python')
STAMPS = VENV / '.mmeo-install'
LOG = STAMPS / 'pip.log'
MIN_PYTHON, MAX_PYTHON = (3, 10), (3, 12)


def fail(message: str) -> None:
    sys.exit(f'\ninstall: {message}')


def check_python() -> None:
    version = sys.version_info[:2]
    if version < MIN_PYTHON:
        fail(f'Python {version[0]}.{version[1]} is too old: call this script '
             f'with Python {MIN_PYTHON[0]}.{MIN_PYTHON[1]} - '
             f'{MAX_PYTHON[0]}.{MAX_PYTHON[1]}, e.g. '
             '`make install PYTHON=python3.11`.')
    if version > MAX_PYTHON:
        print(f'note: Python {version[0]}.{version[1]} is newer than the '
              f'tested {MAX_PYTHON[0]}.{MAX_PYTHON[1]}.')


def make_venv() -> None:
    """Create the environment, or mend one left half-made."""
    works = PYTHON.exists() and subprocess.run(
        [PYTHON, '-c', 'import pip'], capture_output=True).returncode == 0
    if not works:
        result = subprocess.run(
            [sys.executable, '-m', 'venv', '--clear', str(VENV)],
            capture_output=True, text=True)
        if result.returncode:
            fail(f'cannot create {VENV}:\n{result.stdout}{result.stderr}\n'
                 'On Debian and Ubuntu: apt-get install python3-venv')
    STAMPS.mkdir(exist_ok=True)


def pip(*args: str) -> None:
    """Run pip; its output goes to the log, a heartbeat to the screen."""
    command = [str(PYTHON), '-m', 'pip', '--disable-pip-version-check',
               *args]
    started = time.time()
    tty = sys.stdout.isatty()
    with LOG.open('ab') as log:
        log.write(f'\n$ {" ".join(command)}\n'.encode())
        log.flush()
        offset = log.tell()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            beat = 1 if tty else 20
            while True:
                try:
                    code = process.wait(timeout=beat)
                    break
                except subprocess.TimeoutExpired:
                    seconds = int(time.time() - started)
                    print(f'\r      … {seconds} s' if tty
                          else f'      … {seconds} s',
                          end='' if tty else '\n', flush=True)
        except KeyboardInterrupt:
            process.terminate()
            fail('interrupted; run the same command again to go on.')
    if tty:
        print('\r', end='')
    if code:
        tail = LOG.read_bytes()[offset:].decode(errors='replace')
        print('\n'.join(tail.splitlines()[-25:]))
        fail(f'pip failed (exit {code}); the whole output is in {LOG}.\n'
             'Run the same command again once the cause is mended: finished '
             'steps are kept. docs/en/faq.md lists the known causes.')


def requirement_args(*names: str) -> list[str]:
    args: list[str] = []
    for name in names:
        args += ['-r', str(ROOT / 'requirements' / f'{name}.txt')]
    return args


def minimum(package: str) -> str:
    """``package==version`` from its lower bound in mminstall.txt."""
    for line in (ROOT / 'requirements' / 'mminstall.txt').open():
        if line.startswith(package + '>='):
            return line.strip().replace('>=', '==')
    raise LookupError(package)


def pinned_stack() -> list[str]:
    """The mm* stack at the tested versions, mmcv first installed apart."""
    lines = (ROOT / 'requirements' / 'mminstall.txt').read_text().split('\n')
    return [line.strip().replace('>=', '==') for line in lines
            if line.strip() and not line.startswith('#')]


def install_torch() -> None:
    index = os.environ.get('TORCH_INDEX')
    extra = ['--index-url', index] if index else []
    # opencv 4.12, the newest that mmcv's dependants accept, stops at 2.2
    pip('install', *requirement_args('torch'), 'numpy>=2,<2.3', *extra)


def install_mmcv() -> None:
    # In pip's build isolation mmcv is built without ops, in seconds. The wheel
    # cache is bypassed: it may hold one compiled for another torch.
    pip('install', '--no-cache-dir', '--no-deps', minimum('onedl-mmcv'))


def install_stack() -> None:
    pip('install', *pinned_stack(), *requirement_args('build', 'runtime'))


def install_mmeo() -> None:
    pip('install', '--no-build-isolation', '--no-deps', '-e', str(ROOT))


def mend_opencv() -> None:
    """Use the headless build where the machine has no libGL."""
    probe = subprocess.run([PYTHON, '-c', 'import cv2'], capture_output=True)
    if probe.returncode == 0:
        return
    version = subprocess.run(
        [PYTHON, '-c', 'from importlib.metadata import version as v; '
         'print(v("opencv-python-headless"))'],
        capture_output=True, text=True, check=True).stdout.strip()
    print('      no libGL here: using opencv-python-headless')
    pip('install', '--force-reinstall', '--no-deps',
        f'opencv-python-headless=={version}')


def run_step(number: str, title: str, key: str, *inputs: str,
             action) -> None:
    """Run ``action`` unless its stamp says it ran with the same inputs."""
    content = json.dumps([sys.version_info[:2], *inputs])
    digest = hashlib.sha256(content.encode()).hexdigest()
    stamp = STAMPS / key
    if stamp.exists() and stamp.read_text() == digest:
        print(f'[{number}] {title}: done before')
        return
    print(f'[{number}] {title}', flush=True)
    started = time.time()
    action()
    stamp.write_text(digest)
    print(f'      {time.time() - started:.0f} s')


def text_of(*names: str) -> str:
    return '\n'.join((ROOT / 'requirements' / f'{name}.txt').read_text()
                     for name in names)


def main() -> None:
    parser = argparse.ArgumentParser(description='Make the environment.')
    parser.add_argument('--extra', action='append', default=[],
                        choices=('tests', 'optional', 'docs'),
                        help='also install requirements/EXTRA.txt')
    parser.add_argument('--no-doctor', action='store_true',
                        help='do not check the result')
    args = parser.parse_args()
    started = time.time()
    check_python()
    print(f'mmeo: installing into {VENV}')
    make_venv()
    total = 4 + len(args.extra)
    run_step(f'1/{total}', 'torch and torchvision', 'torch',
             text_of('torch'), os.environ.get('TORCH_INDEX', ''),
             action=install_torch)
    run_step(f'2/{total}', 'mmcv, without compiled ops', 'mmcv',
             minimum('onedl-mmcv'), action=install_mmcv)
    run_step(f'3/{total}', 'the OpenMMLab stack, transformers, rasterio',
             'stack', text_of('mminstall', 'runtime', 'build'),
             action=lambda: (install_stack(), mend_opencv()))
    run_step(f'4/{total}', 'mmeo, editable', 'mmeo',
             (ROOT / 'setup.py').read_text(), str(ROOT), action=install_mmeo)
    for i, extra in enumerate(args.extra):
        run_step(f'{5 + i}/{total}', f'requirements/{extra}.txt', extra,
                 text_of(extra),
                 action=lambda e=extra: pip('install', *requirement_args(e)))
    print(f'installed in {time.time() - started:.0f} s\n', flush=True)
    if not args.no_doctor:
        sys.exit(subprocess.run(
            [PYTHON, '-m', 'mmeo.cli', 'doctor']).returncode)


if __name__ == '__main__':
    main()
