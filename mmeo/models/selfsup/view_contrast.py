# Copyright (c) mmeo contributors. All rights reserved.
"""MGCL and QSACL: what the student says of what the teacher saw."""

from collections.abc import Mapping
from typing import Any, Optional

import torch
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS

from ..losses import DINOContrast, mean_over_ranks
from .branch import SelfSupBranch

Outputs = Mapping[str, Any]


class ViewContrast(nn.Module):
    """Compares the outputs of the two branches.

    Each source and level has a contrast of its own, which matters where it
    keeps a running centre.

    Args:
        branch (SelfSupBranch): The student; only asked what it has.
        mgcl (dict, optional): Its options, with ``contrast``.
        qsacl (dict, optional): Its options, with ``contrast``.
    """

    def __init__(self, branch: SelfSupBranch, mgcl: Optional[Mapping],
                 qsacl: Optional[Mapping]) -> None:
        super().__init__()
        self.contrasts = nn.ModuleDict()
        for source in branch.mgcl_sources:
            for level in next(iter(branch.mgcl.values())).levels:
                self.contrasts[f'mgcl_{source}_{level}'] = MODELS.build(
                    dict(mgcl['contrast']))
        for source in branch.qsacl_sources:
            self.contrasts[f'qsacl_{source}'] = MODELS.build(
                dict(qsacl['contrast']))

    def forward(self, learnt: Outputs, taught: Outputs,
                temp: float) -> dict[str, Tensor]:
        """Losses without weights, and entropies for the log.

        Args:
            learnt (dict): What the student's :class:`SelfSupBranch` returned.
            taught (dict): What the teacher's returned.
            temp (float): The teacher's temperature.

        Returns:
            dict[str, Tensor]: See :meth:`SkySenseV2Pretrainer.loss`.
        """
        found: dict[str, Tensor] = {}
        entropies: dict[str, list[Tensor]] = dict(mgcl=[], qsacl=[])
        for source, ours in learnt['mgcl'].items():
            for level, rows in ours.items():
                if level == 'group_losses':
                    continue
                name = f'mgcl_{source}_{level}'
                found[f'loss_{name}'], entropy = self._mgcl(
                    name, rows, taught['mgcl'][source][level], temp)
                entropies['mgcl'] += entropy
            if 'group_losses' in ours:
                found[f'loss_mgcl_{source}_obj'] += mean_over_ranks(
                    ours['group_losses'])
        for source, ours in learnt['qsacl'].items():
            name = f'qsacl_{source}'
            count = len(learnt['views']['global'][source].valid)
            found[f'loss_{name}'], entropy = self._qsacl(
                name, ours, taught['qsacl'][source], count, temp)
            entropies['qsacl'] += entropy
        for name, values in entropies.items():
            if values:
                found[f'entropy_{name}'] = torch.stack(values).mean()
        return found

    def _mgcl(self, name: str, ours: Tensor, theirs: Tensor,
              temp: float) -> tuple[Tensor, list[Tensor]]:
        """Row by row, ``(N, K)`` each: loss and entropy of the targets."""
        contrast = self.contrasts[name]
        targets = contrast.targets(theirs, temp)
        rows = contrast.pairwise(ours[None], targets[None])[0, 0]
        return mean_over_ranks(rows), _entropy(contrast, targets)

    def _qsacl(self, name: str, ours: Tensor, theirs: Tensor, count: int,
               temp: float) -> tuple[Tensor, list[Tensor]]:
        """As above for ``(V, N, K)``, of which ``count`` views are global."""
        if count == len(ours):
            raise ConfigError('QSACL compares global with local crops, and '
                              'there are no local ones: set num_local in '
                              'MultiModalMultiCrop, or model.qsacl=None.')
        contrast = self.contrasts[name]
        targets = contrast.targets(theirs.flatten(0, 1), temp)
        targets = targets.unflatten(0, theirs.shape[:2])
        # The mean over pairs of views; the rows are queries and samples.
        rows = (contrast.pairwise(ours[:count], targets[count:]).mean((0, 1))
                + contrast.pairwise(ours[count:],
                                    targets[:count]).mean((0, 1))) / 2
        return mean_over_ranks(rows), _entropy(contrast, targets)


def _entropy(contrast: nn.Module, targets: Tensor) -> list[Tensor]:
    """Of prototypes, where there are any."""
    if isinstance(contrast, DINOContrast):
        return [contrast.entropy(targets)]
    return []
