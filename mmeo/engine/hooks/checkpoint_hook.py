# Copyright (c) mmeo contributors. All rights reserved.
"""Checkpoints that are either whole or absent."""

import os
from pathlib import Path
from typing import Union

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmeo.registry import HOOKS


def write_atomic(data: bytes, path: Union[str, Path]) -> None:
    """Write ``data`` so that ``path`` never holds a part of it.

    The bytes reach the disk under another name before the rename, which the
    file system does at once or not at all.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + '.part')
    with open(part, 'wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


@register_backend('mmeo_atomic')
class AtomicBackend(LocalBackend):
    """Local files, written atomically."""

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        write_atomic(obj, filepath)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's hook, safe against being killed at any moment.

    A checkpoint appears under its name when it is complete, the file
    ``last_checkpoint`` is replaced after it, and older ones are removed
    after that; mmengine removes first, so with ``max_keep_ckpts=1`` a kill
    while writing would leave none. Arguments are those of
    :class:`mmengine.hooks.CheckpointHook`; remote folders keep their own
    backend.
    """

    def before_train(self, runner: Runner) -> None:
        if self.backend_args is None and self.file_client_args is None and \
                '://' not in str(self.out_dir or runner.work_dir):
            self.backend_args = dict(backend='mmeo_atomic')
        super().before_train(runner)

    def _save_checkpoint_with_step(self, runner: Runner, step: int,
                                   meta: dict) -> None:
        expired = self._keep(runner, step)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args)
        if not is_main_process():
            return
        write_atomic(self.last_ckpt.encode(),
                     Path(runner.work_dir) / 'last_checkpoint')
        for old in expired:
            self._remove(old)

    def _keep(self, runner: Runner, step: int) -> list[int]:
        """Note ``step`` as kept; return the steps that exceed the limit."""
        if self.max_keep_ckpts <= 0:
            return []
        kept = [other for other in self.keep_ckpt_ids if other != step]
        expired = kept[:max(0, len(kept) + 1 - self.max_keep_ckpts)]
        self.keep_ckpt_ids.clear()
        self.keep_ckpt_ids.extend(
            [*(other for other in kept if other not in expired), step])
        runner.message_hub.update_info('keep_ckpt_ids',
                                       list(self.keep_ckpt_ids))
        return expired

    def _remove(self, step: int) -> None:
        path = self.file_backend.join_path(self.out_dir,
                                           self.filename_tmpl.format(step))
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):  # sharded, of DeepSpeed
            self.file_backend.rmtree(path)
