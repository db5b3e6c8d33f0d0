# Copyright (c) mmeo contributors. All rights reserved.
"""A contact sheet of corruptions, with the objects where they move to."""

from collections.abc import Sequence
from typing import Any, Optional

import cv2
import numpy as np

from mmeo.datasets.transforms.corrupt import CORRUPTIONS, SEVERITIES, Corrupt

from .rendering import side_by_side


def corruption_sheet(results: dict[str, Any],
                     corruptions: Sequence[str] = CORRUPTIONS,
                     severities: Sequence[int] = SEVERITIES,
                     seed: int = 0,
                     width: int = 256,
                     crop: Optional[int] = None) -> np.ndarray:
    """One row a corruption, one column a severity, the clean image first.

    Args:
        results (dict): ``img`` ``(H, W, 3)`` uint8 in RGB, ``img_path`` and
            perhaps ``instances`` with ``bbox`` of 4 or 8 numbers.
        corruptions (Sequence[str]): Rows. Defaults to all.
        severities (Sequence[int]): Columns. Defaults to all.
        seed (int): Defaults to 0.
        width (int): Of a panel in pixels. Defaults to 256.
        crop (int, optional): Show only so many pixels around the centre,
            where noise, blur and compression are visible.

    Returns:
        np.ndarray: ``(H', W', 3)`` uint8, RGB.
    """
    rows = []
    for name in corruptions:
        panels = {f'{name} 0': _panel(results, width, crop)}
        for severity in severities:
            transform = Corrupt(name, severity, seed)
            panels[f'severity {severity}'] = _panel(
                transform(dict(results)), width, crop)
        rows.append(side_by_side(panels))
    return np.concatenate(rows)


def _panel(results: dict[str, Any], width: int,
           crop: Optional[int]) -> np.ndarray:
    img = np.ascontiguousarray(results['img']).copy()
    for instance in results.get('instances', ()):
        box = np.asarray(instance['bbox'], float)
        if len(box) == 4:
            x1, y1, x2, y2 = box
            box = np.array([x1, y1, x2, y1, x2, y2, x1, y2])
        cv2.polylines(img, [box.reshape(4, 2).round().astype(np.int32)],
                      True, (255, 230, 0), max(1, img.shape[1] // width),
                      cv2.LINE_AA)
    if crop is not None:
        top, left = ((side - crop) // 2 for side in img.shape[:2])
        img = img[max(top, 0):][:crop, max(left, 0):][:, :crop]
    height = round(img.shape[0] * width / img.shape[1])
    # Nearest pixels where enlarged, so that noise looks like noise.
    method = cv2.INTER_AREA if img.shape[1] > width else cv2.INTER_NEAREST
    return cv2.resize(img, (width, height), interpolation=method)
