# Copyright (c) mmeo contributors. All rights reserved.
"""Training through the tools in processes of its own, and its loss curve."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def start(config: Path, processes: int, *words) -> subprocess.Popen:
    command = [f'{ROOT}/tools/dist_train.sh', config, processes] \
        if processes > 1 else [sys.executable, f'{ROOT}/tools/train.py',
                               config]
    return subprocess.Popen(
        [str(word) for word in (*command, *words)],
        env={**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True)


def train(config: Path, work_dir: Path, processes: int, *words) -> None:
    process = start(config, processes, '--work-dir', work_dir, *words)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out[-3000:]


def curve(work_dir: Path) -> dict[int, dict]:
    """Log by step over all runs in a folder, later runs winning."""
    found = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            if 'loss' in entry:
                found[entry['step']] = entry
    return found


def kill_when(process: subprocess.Popen, path: Path) -> None:
    """Kill a run, workers and all, as soon as it wrote a file."""
    limit = time.time() + 300
    while not path.exists():
        assert process.poll() is None, process.communicate()[0][-3000:]
        assert time.time() < limit, f'no {path.name}'
        time.sleep(0.02)
    for pid in family(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)


def family(pid: int) -> list[int]:
    """A process and all that came from it; torchrun's workers are in groups
    of their own."""
    table = subprocess.run(['ps', '-eo', 'pid=,ppid='], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    pairs = [tuple(map(int, line.split())) for line in table.splitlines()]
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in pairs
                  if its_parent == parent]
    return found
