#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""What ``make test`` and CI run, in order:

1. the op wheel of mmcv is built (once: it stays in the user's cache), so that
   the parity tests can compare the torch stand-ins with it;
2. the whole default suite, in this environment, which has no compiled ops;
3. the op tests again with the compiled mmcv in front of the path.

Without a C++ compiler the first and third are left out, and said so; CI sets
``CI=true``, which makes their absence a failure.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def step(title: str, command: list, env: dict) -> int:
    print(f'\n== {title}\n$ {" ".join(map(str, command))}', flush=True)
    started = time.time()
    code = subprocess.run(command, cwd=ROOT, env=env).returncode
    print(f'== {title}: exit {code}, {time.time() - started:.0f} s',
          flush=True)
    return code


def compiled_wheel(env: dict) -> Path | None:
    """The cached op wheel, built when it can be."""
    sys.path.insert(0, str(ROOT))
    from tools.build_ops import cached_wheel
    if cached_wheel() is None:
        compiler = os.environ.get('CXX') or shutil.which('c++')
        if compiler is None:
            print('no C++ compiler: the parity tests against compiled ops '
                  'are skipped')
            return None
        step('compile the ops of mmcv',
             [sys.executable, 'tools/build_ops.py'], env)
    return cached_wheel()


def main() -> int:
    # Two processes on two cores beat one process with two threads here.
    env = {**os.environ, 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1'}
    workers = str(min(4, os.cpu_count() or 1))
    wheel = compiled_wheel(env)
    code = step('the suite, without compiled ops', [
        sys.executable, '-m', 'pytest', '-n', workers, '--cov=mmeo',
        '--cov-report=term:skip-covered', '--durations=15', *sys.argv[1:]
    ], env)
    if wheel is None:
        return code or int(bool(os.environ.get('CI')))
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(wheel).extractall(folder)
        env['PYTHONPATH'] = os.pathsep.join([folder, str(ROOT)])
        code |= step('the op tests, with compiled ops',
                     [sys.executable, '-m', 'pytest', 'tests/test_ops'], env)
    return code


if __name__ == '__main__':
    sys.exit(main())
