# Copyright (c) mmeo contributors. All rights reserved.
"""mmengine's Runner with checked, safe loading of checkpoints."""

import copy
import os
from collections.abc import Callable
from typing import Any, Union

from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from mmengine.runner.checkpoint import _load_checkpoint

from mmeo.apis.checkpoint import load_into, read_checkpoint
from mmeo.registry import RUNNERS


@RUNNERS.register_module()
class CheckedRunner(Runner):
    """Stops where a checkpoint does not fit, and does not run its pickles.

    mmengine's Runner warns of a weight with another shape and goes on with a
    random one, and falls back to full unpickling. Two config fields belong
    to this class: ``load_exclude``, regular expressions of weights to leave
    out on purpose, and ``trust_checkpoint``.
    """

    def load_checkpoint(self,
                        filename: str,
                        map_location: Union[str, Callable] = 'cpu',
                        strict: bool = False,
                        **kwargs: Any) -> dict:
        """Load the weights of ``filename`` into the model.

        Args:
            filename (str): A file, or an address mmengine can load from.
            map_location (str | Callable): For addresses; files are read
                into CPU memory. Defaults to 'cpu'.
            strict (bool): Whether each parameter must be in the file, as it
                always must for resuming and testing. Defaults to False.
            **kwargs: ``revise_keys`` of mmengine has no effect: the prefix
                of DDP is always stripped.

        Returns:
            dict: The checkpoint.

        Raises:
            CheckpointError: If it cannot be read or does not fit.
        """
        if '://' in filename:
            checkpoint = _load_checkpoint(filename, map_location)
        else:
            checkpoint = read_checkpoint(
                os.path.expanduser(filename),
                self.cfg.get('trust_checkpoint', False))
            if self._resume and 'optimizer' in checkpoint:
                # The state would go on living in the mapped file.
                checkpoint['optimizer'] = copy.deepcopy(
                    checkpoint['optimizer'])
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model = self.model
        while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            model = model.module
        testing = not self._training_started()
        load_into(
            model,
            checkpoint,
            filename,
            exclude=self.cfg.get('load_exclude', ()),
            complete=strict or self._resume or testing,
            warn=self.logger.warning)
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}')
        return checkpoint

    def _training_started(self) -> bool:
        """Whether ``train`` rather than ``test`` or ``val`` is running."""
        from mmengine.runner.base_loop import BaseLoop
        return isinstance(self._train_loop, BaseLoop)
