# Copyright (c) mmeo contributors. All rights reserved.
"""A picture of pairs, for a person to judge."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mmeo.datasets.leakage.pixels import read_pixels
from mmeo.datasets.leakage.report import Pair

_BAR, _GAP = 36, 6


def pair_sheet(pairs: Sequence[Pair], path: Path, limit: int = 24,
               cell: int = 192) -> int:
    """Draw pairs side by side: training image left, test image right.

    The least sure pairs (looks the same, lowest correlation) come first,
    because they are the ones that need a look.

    Args:
        pairs (Sequence[Pair]): Of a report.
        path (Path): PNG to write.
        limit (int): Pairs at most. Defaults to 24.
        cell (int): Side of a picture in pixels. Defaults to 192.

    Returns:
        int: Pairs drawn. Without pairs nothing is written.
    """
    chosen = sorted(pairs, key=lambda p: (p.kind != 'near', p.correlation)
                    )[:limit]
    if not chosen:
        return 0
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    width, height = 2 * cell + 3 * _GAP, cell + _BAR + _GAP
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, pair in enumerate(chosen):
        y, x = number // columns * height, number % columns * width
        sheet[y:y + height, x:x + width] = _draw(pair, width, height, cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, data = cv2.imencode('.png', sheet[..., ::-1])
    path.write_bytes(data.tobytes())
    return len(chosen)


def _draw(pair: Pair, width: int, height: int, cell: int) -> np.ndarray:
    panel = np.full((height, width, 3), 255, np.uint8)
    views = (_view(pair.train_path, pair.train_window),
             _view(pair.test_path, pair.test_window))
    for number, view in enumerate(views):
        x = _GAP + number * (cell + _GAP)
        panel[_BAR:_BAR + cell, x:x + cell] = cv2.resize(
            view, (cell, cell), interpolation=cv2.INTER_AREA)
    title = f'{pair.kind} r={pair.correlation:.3f} {pair.orientation}'
    if pair.kind == 'shared':
        title = f'shared at {pair.offset}, {pair.share:.0%}'
    names = f'{Path(pair.train).name} | {Path(pair.test).name}'
    for line, text in enumerate((title, names)):
        cv2.putText(panel, text[:60], (_GAP, 14 + 16 * line),
                    cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1,
                    cv2.LINE_AA)
    return panel


def _view(path: str, window: Sequence[int] | None) -> np.ndarray:
    """Three bands, 8 bit; other types are stretched."""
    pixels = read_pixels(path)
    if window is not None:
        x, y, w, h = window
        pixels = pixels[y:y + h, x:x + w]
    pixels = pixels[..., :3] if pixels.shape[2] >= 3 else \
        pixels[..., :1].repeat(3, 2)
    if pixels.dtype != np.uint8:
        values = np.nan_to_num(pixels.astype(np.float32))
        low, high = np.percentile(values, (2, 98))
        values = (values - low) * (255 / max(high - low, 1e-9))
        pixels = values.clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels)
