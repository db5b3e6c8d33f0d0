# Copyright (c) mmeo contributors. All rights reserved.
"""Pictures from rasters, and panels from pictures. Pure numpy and OpenCV."""

from collections.abc import Sequence
from typing import Optional

import cv2
import numpy as np

from mmeo.geo import open_raster, resolve_bands
from mmeo.geo.raster import Band

_BAR = 22  # height of a title bar in pixels


def stretch(img: np.ndarray,
            percentiles: tuple[float, float] = (2.0, 98.0)) -> np.ndarray:
    """Stretch each band between two percentiles to 0-255.

    Args:
        img: ``(H, W, C)``, any unit; NaN becomes 0.
        percentiles: Lower and upper one. Defaults to (2, 98).

    Returns:
        ``(H, W, C)`` uint8.
    """
    img = img.astype(np.float32)
    low, high = (np.nanpercentile(img, p, axis=(0, 1)) for p in percentiles)
    scaled = (img - low) / np.maximum(high - low, 1e-6)
    return (np.nan_to_num(scaled).clip(0, 1) * 255).round().astype(np.uint8)


def read_rgb(path: str, bands: Optional[Sequence[Band]] = None,
             percentiles: tuple[float, float] = (2.0, 98.0)) -> np.ndarray:
    """An RGB picture of any raster.

    Args:
        path: Local file; of a series, an ``.npy`` of ``(T, C, H, W)``, the
            middle frame is shown, by default its bands 3, 2, 1.
        bands: Bands shown as red, green, blue. Defaults to the first three,
            or the first one in grey if the file has fewer.
        percentiles: Stretch of data that is not 8-bit. Defaults to (2, 98).

    Returns:
        ``(H, W, 3)`` uint8.
    """
    if path.endswith('.npy'):
        series = np.load(path, mmap_mode='r', allow_pickle=False)
        frame = series[len(series) // 2]
        chosen = [b - 1 for b in bands or (3, 2, 1)]
        return stretch(frame[chosen].transpose(1, 2, 0), percentiles)
    with open_raster(path) as src:
        if bands is None:
            bands = [1, 2, 3] if src.count >= 3 else [1]
        img = src.read(resolve_bands(src, bands))  # (C, H, W)
        palette = src.colormap(1) if _has_palette(src) else None
    img = img.transpose(1, 2, 0)
    if palette is not None:
        table = np.array([palette.get(i, (0, 0, 0, 0))[:3]
                          for i in range(256)], dtype=np.uint8)
        return table[img[..., 0]]
    if img.dtype != np.uint8:
        img = stretch(img, percentiles)
    return np.repeat(img, 3, axis=2) if img.shape[2] == 1 else img


def _has_palette(src) -> bool:
    return src.count == 1 and src.colorinterp[0].name == 'palette'


def colour_map(label: np.ndarray, palette: Sequence[Sequence[int]],
               ignore_index: int = 255) -> np.ndarray:
    """Colours of a label map.

    Args:
        label: ``(H, W)`` class ids.
        palette: RGB per class.
        ignore_index: Drawn grey. Defaults to 255.

    Returns:
        ``(H, W, 3)`` uint8.
    """
    table = np.full((256, 3), 96, dtype=np.uint8)
    table[:len(palette)] = palette
    table[ignore_index] = 96
    return table[label.astype(np.uint8)]


def change_colours(pred: np.ndarray, label: np.ndarray,
                   ignore_index: int = 255) -> np.ndarray:
    """Hits white, false alarms red, misses blue, ignored grey.

    Args:
        pred: ``(H, W)`` predicted change, 0 or 1.
        label: ``(H, W)`` true change.
        ignore_index: Defaults to 255.

    Returns:
        ``(H, W, 3)`` uint8.
    """
    out = np.zeros((*pred.shape, 3), dtype=np.uint8)
    out[(pred == 1) & (label == 1)] = (255, 255, 255)
    out[(pred == 1) & (label == 0)] = (230, 40, 40)
    out[(pred == 0) & (label == 1)] = (40, 110, 255)
    out[label == ignore_index] = 96
    return out


def fit(img: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a picture ``(H, W, 3)`` to the height and width of a label."""
    if img.shape[:2] == tuple(size):
        return img
    how = cv2.INTER_AREA if size[0] < img.shape[0] else cv2.INTER_NEAREST
    return cv2.resize(img, size[::-1], interpolation=how)


def blend(img: np.ndarray, colours: np.ndarray,
          alpha: float = 0.6) -> np.ndarray:
    """Lay colours over a picture, both ``(H, W, 3)`` uint8."""
    return (img * (1 - alpha) + colours * alpha).astype(np.uint8)


def side_by_side(panels: dict[str, np.ndarray],
                 legend: Optional[dict[str, Sequence[int]]] = None,
                 gap: int = 4,
                 min_width: int = 160) -> np.ndarray:
    """Panels in a row with their titles above and a legend below.

    Args:
        panels: Title to ``(H, W, 3)`` uint8 picture, all of one size.
        legend: Name to RGB. Defaults to None.
        gap: White columns between panels. Defaults to 4.
        min_width: Narrower panels are enlarged by a whole number, so that
            their titles fit. Defaults to 160.

    Returns:
        ``(H', W', 3)`` uint8.
    """
    columns = []
    for title, panel in panels.items():
        factor = -(-min_width // panel.shape[1])
        panel = panel.repeat(factor, axis=0).repeat(factor, axis=1)
        bar = np.full((_BAR, panel.shape[1], 3), 255, dtype=np.uint8)
        _write(bar, title, 4)
        column = np.concatenate((bar, panel))
        if columns:
            columns.append(np.full((len(column), gap, 3), 255, np.uint8))
        columns.append(column)
    row = np.concatenate(columns, axis=1)
    if not legend:
        return row
    return np.concatenate((row, _legend(legend, row.shape[1])))


def _legend(legend: dict[str, Sequence[int]], width: int) -> np.ndarray:
    """Coloured squares with names, wrapped to the width."""
    lines, x = [np.full((_BAR, width, 3), 255, dtype=np.uint8)], 4
    for name, colour in legend.items():
        need = 24 + 8 * len(name)
        if x + need > width and x > 4:
            lines.append(np.full((_BAR, width, 3), 255, dtype=np.uint8))
            x = 4
        cv2.rectangle(lines[-1], (x, 5), (x + 12, 17), tuple(map(int, colour)),
                      -1)
        cv2.rectangle(lines[-1], (x, 5), (x + 12, 17), (0, 0, 0), 1)
        _write(lines[-1], name, x + 17)
        x += need
    return np.concatenate(lines)


def _write(bar: np.ndarray, text: str, x: int) -> None:
    cv2.putText(bar, text, (x, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0),
                1, cv2.LINE_AA)
