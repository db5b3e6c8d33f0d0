# Copyright (c) mmeo contributors. All rights reserved.
"""Modules that read checkpoints themselves."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from mmengine.model import BaseModule


class PretrainedModule(BaseModule):
    """``init_cfg=dict(type='Pretrained', checkpoint=...)`` is read by us.

    mmengine would load whatever names and shapes happen to agree. Subclasses
    say what fits in :meth:`load_pretrained`. ``init_cfg`` may also have
    ``prefix`` and ``trust``.
    """

    def init_weights(self) -> None:
        """Load pretrained weights if ``init_cfg`` names them, once.

        Raises:
            CheckpointError: If the file does not hold what fits.
        """
        cfg = self.init_cfg
        if not isinstance(cfg, Mapping) or cfg.get('type') != 'Pretrained':
            super().init_weights()
        elif not self._is_init:
            self.load_pretrained(cfg['checkpoint'], cfg.get('prefix', ''),
                                 cfg.get('trust', False))
            self._is_init = True

    @abstractmethod
    def load_pretrained(self, checkpoint: Any, prefix: str = '',
                        trust: bool = False) -> None:
        """Load all of this module, or refuse the file.

        Args:
            checkpoint (str): The file; modules of several files say what
                else they take.
            prefix (str): In front of this module's names. Defaults to ``''``.
            trust (bool): See :func:`mmeo.weights.load`. Defaults to False.
        """
