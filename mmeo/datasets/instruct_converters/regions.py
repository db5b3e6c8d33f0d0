# Copyright (c) mmeo contributors. All rights reserved.
"""Facts about regions of a label image."""

from pathlib import Path

import cv2
import numpy as np

from mmeo.datasets.instruct_converters.files import image_size
from mmeo.datasets.instruct_converters.items import Option, Unusable
from mmeo.datasets.instruct_converters.legend import Legend
from mmeo.datasets.instruct_converters.wording import Wording

REGION_OPTIONS = (
    Option('--per-image', 'questions for each image at most', 3, type=int),
    Option('--min-area', 'regions of fewer pixels are left out of counts and '
           'boxes; shares count every pixel', 20, type=int))


def checked_mask(table: Legend, label: Path, *images: Path) -> np.ndarray:
    """Read a mask, which must be as large as its images.

    Raises:
        Unusable: If a file is missing or unreadable, or the sizes differ.
    """
    mask = table.read(label)
    for image in images:
        if image_size(image) != mask.shape:
            raise Unusable('label and image differ in size')
    return mask


def by_turns(wording: Wording, key: str, found: list[tuple],
             count: int) -> list[tuple]:
    """A seeded choice in which the kinds take turns."""
    groups: dict[str, list] = {}
    for entry in wording.choose(f'order:{key}', found, len(found)):
        groups.setdefault(entry[0], []).append(entry)
    turns = [(turn, i, entry) for i, group in enumerate(groups.values())
             for turn, entry in enumerate(group)]
    return [entry for _, _, entry in sorted(turns, key=lambda t: t[:2])
            ][:count]


def percent(share: float) -> str:
    """A share of the area as text."""
    if 0 < share < 0.001:
        return 'less than 0.1%'
    return f'{100 * share:.0f}%' if share >= 0.1 or not share else (
        f'{100 * share:.1f}%')


def regions(mask: np.ndarray, min_area: int) -> list[list[int]]:
    """Boxes of connected regions (8 neighbours), largest first.

    Args:
        mask (np.ndarray): ``(H, W)`` bool.
        min_area (int): Smaller regions are left out.

    Returns:
        list[list[int]]: ``x1, y1, x2, y2`` in pixels, outer edges.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8)
    rows = [row for row in stats[1:].tolist() if row[4] >= min_area]
    rows.sort(key=lambda row: (-row[4], row[:4]))
    return [[x, y, x + w, y + h] for x, y, w, h, _ in rows]
