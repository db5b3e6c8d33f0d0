# Copyright (c) mmeo contributors. All rights reserved.
"""What is typical of a region: prototypes learned without gradient."""

from typing import Optional

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather
from torch import Tensor, nn

from mmeo.errors import DataError

from .attention import fused_attention
from .sinkhorn import sinkhorn

UNKNOWN_REGION = -1


class GeoContextPrototypes(nn.Module):
    """Attend from each place to the prototypes of its region.

    Source: geo-context prototype learning of SkySense (arXiv 2312.10115).
    In training, features of a sample are assigned to the K prototypes of its
    region by cosine and Sinkhorn; the prototypes move towards the mean of
    what was assigned to them (the mean, momentum and Sinkhorn's numbers are
    our choice). One call per step: all ranks share what they saw, so they
    hold the same prototypes; their batches must be of one size.

    Args:
        embed_dims (int): Channels D.
        num_regions (int): Defaults to 4096.
        num_prototypes (int): K, per region. Defaults to 100.
        momentum (float): Share of the old prototype that stays. Defaults to
            0.9.
        eps (float): Sinkhorn's temperature. Defaults to 0.05.
        iterations (int): Sinkhorn's. Defaults to 3.
    """

    def __init__(self,
                 embed_dims: int,
                 num_regions: int = 4096,
                 num_prototypes: int = 100,
                 momentum: float = 0.9,
                 eps: float = 0.05,
                 iterations: int = 3) -> None:
        super().__init__()
        self.momentum = momentum
        self.eps = eps
        self.iterations = iterations
        self.register_buffer('prototypes', torch.empty(
            num_regions, num_prototypes, embed_dims).normal_(std=0.02))

    def forward(self, x: Tensor, regions: Optional[Tensor]) -> Tensor:
        """Append the context of the region.

        Args:
            x (Tensor): ``(B, D, h, w)``.
            regions (Tensor, optional): ``(B, )`` int64, -1 where unknown:
                the context is 0 there. None is all unknown.

        Returns:
            Tensor: ``(B, 2 * D, h, w)``.

        Raises:
            DataError: If a region is beyond ``num_regions``.
        """
        if regions is None:
            regions = torch.full((len(x), ), UNKNOWN_REGION, device=x.device)
        if len(regions) and not (UNKNOWN_REGION <= regions.min() and
                                 regions.max() < len(self.prototypes)):
            raise DataError(
                f'regions {regions.tolist()} must be -1 (unknown) or below '
                f'num_regions={len(self.prototypes)}.')
        places = x.flatten(2).transpose(1, 2)  # (B, h * w, D)
        if self.training:
            self.update(places.detach(), regions)
        known = regions >= 0
        keys = self.prototypes[regions.clamp(min=0)].to(x.dtype)  # (B, K, D)
        context = fused_attention(*(t[:, None] for t in (places, keys, keys)))
        context = torch.where(known[:, None, None], context[:, 0], 0.)
        context = context.transpose(1, 2).unflatten(2, x.shape[-2:])
        return torch.cat((x, context), dim=1)

    @torch.no_grad()
    def update(self, places: Tensor, regions: Tensor) -> None:
        """Move the prototypes of the regions seen on any rank.

        Args:
            places (Tensor): ``(B, N, D)``.
            regions (Tensor): ``(B, )``, -1 where unknown.
        """
        places = places.float()
        keys = self.prototypes[regions.clamp(min=0)].float()
        scores = F.normalize(places, dim=-1) @ F.normalize(
            keys, dim=-1).transpose(1, 2)  # (B, N, K)
        shares = sinkhorn(scores, self.eps, self.iterations, sync=False)
        sums = torch.cat(all_gather(shares.transpose(1, 2) @ places))
        mass = torch.cat(all_gather(shares.sum(1)))  # (R * B, K)
        regions = torch.cat(all_gather(regions))
        for region in regions.unique().tolist():
            if region >= 0:
                here = regions == region
                mean = sums[here].sum(0) / mass[here].sum(0)[:, None].clamp(
                    min=1e-6)
                self.prototypes[region].lerp_(
                    mean.to(self.prototypes), 1 - self.momentum)
