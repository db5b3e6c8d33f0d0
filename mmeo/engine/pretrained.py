# Copyright (c) mmeo contributors. All rights reserved.
"""``init_cfg=dict(type='Pretrained', …)`` that stops where nothing fits."""

from typing import Optional

from mmengine.logging import print_log
from mmengine.model import PretrainedInit, update_init_info
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from mmeo.apis.checkpoint import load_into, read_checkpoint
from mmeo.errors import CheckpointError
from mmeo.registry import WEIGHT_INITIALIZERS


@WEIGHT_INITIALIZERS.register_module(name='Pretrained')
class CheckedPretrainedInit(PretrainedInit):
    """Starts a module from a checkpoint; a weight of another shape is an
    error.

    mmengine's initializer only warns and leaves such weights random. In
    configs of scope ``mmeo`` this one takes its place.

    Args:
        checkpoint (str): A file, or an address mmengine can load from.
        prefix (str, optional): Take the weights below it, e.g.
            ``'backbone.'``. Defaults to all.
        map_location (str): For addresses. Defaults to 'cpu'.
        exclude (tuple[str]): Regular expressions of weights to leave out on
            purpose. Defaults to none.
        trust (bool): Unpickle any object in the file, which can run code.
            Defaults to False.

    Raises:
        CheckpointError: If the file cannot be read or does not fit.
    """

    def __init__(self,
                 checkpoint: str,
                 prefix: Optional[str] = None,
                 map_location: str = 'cpu',
                 exclude: tuple[str, ...] = (),
                 trust: bool = False) -> None:
        super().__init__(checkpoint, prefix, map_location)
        self.exclude = exclude
        self.trust = trust

    def __call__(self, module: nn.Module) -> None:
        if '://' in self.checkpoint:
            found = CheckpointLoader.load_checkpoint(self.checkpoint,
                                                     self.map_location)
        else:
            found = read_checkpoint(self.checkpoint, self.trust)
        state = found.get('state_dict', found)
        if self.prefix:
            start = self.prefix.rstrip('.') + '.'
            below = {key[len(start):]: value for key, value in state.items()
                     if key.startswith(start)}
            if not below:
                tops = sorted({key.split('.')[0] for key in state})
                raise CheckpointError(
                    f'{self.checkpoint} has no weights below {start!r}, but '
                    f'below {", ".join(tops[:8])}: mend `prefix`.')
            state = below
        load_into(module, state, self.checkpoint, self.exclude,
                  warn=lambda text: print_log(text, logger='current'))
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())
