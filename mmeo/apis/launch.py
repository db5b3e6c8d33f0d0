# Copyright (c) mmeo contributors. All rights reserved.
"""torchrun for ``tools/dist_*.sh``, with errors a person can read.

``python -m mmeo.apis.launch N SCRIPT ARGUMENTS…`` starts N processes on this
machine. Environment: ``NNODES`` (1), ``NODE_RANK`` (0), ``MASTER_ADDR``
(127.0.0.1), ``PORT`` (a free one; must be set with several machines).
"""

import logging
import os
import socket
import sys
from collections.abc import Sequence
from typing import Optional

from mmeo.apis.run import LAUNCH_VARIABLE


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def torchrun_arguments(processes: str, command: Sequence[str]) -> list[str]:
    """The words for torchrun.

    Args:
        processes (str): Processes per machine.
        command (Sequence[str]): Script and its arguments.
    """
    environment = os.environ
    nodes = environment.get('NNODES', '1')
    port = environment.get('PORT')
    if port is None and nodes != '1':
        sys.exit('error: with NNODES > 1 set PORT to the same free port on '
                 'each machine, e.g. PORT=29500')
    return [
        f'--nnodes={nodes}',
        f'--node_rank={environment.get("NODE_RANK", "0")}',
        f'--master_addr={environment.get("MASTER_ADDR", "127.0.0.1")}',
        f'--master_port={port or free_port()}',
        f'--nproc_per_node={processes}', *command
    ]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the script in all processes.

    Returns:
        int: 0, or the exit code of the first process that failed.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if len(argv) < 2 or not argv[0].isdigit() or int(argv[0]) < 1:
        print(f'error: expected a number of processes and a script, got '
              f'{" ".join(argv) or "nothing"}', file=sys.stderr)
        return 2
    from torch.distributed.elastic.multiprocessing.errors import (
        ChildFailedError,
    )
    from torch.distributed.run import main as torchrun
    os.environ[LAUNCH_VARIABLE] = '1'
    # torchrun would warn and choose the same; several threads per process
    # on a CPU fight for the cores.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    # A failure is reported below, once; torch gives each logger a level.
    for name in list(logging.root.manager.loggerDict):
        if name.startswith('torch.distributed.elastic'):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        torchrun(torchrun_arguments(argv[0], argv[1:]))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        code = failure.exitcode
        if code == 2 and failure.error_file != '<N/A>':
            print(f'error: {failure.message}', file=sys.stderr)
        elif code < 0:
            print(f'error: process {rank} was killed by signal {-code}',
                  file=sys.stderr)
        else:
            print(f'error: process {rank} failed, see above',
                  file=sys.stderr)
        return code if code > 0 else 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
