# Copyright (c) mmeo contributors. All rights reserved.
"""Runs the ``main`` of a command-line tool: a user's error is one message.

Exit codes: 0 fine, 1 a bug (with its traceback), 2 an error of the user's
input, 130 interrupted. ``MMEO_DEBUG=1`` shows the traceback of everything.
"""

import json
import os
import select
import shlex
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from mmeo.apis.explain import explain

LAUNCH_VARIABLE = 'MMEO_LAUNCH'


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during training; the message says what is safe on disk.

    Args:
        message (str): What the user is told.
        resumable (bool): Whether ``--resume`` would go on from a checkpoint.
            Defaults to False.
    """

    def __init__(self, message: str, resumable: bool = False) -> None:
        super().__init__(message)
        self.resumable = resumable


def run_main(main: Callable[[], Any]) -> None:
    """Call ``main`` and exit; never returns.

    Args:
        main (Callable): Takes nothing; what it returns, if an integer, is
            the exit code.
    """
    try:
        result = main()
        sys.stdout.flush()
    except KeyboardInterrupt as error:
        sys.exit(_interrupted(error))
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_has_left():
            sys.exit(0)
        message = explain(error)
        if message is None:
            raise
        if os.environ.get('MMEO_DEBUG') == '1':
            traceback.print_exc()
        _report(message)
        _leave(2)
    else:
        sys.exit(result if isinstance(result, int) else 0)


def _reader_has_left() -> bool:
    """Whether stdout is a pipe like `| head`, which has read enough."""
    out = sys.stdout.fileno()
    poll = select.poll()
    poll.register(out, 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    # Python flushes once more when it exits, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), out)
    return True


def _leave(code: int) -> None:
    """Exit without waiting for the other ranks of a distributed run.

    The normal exit of a process group blocks on peers that may hang in a
    collective this rank will never join.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if 'RANK' in os.environ:
        os._exit(code)
    sys.exit(code)


def _report(message: str) -> None:
    rank = int(os.environ.get('RANK', 0))
    error_file = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if os.environ.get(LAUNCH_VARIABLE) and error_file:
        # Our launcher prints the first failure; each rank would repeat it.
        with open(error_file, 'w') as file:
            json.dump(dict(message=message, timestamp=int(time.time())),
                      file)
        return
    where = f' [rank {rank}]' if rank else ''
    print(f'error{where}: {message}', file=sys.stderr)


def _interrupted(error: KeyboardInterrupt) -> int:
    if int(os.environ.get('RANK', 0)) == 0:
        message = str(error) or 'interrupted'
        if getattr(error, 'resumable', False):
            message += f' Go on with: {_command()} --resume'
        print(f'\n{message}', file=sys.stderr)
    return 130


def _command() -> str:
    words = [word for word in sys.argv if word != '--resume']
    return shlex.join(['python', *words])
