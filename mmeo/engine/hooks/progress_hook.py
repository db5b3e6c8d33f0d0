# Copyright (c) mmeo contributors. All rights reserved.
"""One line that says how far training is."""

import sys
import time
from typing import Any, Optional, TextIO

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmeo.registry import HOOKS


@HOOKS.register_module()
class ProgressHook(Hook):
    """Prints per cent, loss, time left and memory in one line (our choice).

    On a terminal the line is redrawn in place; in a file or a pipe a new
    line appears every ``interval`` seconds, so logs stay short.

    Args:
        interval (float): Least seconds between two lines where the output is
            no terminal, and a tenth of it on one. Defaults to 10.
        stream (TextIO, optional): Where to print. Defaults to stdout.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: float = 10.,
                 stream: Optional[TextIO] = None) -> None:
        self.interval = interval
        self.stream = stream or sys.stdout
        self.tty = self.stream.isatty()

    def before_train(self, runner: Runner) -> None:
        self._begin = runner.iter
        self._started = self._printed = time.time()
        self._loss: Optional[float] = None

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        if not is_main_process():
            return
        now = time.time()
        done, total = runner.iter + 1, runner.max_iters
        pause = self.interval * (0.1 if self.tty else 1.)
        if now - self._printed < pause and done < total:
            return
        self._printed = now
        if outputs and 'loss' in outputs:
            loss = float(torch.as_tensor(outputs['loss']).detach())
            # The average over about ten lines: one batch says little.
            self._loss = loss if self._loss is None else (
                0.9 * self._loss + 0.1 * loss)
        seconds = (now - self._started) / max(1, done - self._begin)
        line = self.format(done, total, self._loss,
                           seconds * (total - done))
        end = '\n' if not self.tty or done == total else ''
        print(('\r\033[K' if self.tty else '') + line, end=end,
              file=self.stream, flush=True)

    @staticmethod
    def format(done: int, total: int, loss: Optional[float],
               seconds: float) -> str:
        """The line itself.

        Args:
            done (int): Iterations behind.
            total (int): Iterations of the whole run.
            loss (float, optional): Smoothed loss.
            seconds (float): Expected time left.
        """
        hours, rest = divmod(int(seconds), 3600)
        left = (f'{hours} h {rest // 60:02d} min' if hours else
                f'{rest // 60} min {rest % 60:02d} s')
        parts = [f'{100 * done // total:3d} %', f'{done}/{total}']
        if loss is not None:
            parts.append(f'loss {loss:.4g}')
        parts.append(f'{left} left')
        parts.append(memory())
        return '  '.join(parts)


def memory() -> str:
    """Peak memory: of the GPU where there is one, else of the process."""
    if torch.cuda.is_available():
        return f'{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB on GPU'
    try:
        import resource
    except ImportError:  # Windows
        return ''
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts KiB, macOS bytes.
    return f'{peak / (2**30 if sys.platform == "darwin" else 2**20):.1f} GiB'
