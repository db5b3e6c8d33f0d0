# Copyright (c) mmeo contributors. All rights reserved.
"""Encoded prompts, which do not depend on the target."""

from dataclasses import dataclass, fields, replace
from typing import Optional

from torch import Tensor


@dataclass
class PromptCode:
    """What a prompt says, before it meets a target.

    Args:
        class_names (list[tuple[str, ...]]): As in :class:`EpisodeBatch`.
        class_valid (Tensor): ``(B, N)`` bool, False for padding.
        visual (Tensor, optional): ``(B, N, C)`` pooled features. None without
            examples, as the next two.
        visual_valid (Tensor, optional): ``(B, N)`` bool, which have one.
        sensors (Tensor, optional): ``(B, N, S)`` shares of the sensors that
            took the examples, see :func:`sensor_shares`.
        text (Tensor, optional): ``(B, N, D)`` embedded names. None where only
            the visual mode is asked for.
    """

    class_names: list[tuple[str, ...]]
    class_valid: Tensor
    visual: Optional[Tensor] = None
    visual_valid: Optional[Tensor] = None
    sensors: Optional[Tensor] = None
    text: Optional[Tensor] = None

    def __len__(self) -> int:
        return len(self.class_names)

    def expand(self, batch_size: int) -> 'PromptCode':
        """The code of one sample for each of ``batch_size`` targets."""
        if len(self) == batch_size:
            return self
        return self._each(lambda x: x.expand(batch_size, *x.shape[1:]),
                          self.class_names * batch_size)

    def detach(self) -> 'PromptCode':
        """Without a graph."""
        return self._each(Tensor.detach, self.class_names)

    def _each(self, change, names: list) -> 'PromptCode':
        tensors = {f.name: getattr(self, f.name) for f in fields(self)[1:]}
        return replace(self, class_names=names, **{
            name: None if x is None else change(x)
            for name, x in tensors.items()})

    def valid(self, mode: str) -> Tensor:
        """Which classes can be found in a mode, ``(B, N)`` bool.

        By example those that have one; by name and by both all of them.
        """
        if mode != 'visual':
            return self.class_valid
        return self.class_valid & self.visual_valid
