# Copyright (c) mmeo contributors. All rights reserved.
"""A regional 10 m scene with surface water, in the form of Sen1Floods11."""

import numpy as np

from mmeo.datasets.synthetic.multispectral import speckled
from mmeo.datasets.synthetic.texture import SIDE, bank, window

# Top-of-atmosphere reflectance of B1 ... B8, B8A, B9, B10, B11, B12.
_SPECTRA = np.float32([
    # water, forest, grass, crop, bare, town, cloud
    [.130, .105, .085, .060, .048, .040, .036, .032, .028, .010, .001, .015,
     .010],
    [.125, .095, .080, .050, .085, .190, .230, .240, .260, .080, .001, .140,
     .065],
    [.128, .105, .105, .075, .130, .250, .300, .310, .330, .100, .001, .230,
     .130],
    [.128, .104, .100, .070, .125, .300, .370, .390, .410, .120, .001, .210,
     .110],
    [.140, .130, .145, .170, .200, .225, .245, .255, .270, .090, .001, .330,
     .270],
    [.150, .145, .150, .160, .175, .190, .205, .215, .220, .080, .001, .230,
     .200],
    [.400, .420, .410, .420, .430, .440, .450, .450, .455, .250, .020, .300,
     .220]])
_MUDDY = np.float32([.010, .020, .040, .055, .045, .020, .015, .012, .010, 0,
                     0, 0, 0])
# VV and VH in dB, same order without cloud.
_RADAR = np.float32([[-21.0, -29.0], [-8.8, -14.0], [-12.0, -18.5],
                     [-10.8, -17.0], [-13.5, -21.5], [-4.5, -12.5]])


def render_regional(rng: np.random.Generator, size: int
                    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a landscape with a river, lakes and flooded lowland.

    Args:
        rng (Generator): Random source.
        size (int): Side in 10 m pixels.

    Returns:
        tuple: S1 ``(2, size, size)`` float32 dB with nan where there is no
        data, S2 ``(13, size, size)`` int16 with 0 where there is none, label
        ``(size, size)`` int16 with -1 no data or cloud, 0 dry, 1 water.
    """
    textures = bank()

    def noise(name: str, zoom: int = 1) -> np.ndarray:
        at = rng.integers(0, SIDE, 2)
        return window(textures[name], size * zoom, *at)[::zoom, ::zoom]

    relief = noise('coarse') + .12 * noise('medium')
    depth = _river(rng, size, noise('coarse'))
    water = depth > 0
    water |= relief < rng.uniform(-1.9, -.5)
    cover = _land_cover(rng, relief, noise('coarse'), noise('medium', 2),
                        size)
    cover[water] = 0
    grain = 1 + .05 * noise('fine') + .06 * noise('medium')
    mud = rng.uniform(0, 1) * (1 + .3 * noise('coarse'))
    spectra = _SPECTRA[cover]  # (H, W, 13)
    spectra = spectra + np.where(water, mud, 0)[..., None] * _MUDDY
    spectra = spectra * np.where(water, 1, grain)[..., None]
    veil = np.clip(noise('coarse') - rng.uniform(1.2, 3.5), 0, 1)[..., None]
    spectra = np.float32(spectra * (1 - veil) + _SPECTRA[6] * veil)
    spectra += .003 * rng.standard_normal(spectra.shape, np.float32)
    s2 = np.clip(spectra * 10000, 1, 16000).astype(np.int16)
    wind = np.where(water, rng.uniform(-2, 3), 0)
    level = _RADAR[cover] + (wind + 6 * (grain - 1))[..., None]
    s1 = speckled(10**(level / 10), rng)
    label = water.astype(np.int16)
    label[veil[..., 0] > .15] = -1
    if rng.random() < .3:  # the edge of a swath
        x, y = np.meshgrid(np.arange(size), np.arange(size))
        turn = rng.uniform(0, 2 * np.pi)
        beyond = (x - size / 2) * np.cos(turn) + \
            (y - size / 2) * np.sin(turn) > size * rng.uniform(.38, .5)
        s1[beyond], s2[beyond], label[beyond] = np.nan, 0, -1
    return (np.ascontiguousarray(s1.transpose(2, 0, 1)),
            np.ascontiguousarray(s2.transpose(2, 0, 1)), label)


def _river(rng: np.random.Generator, size: int, warp: np.ndarray
           ) -> np.ndarray:
    """Positive inside a meandering river."""
    x, y = np.meshgrid(np.arange(size, dtype=np.float32),
                       np.arange(size, dtype=np.float32))
    if rng.random() < .5:
        x, y = y, x
    length = rng.uniform(.35, .8) * size
    middle = size * rng.uniform(.25, .75) + size * .12 * np.sin(
        2 * np.pi * x / length + rng.uniform(0, 6.28)) + 3 * warp
    return rng.uniform(.012, .05) * size - np.abs(y - middle)


def _land_cover(rng: np.random.Generator, relief: np.ndarray,
                patch: np.ndarray, rough: np.ndarray, size: int
                ) -> np.ndarray:
    """Land cover numbers 1 to 5: fields in the low, forest on the heights."""
    step = int(rng.integers(7, 13))
    rows = -(-size // step) + 1
    fields = rng.choice([2, 3, 3, 3, 4], (rows, rows))
    shift = rng.integers(0, step, 2)
    index = (np.arange(size)[:, None] + shift[0]) // step, \
        (np.arange(size)[None] + shift[1]) // step
    cover = fields[np.minimum(index[0], rows - 1),
                   np.minimum(index[1], rows - 1)]
    cover[relief + .3 * rough > .8] = 1
    cover[patch > 1.5] = 5
    return cover
