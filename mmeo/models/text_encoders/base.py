# Copyright (c) mmeo contributors. All rights reserved.
"""What all text encoders share: frozen, one row for each name, kept."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from ..layers import no_autocast
from .names import say_name


class TextEncoder(BaseModule):
    """Class names to unit vectors, each name embedded once.

    Names are said with spaces for underscores. Nothing here is trained.

    Attributes:
        embed_dims (int): D, numbers of an embedding.
    """

    embed_dims: int

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, Tensor] = {}
        # Only tells the device; not in checkpoints.
        self.register_buffer('_anchor', torch.empty(0), persistent=False)
        self.register_load_state_dict_post_hook(
            lambda module, _: module._rows.clear())

    def encode(self, names: Sequence[str]) -> Tensor:
        """Embed names; those that were embedded before are looked up.

        Args:
            names (Sequence[str]): n class names; the same may come again.

        Returns:
            Tensor: ``(n, D)`` float32 on the module's device, rows of length
            1, without gradient.

        Raises:
            DataError: If a name is empty.
        """
        names = [say_name(name) for name in names]
        device = self._anchor.device
        # Rows outlive the call: they must not be inference tensors, nor
        # depend on the precision of the first caller.
        with torch.inference_mode(False), torch.no_grad(), \
                no_autocast(device):
            new = [name for name in dict.fromkeys(names)
                   if name not in self._rows]
            if new:
                rows = F.normalize(self.compute(new).float(), dim=-1)
                self._rows.update(zip(new, rows.to(device)))
            rows = [self._rows[name].to(device) for name in names]
            return torch.stack(rows) if rows else torch.zeros(
                0, self.embed_dims, device=device)

    def forward(self, names: Sequence[str]) -> Tensor:
        """See :meth:`encode`."""
        return self.encode(names)

    @abstractmethod
    def compute(self, names: Sequence[str]) -> Tensor:
        """Embed names that have no row yet.

        Args:
            names (Sequence[str]): n different names, as they are said.

        Returns:
            Tensor: ``(n, D)``, of any length.
        """
