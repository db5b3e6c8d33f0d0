# Copyright (c) mmeo contributors. All rights reserved.
"""Several samples in one row: no padding, and no attention across samples."""

from dataclasses import dataclass, field
from typing import Optional

import torch
from torch import Tensor

IGNORE_INDEX = -100


@dataclass
class PackedSequence:
    """Samples one behind the other; N is the sum of their lengths.

    Attributes:
        embeds (Tensor): ``(N, C)`` input embeddings.
        positions (Tensor): ``(N,)`` int64 position ids, restarting per
            sample; they keep the gaps of dropped tokens.
        labels (Tensor): ``(N,)`` int64 ids to be learned, -100 elsewhere.
        lengths (list[int]): Tokens of each sample.
        granularity (list[int]): 0 (image), 1 (region) or 2 (pixel) of each
            sample; empty where the model has no use for it.
        prefix (SharedPrefix or None): What stands before the samples and is
            not among their tokens; only of prompts.
    """

    embeds: Tensor
    positions: Tensor
    labels: Tensor
    lengths: list[int]
    granularity: list[int] = field(default_factory=list)
    prefix: Optional['SharedPrefix'] = None

    def keep(self, mask: Tensor) -> 'PackedSequence':
        """Keep the tokens where ``mask`` ``(N,)`` is True."""
        lengths = [int(part.sum()) for part in mask.split(self.lengths)]
        return PackedSequence(self.embeds[mask], self.positions[mask],
                              self.labels[mask], lengths, self.granularity)

    def targets(self) -> Tensor:
        """``(N,)`` the next token's label, -100 at the end of a sample."""
        targets = torch.full_like(self.labels, IGNORE_INDEX)
        targets[:-1] = self.labels[1:]
        ends = torch.tensor(self.lengths).cumsum(0) - 1
        targets[ends.to(targets.device)] = IGNORE_INDEX
        return targets


@dataclass
class SharedPrefix:
    """Beginnings that several prompts of a batch have in common.

    Attributes:
        packed (PackedSequence): Each beginning once.
        rows (list[int]): Which of them each of the B prompts begins with.
    """

    packed: PackedSequence
    rows: list[int]


def sample_positions(lengths: list[int],
                     device: Optional[torch.device] = None) -> Tensor:
    """``(N,)`` position ids that restart at each sample."""
    return torch.cat([torch.arange(n, device=device) for n in lengths])


def pad(values: Tensor,
        lengths: list[int],
        value: float = 0,
        left: bool = False) -> Tensor:
    """Unpack into rows of the longest sample.

    Args:
        values (Tensor): ``(N, ...)``.
        lengths (list[int]): Length of each of the B samples.
        value (float): Fills the rest. Defaults to 0.
        left (bool): Put the padding before the tokens. Defaults to False.

    Returns:
        Tensor: ``(B, max(lengths), ...)``.
    """
    longest = max(lengths)
    rows = []
    for part in values.split(lengths):
        fill = part.new_full((longest - len(part), *part.shape[1:]), value)
        rows.append(torch.cat([fill, part] if left else [part, fill]))
    return torch.stack(rows)


def unpad(rows: Tensor, lengths: list[int]) -> Tensor:
    """Inverse of :func:`pad` (right): ``(B, L, ...)`` to ``(N, ...)``."""
    return torch.cat([row[:n] for row, n in zip(rows, lengths)])
