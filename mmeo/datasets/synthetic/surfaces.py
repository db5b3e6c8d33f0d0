# Copyright (c) mmeo contributors. All rights reserved.
"""Surfaces: what a painted outline is made of, through the year.

A surface mixes a mineral base (an RGB albedo and a material that tells how it
goes on into the infrared) with vegetation whose cover follows the season.
Optical colours, Sentinel-2 spectra and radar backscatter all derive from this
one description, which is what keeps the modalities consistent.

The spectra and season curves are our choice, by eye of published libraries'
typical values; they are plausible, not measured.
"""

from array import array
from typing import NamedTuple

import numpy as np

BANDS = ('B2', 'B3', 'B4', 'B5', 'B6', 'B7', 'B8', 'B8A', 'B11', 'B12')

# Reflectance of B5 ... B12 relative to red.
MATERIALS = {
    'soil': (1.06, 1.12, 1.18, 1.24, 1.28, 1.55, 1.40),
    'asphalt': (1.02, 1.04, 1.06, 1.08, 1.09, 1.20, 1.15),
    'concrete': (1.03, 1.05, 1.07, 1.09, 1.10, 1.12, 1.00),
    'tile': (1.10, 1.16, 1.20, 1.25, 1.28, 1.50, 1.35),
    'metal': (1.00, 0.98, 0.97, 0.96, 0.95, 0.85, 0.75),
    'synthetic': (1.30, 1.60, 1.80, 1.90, 1.95, 1.60, 1.30),
    'water': (0.75, 0.45, 0.40, 0.33, 0.28, 0.10, 0.07),
}
MATERIAL_IDS = {name: index for index, name in enumerate(MATERIALS)}
_MATERIALS = np.array(list(MATERIALS.values()), np.float32)


class Plant(NamedTuple):
    """Spectrum at full cover and the season of the cover.

    Args:
        spectrum (tuple[float]): Reflectance in the ten bands.
        low (float): Cover in winter.
        high (float): Cover in summer.
        start, end (float): Day of year of green-up and of senescence or
            harvest.
        speed (float): Days that either takes.
    """

    spectrum: tuple[float, ...]
    low: float
    high: float
    start: float
    end: float
    speed: float


_LEAF = (.035, .075, .035, .125, .32, .40, .43, .45, .20, .10)
_PALE = (.045, .100, .055, .150, .30, .36, .39, .41, .25, .14)
_DARK = (.022, .042, .022, .070, .18, .22, .24, .25, .11, .05)
_GOLD = (.050, .150, .150, .200, .33, .39, .42, .44, .24, .13)
PLANTS = {
    'none': Plant(_LEAF, 0.0, 0.0, 100, 280, 10),
    'lawn': Plant(_PALE, 0.65, 0.95, 85, 310, 15),
    'meadow': Plant(_PALE, 0.50, 0.90, 100, 290, 18),
    'shrub': Plant(_DARK, 0.45, 0.75, 105, 300, 20),
    'broadleaf': Plant(_LEAF, 0.45, 0.97, 110, 300, 12),
    'conifer': Plant(_DARK, 0.92, 0.97, 100, 300, 20),
    'wheat': Plant(_LEAF, 0.30, 0.95, 75, 190, 12),
    'maize': Plant(_LEAF, 0.03, 0.95, 160, 270, 10),
    'rapeseed': Plant(_GOLD, 0.40, 0.95, 80, 185, 12),
    'sugar beet': Plant(_PALE, 0.03, 0.95, 135, 295, 12),
    'fallow': Plant(_PALE, 0.08, 0.22, 110, 280, 20),
    'orchard': Plant(_LEAF, 0.35, 0.80, 105, 300, 14),
    'vineyard': Plant(_LEAF, 0.12, 0.60, 125, 285, 14),
}
PLANT_IDS = {name: index for index, name in enumerate(PLANTS)}
_SPECTRA = np.array([p.spectrum for p in PLANTS.values()], np.float32)
_SEASON = np.array([p[1:] for p in PLANTS.values()], np.float32)

# Texture layers, see mmeo.datasets.synthetic.texture.
LAYERS = ('fine', 'medium', 'coarse', 'canopy', 'ripple')
#: Columns of a surface row.
COLUMNS = ('leaf', 'red', 'green', 'blue', 'material', 'plant', 'vigour',
           'shift', 'tint', *LAYERS, 'row_amp', 'row_x', 'row_y', 'height',
           'crown')
COLUMN = {name: index for index, name in enumerate(COLUMNS)}


class SurfaceTable:
    """The surfaces of one scene as an array, one row each.

    Args:
        rows (array): Floats in the order of :data:`COLUMNS`, row after row.
    """

    def __init__(self, rows: array) -> None:
        table = np.frombuffer(rows, np.float32).reshape(-1, len(COLUMNS))
        self.array = np.ascontiguousarray(table.T)  # (columns, S)

    def __len__(self) -> int:
        return self.array.shape[1]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.array[COLUMN[name]]

    def cover(self, day: float) -> np.ndarray:
        """Vegetation cover on a day of year, 0 to 1: ``(S,)``."""
        low, high, start, end, speed = \
            _SEASON[self['plant'].astype(np.intp)].T
        day = day - self['shift']
        green = 1 / (1 + np.exp((start - day) / speed))
        green -= 1 / (1 + np.exp((end - day) / speed))
        return (low + (high - low) * np.clip(green, 0, 1)) * self['vigour']

    def reflectance(self, day: float) -> np.ndarray:
        """Ten-band reflectance on a day of year: ``(S, 10)``."""
        base = np.empty((len(self), 10), np.float32)
        red = self['red']
        base[:, 0], base[:, 1], base[:, 2] = self['blue'], self['green'], red
        ratios = _MATERIALS[self['material'].astype(np.intp)]
        base[:, 3:] = np.minimum(red[:, None] * ratios, 0.85)
        plants = _SPECTRA[self['plant'].astype(np.intp)].copy()
        # A tint makes one meadow yellower than the next.
        tint = self['tint'][:, None]
        plants[:, :3] *= 1 + tint * np.float32([-0.25, 0.10, 0.45])
        cover = self.cover(day)[:, None]
        return base * (1 - cover) + plants * cover
