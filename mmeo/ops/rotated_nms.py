# Copyright (c) mmeo contributors. All rights reserved.
"""Greedy suppression where IoU is costly: rotated boxes, quadrilaterals."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mmeo.ops.nms import best_first
from mmeo.ops.rotated_iou import candidate_pairs, pair_ious, prepare

# Boxes decided together. Larger blocks compute more IoUs that a strictly
# sequential run would skip, smaller ones make more calls.
_BLOCK = 256

PairsFn = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _resolve(rows: Tensor, cols: Tensor, size: int) -> np.ndarray:
    """Greedy decision inside a block, given its overlapping pairs."""
    keep = np.ones(size, dtype=bool)
    later = rows < cols
    rows, cols = rows[later].cpu().numpy(), cols[later].cpu().numpy()
    leaders, starts = np.unique(rows, return_index=True)
    ends = np.append(starts[1:], len(rows))
    for leader, start, end in zip(leaders, starts, ends):
        if keep[leader]:
            keep[cols[start:end]] = False
    return keep


def greedy(size: int, overlapping: PairsFn, device: torch.device) -> Tensor:
    """Positions that survive, boxes being sorted by falling score.

    Args:
        size (int): Number of boxes.
        overlapping (Callable): Takes two index tensors and returns the pairs
            of positions in them that overlap too much, sorted by the first.
        device (torch.device): Where the boxes are.

    Returns:
        Tensor: ``(K,)`` positions, rising.
    """
    alive = torch.ones(size, dtype=torch.bool, device=device)
    for start in range(0, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        block = alive[start:stop].nonzero().squeeze(1) + start
        if block.numel() == 0:
            continue
        kept = torch.from_numpy(
            _resolve(*overlapping(block, block), block.numel())).to(device)
        alive[block[~kept]] = False
        rest = alive[stop:].nonzero().squeeze(1) + stop
        if rest.numel():
            _, hit = overlapping(block[kept], rest)
            alive[rest[hit]] = False
    return alive.nonzero().squeeze(1)


@torch.no_grad()
def nms_rotated(dets: Tensor, scores: Tensor, order: Tensor,
                dets_sorted: Tensor, labels: Tensor, iou_threshold: float,
                multi_label: bool) -> Tensor:
    """Indices that greedy suppression of rotated boxes keeps.

    Args:
        dets (Tensor): ``(N, 5)`` as cx, cy, w, h, angle in radian, or
            ``(N, 6)`` with the label as last column.
        scores (Tensor): ``(N,)``.
        order (Tensor): Not used; the compiled op sorts again as well.
        dets_sorted (Tensor): Not used.
        labels (Tensor): Not used; labels are a column of ``dets``.
        iou_threshold (float): Boxes that overlap a better one by at least
            this go.
        multi_label (bool): Boxes of different labels do not suppress each
            other. (The compiled op knows this on CUDA only.)

    Returns:
        Tensor: ``(K,)`` indices into ``dets``, best score first.
    """
    order = best_first(scores)
    props = prepare(dets[order])
    classes = dets[order, 5] if multi_label else None
    threshold = float(np.float32(iou_threshold))

    def overlapping(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        props1, props2 = props[:, first], props[:, second]
        rows, cols = candidate_pairs(props1, props2)
        if classes is not None:
            same = classes[first[rows]] == classes[second[cols]]
            rows, cols = rows[same], cols[same]
        hit = pair_ious(props1, props2, rows, cols) >= threshold
        return rows[hit], cols[hit]

    return order[greedy(order.numel(), overlapping, dets.device)]
