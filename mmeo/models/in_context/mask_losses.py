# Copyright (c) mmeo contributors. All rights reserved.
"""Losses of matched masks and classes, on sampled points."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from mmdet.models.utils import get_uncertain_point_coords_with_randomness
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from mmeo.registry import MODELS
from mmeo.structures import NO_LABEL

from .mask_matching import WEIGHTS, Matches, match, pair_costs
from .vita_decoder import Prediction


def sample_masks(masks: Tensor, points: Tensor) -> Tensor:
    """Mask logits ``(T, h, w)`` at ``(T, P, 2)`` x, y in 0 to 1: ``(T, P)``"""
    return F.grid_sample(
        masks[:, None].float(), 2 * points[:, :, None] - 1,
        padding_mode='border', align_corners=False)[:, 0, :, 0]


def sample_labels(labels: Tensor, points: Tensor) -> Tensor:
    """Labels ``(T, H, W)`` of the pixels that points lie in: ``(T, P)``"""
    height, width = labels.shape[-2:]
    x = (points[..., 0] * width).long().clamp(0, width - 1)
    y = (points[..., 1] * height).long().clamp(0, height - 1)
    return labels.flatten(1).gather(1, y * width + x)


@MODELS.register_module()
class VITALoss(nn.Module):
    """Cross-entropy of classes, dice and focal loss of masks, mode by mode.

    Source: SkySense-VITA (Hungarian matching per mode; CE + Dice + Focal;
    queries without a partner learn 'no object'). Weights, deep supervision
    and the sampling of points are Mask2Former's (our choice).

    Args:
        weights (Sequence[float]): Of classes, dice and focal loss. Defaults
            to (2, 5, 5).
        no_object_weight (float): Of queries without a partner. Defaults to
            0.1.
        num_points (int): P per mask. Defaults to 12544, 112 x 112.
        oversample_ratio (float): Points drawn over those kept. Defaults to 3.
        importance_ratio (float): Share of P that are the least certain ones.
            Defaults to 0.75.
        alpha (float): Of the focal loss. Defaults to 0.25.
        gamma (float): Of the focal loss. Defaults to 2.
    """

    def __init__(self,
                 weights: Sequence[float] = WEIGHTS,
                 no_object_weight: float = 0.1,
                 num_points: int = 12544,
                 oversample_ratio: float = 3.0,
                 importance_ratio: float = 0.75,
                 alpha: float = 0.25,
                 gamma: float = 2.0) -> None:
        super().__init__()
        self.weights = tuple(weights)
        self.no_object_weight = no_object_weight
        self.num_points = num_points
        self.oversample_ratio = oversample_ratio
        self.importance_ratio = importance_ratio
        self.alpha, self.gamma = alpha, gamma

    def forward(self, layers: Sequence[Mapping[str, Prediction]],
                labels: Tensor,
                valid: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses of all modes.

        Args:
            layers (Sequence[dict[str, Prediction]]): Of each layer, the last
                one's last.
            labels (Tensor): ``(B, H, W)`` int64: class, 254 other, 255 no
                label.
            valid (dict[str, Tensor]): Mode to ``(B, N)`` bool, classes that
                can be found.

        Returns:
            dict[str, Tensor]: ``{mode}.loss_cls``, ``.loss_dice`` and
            ``.loss_focal`` of the last layer and ``.loss_aux``, the sum of
            all before.
        """
        losses = {}
        for mode in layers[0]:
            outs = [layer[mode] for layer in layers]
            present = valid[mode] & self._occurs(labels, valid[mode].shape[1])
            pairs = match(self._costs(outs, labels, valid[mode].shape[1]),
                          present)
            terms = [self._terms(out, pair, labels)
                     for out, pair in zip(outs, pairs)]
            for name, value in zip(('cls', 'dice', 'focal'), terms[-1]):
                losses[f'{mode}.loss_{name}'] = value
            if len(terms) > 1:
                losses[f'{mode}.loss_aux'] = sum(sum(t) for t in terms[:-1])
        return losses

    @staticmethod
    def _occurs(labels: Tensor, count: int) -> Tensor:
        """Which classes the targets show, ``(B, N)`` bool."""
        shown = labels.new_zeros(len(labels), 256).scatter_(
            1, labels.flatten(1), 1)
        return shown[:, :count].bool()

    @torch.no_grad()
    def _costs(self, outs: Sequence[Prediction], labels: Tensor,
               count: int) -> Tensor:
        """``(L, B, Q, N)`` on points that all queries of a layer share."""
        costs = []
        for out in outs:
            batch, queries = out.masks.shape[:2]
            points = torch.rand(batch, self.num_points, 2,
                                device=out.masks.device)
            spots = points[:, :, None] * 2 - 1
            logits = F.grid_sample(out.masks.float(), spots,
                                   padding_mode='border',
                                   align_corners=False)[..., 0]
            hit = sample_labels(labels, points)  # (B, P)
            each = hit[:, None] == torch.arange(
                count, device=hit.device)[:, None]
            costs.append(pair_costs(
                out.classes, logits, each, (hit != NO_LABEL).float(),
                self.weights, self.alpha, self.gamma))
        return torch.stack(costs)

    def _terms(self, out: Prediction, pairs: Matches,
               labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weighted losses of one layer."""
        target = out.classes.new_full(
            out.classes.shape[:2], out.classes.shape[-1] - 1,
            dtype=torch.long)
        target[pairs.sample, pairs.query] = pairs.label
        weight = out.classes.new_ones(out.classes.shape[-1])
        weight[-1] = self.no_object_weight
        loss_cls = F.cross_entropy(out.classes.transpose(1, 2), target,
                                   weight)
        masks = out.masks[pairs.sample, pairs.query]  # (T, h, w)
        count = reduce_mean(masks.new_tensor(
            float(len(masks)), dtype=torch.float32)).clamp(min=1)
        dice, focal = self._mask_terms(masks, labels[pairs.sample],
                                       pairs.label)
        return (self.weights[0] * loss_cls,
                self.weights[1] * dice / count,
                self.weights[2] * focal / count)

    def _mask_terms(self, masks: Tensor, labels: Tensor,
                    label: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over T masks ``(T, h, w)`` with labels ``(T, H, W)``."""
        if not len(masks):
            nothing = masks.sum().float()
            return nothing, nothing
        with torch.no_grad():
            points = get_uncertain_point_coords_with_randomness(
                masks[:, None].float(), None, self.num_points,
                self.oversample_ratio, self.importance_ratio)
            hit = sample_labels(labels, points)
            known = (hit != NO_LABEL).float()
            truth = (hit == label[:, None]).float()
        logits = sample_masks(masks, points)  # (T, P)
        share = logits.sigmoid() * known
        dice = 1 - (2 * (share * truth).sum(-1) + 1) / (
            share.sum(-1) + truth.sum(-1) + 1)
        return dice.sum(), self._focal(logits, truth, known).sum()

    def _focal(self, logits: Tensor, truth: Tensor,
               known: Tensor) -> Tensor:
        """Mean over the points that have a label, ``(T, )``."""
        chance = logits.sigmoid()
        right = chance * truth + (1 - chance) * (1 - truth)
        balance = self.alpha * truth + (1 - self.alpha) * (1 - truth)
        each = F.binary_cross_entropy_with_logits(
            logits, truth, reduction='none')
        each = each * balance * (1 - right)**self.gamma * known
        return each.sum(-1) / known.sum(-1).clamp(min=1)
