# Copyright (c) mmeo contributors. All rights reserved.
"""What our strategies share: checkpoints that fit, or an error."""

import copy
import os
from collections.abc import Callable, Iterable
from typing import Any, Optional

from mmengine.dist import barrier, is_main_process
from mmengine.runner.checkpoint import _load_checkpoint
from torch import nn

from mmeo.apis.checkpoint import load_into, read_checkpoint
from mmeo.errors import CheckpointError


class CheckedCheckpoints:
    """Goes before a strategy of mmengine in the bases of a class.

    Initial weights are loaded before the model is wrapped or sharded, so
    each strategy takes the same files, checks every shape, and lets modules
    resize what they can. A checkpoint appears under its name when it is
    complete. mmengine's strategies warn of a weight with another shape and
    go on with a random one.

    Args:
        load_from (str, optional): Initial weights.
        load_exclude (Iterable[str]): Regular expressions of weights to leave
            out on purpose. Defaults to none.
        trust_checkpoint (bool): Unpickle arbitrary objects, i.e. let a
            checkpoint run code. Defaults to False.
        after_load (Callable, optional): Called with a checkpoint before its
            weights are taken out.
        **kwargs: Of the strategy.
    """

    # Names the layout of the optimizer's state in checkpoints.
    layout = ''

    def __init__(self,
                 *,
                 load_from: Optional[str] = None,
                 load_exclude: Iterable[str] = (),
                 trust_checkpoint: bool = False,
                 after_load: Optional[Callable[[dict], Any]] = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.load_from = load_from
        self.load_exclude = load_exclude
        self.trust_checkpoint = trust_checkpoint
        self.after_load = after_load
        self.shapes: dict[str, tuple[int, ...]] = {}

    def _init_model_weights(self, model: nn.Module) -> nn.Module:
        """Draw the weights, then load those that are given."""
        model = super()._init_model_weights(model)
        self.shapes = {name: tuple(value.shape)
                       for name, value in model.state_dict().items()}
        if self.load_from is not None:
            checkpoint = self._read(self.load_from)
            if self.after_load is not None:
                self.after_load(checkpoint)
            load_into(
                model,
                checkpoint,
                self.load_from,
                exclude=self.load_exclude,
                complete='max_iters' not in self.dispatch_kwargs,  # testing
                warn=self.logger.warning)
            self.logger.info(f'Load checkpoint from {self.load_from}')
        return model

    def load_checkpoint(self,
                        filename: str,
                        *,
                        callback: Optional[Callable] = None,
                        **kwargs: Any) -> dict:
        """Load all that a run needs to go on.

        Args:
            filename (str): A file that this strategy wrote.
            callback (Callable, optional): Called with the checkpoint.
            **kwargs: Without effect; mmengine's signature.

        Returns:
            dict: The checkpoint without its weights.
        """
        if os.path.isdir(filename):
            raise CheckpointError(
                f'{filename} is a folder, as DeepSpeed writes it, and '
                f'{type(self).__name__} resumes from one file: use the '
                'strategy it was trained with, or start from its weights with '
                '`load_from`.')
        checkpoint = self._read(filename)
        layout = checkpoint.get('meta', {}).get('layout', 'ddp')
        if layout != self.layout:
            raise CheckpointError(
                f"{filename} was written under another strategy ('{layout}') "
                f"and holds an optimizer state that '{self.layout}' cannot "
                'read: resume with that strategy, or start from its weights '
                'with `load_from`.')
        if 'optimizer' in checkpoint:
            # The state would go on living in the mapped file.
            checkpoint['optimizer'] = copy.deepcopy(checkpoint['optimizer'])
        if callback is not None:
            callback(checkpoint)
        self._load_weights(checkpoint, filename)
        checkpoint.pop('state_dict')
        return checkpoint

    def save_checkpoint(self, filename: str, *,
                        extra_ckpt: Optional[dict] = None,
                        **kwargs: Any) -> None:
        """Save to ``filename``, which appears when it is complete."""
        extra = dict(extra_ckpt or {})
        extra['meta'] = dict(extra.get('meta', {}), layout=self.layout)
        if '://' in filename:
            super().save_checkpoint(filename, extra_ckpt=extra, **kwargs)
            return
        part = f'{filename}.part'
        super().save_checkpoint(part, extra_ckpt=extra, **kwargs)
        if is_main_process():
            self._flush(part)
            os.replace(part, filename)
        barrier()

    def _load_weights(self, checkpoint: dict, source: str) -> None:
        raise NotImplementedError

    def _flush(self, path: str) -> None:
        """Have the bytes on the disk before the name is."""
        with open(path, 'rb+') as file:
            os.fsync(file.fileno())

    def _read(self, filename: str) -> dict:
        if '://' in filename:
            return _load_checkpoint(filename, 'cpu')
        return read_checkpoint(
            os.path.expanduser(filename), self.trust_checkpoint)
