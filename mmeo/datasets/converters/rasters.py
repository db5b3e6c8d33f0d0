# Copyright (c) mmeo contributors. All rights reserved.
"""Multi-band pictures without georeference, and their statistics."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
from rasterio.errors import NotGeoreferencedWarning

from .band_stack import write_stack


def write_tif(path: Union[str, Path], pixels: np.ndarray,
              names: Sequence[str],
              nodata: Optional[float] = None) -> None:
    """Write ``(H, W, C)`` as a compressed TIFF without georeference.

    Args:
        path: File to write.
        pixels: Any type that TIFF holds.
        names: Of the bands, so that ``LoadRaster`` can choose by name.
        nodata: Value of pixels without data. Defaults to None.
    """
    grid = {} if nodata is None else dict(nodata=nodata)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        write_stack(path, pixels.transpose(2, 0, 1), grid, names)


class BandStatistics:
    """Mean and standard deviation of bands, over any number of arrays.

    Sums are kept in float64, in the unit of the arrays.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum: Union[float, np.ndarray] = 0.0
        self._squares: Union[float, np.ndarray] = 0.0

    def add(self, pixels: np.ndarray) -> None:
        """Add ``(..., C)``; a pixel with a NaN in any band is left out."""
        flat = pixels.reshape(-1, pixels.shape[-1]).astype(np.float64)
        flat = flat[np.isfinite(flat).all(1)]
        self.count += len(flat)
        self._sum = self._sum + flat.sum(0)
        self._squares = self._squares + (flat**2).sum(0)

    @property
    def mean(self) -> np.ndarray:
        """``(C, )``."""
        return np.asarray(self._sum) / self.count

    @property
    def std(self) -> np.ndarray:
        """``(C, )``, of the whole population."""
        variance = np.asarray(self._squares) / self.count - self.mean**2
        return np.sqrt(variance.clip(min=0))

    def config(self) -> str:
        """The block to put into a config."""
        values = [', '.join(f'{v:.4g}' for v in row)
                  for row in (self.mean, self.std)]
        return (f"dict(type='NormalizeBands', mean=[{values[0]}], "
                f'std=[{values[1]}])')
