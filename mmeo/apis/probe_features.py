# Copyright (c) mmeo contributors. All rights reserved.
"""Frozen features of places seen by several sensors, for linear probes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmeo.structures import NO_LABEL


@dataclass
class PlaceFeatures:
    """What probes see of one place.

    Args:
        image (Tensor): ``(C, )``, mean of the last map.
        pixels (dict[str, Tensor]): By readout ``(D, h, w)`` half precision,
            mean over the frames.
        label (Tensor): ``(H, W)`` int64 class map, 255 unlabelled.
        tokens (dict[str, tuple[Tensor, Tensor]]): By readout some pixels
            ``(n, D)`` and their shares of each class ``(n, K)``.
    """

    image: Tensor
    pixels: dict[str, Tensor]
    label: Tensor
    tokens: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def choose_tokens(self, num_classes: int, count: int,
                      chance: torch.Generator) -> None:
        """Keep at most so many labelled pixels, drawn anew, and no maps."""
        for name, x in self.pixels.items():
            target, known = class_shares(self.label, x.shape[1:], num_classes)
            pick = known.nonzero().flatten()
            order = torch.randperm(len(pick), generator=chance)
            pick = pick[order[:count]]
            self.tokens[name] = x.flatten(1).t()[pick].float(), target[pick]
        self.pixels = {}


@torch.no_grad()
def place_features(backbone: nn.Module, place: Mapping, modality: str,
                   readouts: Mapping[str, Sequence[int]]) -> PlaceFeatures:
    """Encode one sensor's view of a place.

    Args:
        backbone (SkySenseV2): In evaluation mode.
        place (dict): ``modalities`` and ``gt_seg_map`` of a sample of
            ``MultiModalSeriesDataset`` after ``NormalizeBands``.
        modality (str): Sensor.
        readouts (dict[str, Sequence[int]]): Name -> which of the backbone's
            maps make up its pixels, resized to the grid of the first.
    """
    images = torch.as_tensor(place['modalities'][modality]['images'])
    frames = images.permute(0, 3, 1, 2)  # (T, H, W, C) -> (T, C, H, W)
    maps = [each.mean(0, keepdim=True)
            for each in backbone(frames.float(), modality)]

    def join(levels: Sequence[int]) -> Tensor:
        size = maps[levels[0]].shape[-2:]
        return torch.cat([
            F.interpolate(maps[i], size, mode='bilinear', align_corners=False)
            for i in levels], dim=1)[0].half()

    return PlaceFeatures(
        maps[-1].mean((0, 2, 3)),
        {name: join(levels) for name, levels in readouts.items()},
        torch.as_tensor(place['gt_seg_map']).long())


def class_shares(label: Tensor, size: Sequence[int],
                 num_classes: int) -> tuple[Tensor, Tensor]:
    """Share of each class in each cell of a coarser grid.

    Args:
        label (Tensor): ``(H, W)`` int64, 255 unlabelled.
        size (Sequence[int]): Rows h and columns w.
        num_classes (int): K.

    Returns:
        tuple[Tensor, Tensor]: ``(h * w, K)``, rows sum to 1 where anything is
        labelled, and that ``(h * w, )`` bool.
    """
    (rows, columns), (height, width) = size, label.shape
    cell = (torch.arange(height) * rows // height)[:, None] * columns \
        + torch.arange(width) * columns // width  # (H, W)
    known = label != NO_LABEL
    pairs = cell[known] * num_classes + label[known]
    counts = pairs.bincount(minlength=rows * columns * num_classes)
    shares = counts.view(-1, num_classes).float()
    total = shares.sum(-1, keepdim=True)
    return shares / total.clamp_min(1), total[:, 0] > 0
