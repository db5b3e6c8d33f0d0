# Copyright (c) mmeo contributors. All rights reserved.
"""Mean, deviation and percentiles of bands, from one pass over pixels."""

from typing import Optional

import numpy as np

QUANTILES = (1, 25, 50, 75, 99)


class BandMeter:
    """Running statistics of ``C`` bands over pixels that hold data.

    Mean and deviation are exact (in float64, merged after Chan et al.);
    percentiles come from at most ``keep`` pixels of each image.

    Args:
        bands (int): Number of bands.
        keep (int): Defaults to 2000.
    """

    def __init__(self, bands: int, keep: int = 2000) -> None:
        self.count = 0
        self.pixels = 0
        self.keep = keep
        self.mean = np.zeros(bands)
        self.squares = np.zeros(bands)
        self.low = np.full(bands, np.inf)
        self.high = np.full(bands, -np.inf)
        self.kept: list[np.ndarray] = []

    def add(self, pixels: np.ndarray, total: int,
            rng: np.random.Generator) -> None:
        """Take in pixels of one image.

        Args:
            pixels (ndarray): ``(N, C)``, those that hold data.
            total (int): Number of pixels with those that hold none.
            rng (Generator): Chooses the pixels that are kept.
        """
        self.pixels += total
        if not len(pixels):
            return
        values = pixels.astype(np.float64)
        other = BandMeter(values.shape[1])
        other.count = len(values)
        other.mean = values.mean(0)
        other.squares = ((values - other.mean)**2).sum(0)
        other.low, other.high = values.min(0), values.max(0)
        chosen = values if len(values) <= self.keep else values[
            rng.choice(len(values), self.keep, replace=False)]
        other.kept = [chosen.astype(np.float32)]
        self.merge(other)

    def merge(self, other: 'BandMeter') -> None:
        """Take in the pixels of another meter."""
        self.pixels += other.pixels
        count = self.count + other.count
        if not count:
            return
        delta = other.mean - self.mean
        self.mean = self.mean + delta * other.count / count
        self.squares = self.squares + other.squares + \
            delta**2 * self.count * other.count / count
        self.count = count
        self.low = np.minimum(self.low, other.low)
        self.high = np.maximum(self.high, other.high)
        self.kept += other.kept

    @property
    def std(self) -> np.ndarray:
        """``(C,)``, of the population."""
        return np.sqrt(self.squares / max(self.count, 1))

    @property
    def missing(self) -> float:
        """Share of pixels without data."""
        return 1 - self.count / self.pixels if self.pixels else 0.0

    def percentiles(self) -> Optional[np.ndarray]:
        """``(5, C)`` at :data:`QUANTILES`; None without pixels."""
        if not self.kept:
            return None
        return np.percentile(np.concatenate(self.kept), QUANTILES, axis=0)
