# Copyright (c) mmeo contributors. All rights reserved.
"""Physical units of pixels: recognise a wrong one, convert a known one.

Thresholds and conversions are our choice; each unit says why.
"""

from collections.abc import Callable
from typing import NamedTuple, Optional

import numpy as np

from mmeo.errors import ConfigError, DataError

#: Unit -> what it is.
UNITS = {
    '8bit': 'colours from 0 to 255',
    'dn': 'digital numbers, reflectance x 10000',
    'db': 'backscatter in decibels',
    'share': 'colours from 0 to 1',
    'reflectance': 'reflectance from 0 to 1',
    'linear': 'backscatter power (sigma0 or gamma0)',
    'amplitude': 'backscatter amplitude, the root of the power',
}


class Range(NamedTuple):
    """Extremes of the pixels that hold data."""

    low: float
    high: float
    whole: bool  # only whole numbers


def _decibel(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    def convert(values: np.ndarray) -> np.ndarray:
        # Zero or less has no logarithm: such a pixel holds no data.
        power = np.where(values > 0, values, np.nan)
        return factor * np.log10(power)
    return convert


#: (unit of the data, unit of the statistics) -> conversion.
CONVERSIONS: dict[tuple[str, str], Callable[[np.ndarray], np.ndarray]] = {
    ('linear', 'db'): _decibel(10.0),
    ('amplitude', 'db'): _decibel(20.0),
    ('reflectance', 'dn'): lambda values: values * 10000,
    ('share', '8bit'): lambda values: values * 255,
}


def check_conversion(given: str, wanted: str) -> None:
    """Stop unless one unit can be turned into the other.

    Raises:
        ConfigError: If a unit is unknown, or has no way to the other.
    """
    for unit in (given, wanted):
        if unit not in UNITS:
            raise ConfigError(f'unknown unit {unit!r}; there are '
                              f'{", ".join(UNITS)}')
    if given != wanted and (given, wanted) not in CONVERSIONS:
        possible = [a for a, b in CONVERSIONS if b == wanted]
        raise ConfigError(
            f'{given!r} cannot be converted to {wanted!r}, the unit of the '
            f'statistics; possible: {", ".join([wanted, *possible])}')


def value_range(values: np.ndarray) -> Optional[Range]:
    """Extremes of finite values; None if there are none."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    whole = finite.dtype.kind in 'iu' or bool(
        (finite == np.round(finite)).all())
    return Range(float(finite.min()), float(finite.max()), whole)


def _not_colours(r: Range) -> Optional[str]:
    if r.high > 255.5:  # resizing leaves 255.00002
        return ('colours of more than 8 bits: give your own `mean` and `std` '
                '(`tools/check_dataset.py FOLDER --norm-report`)')
    if r.low < -0.5:
        return 'values that were normalised before: remove that step'
    # A black picture holds whole numbers.
    return "colours from 0 to 1: set `unit='share'`" \
        if r.high <= 1 and not r.whole else None


def _not_dn(r: Range) -> Optional[str]:
    # No scene is darker than a reflectance of 0.002 in all bands, and strong
    # echoes reach 50 dB beside negative values.
    if r.high > (20 if r.low >= 0 else 200) or (r.whole and r.low >= 0):
        # Reflectance below zero exists after atmospheric correction.
        return None if r.low > -3000 else 'no reflectance at all'
    if r.low >= -0.3 and r.high <= 2:
        return "reflectance from 0 to 1: set `unit='reflectance'`"
    return 'decibels, or values that were normalised before'


def _not_db(r: Range) -> Optional[str]:
    if r.low >= 0 and r.high > 100:
        return ('uncalibrated digital numbers: calibrate to sigma0 in dB '
                '(SNAP or your provider)')
    if r.low >= 0:
        # No scene is brighter than 0 dB in all bands and pixels.
        return ("power in linear units: set `unit='linear'` (or "
                "'amplitude'). If the image is empty, declare its no-data "
                'value')
    if r.low < -100 or r.high > 60:
        return 'no decibels at all: calibrate, or declare the no-data value'
    return None


def _not_linear(r: Range) -> Optional[str]:
    return "decibels: leave out `unit='linear'`" if r.low < 0 else None


def _not_share(r: Range) -> Optional[str]:
    return ("colours from 0 to 255: leave out `unit='share'`"
            if r.high > 2 or r.low < 0 else None)


def _not_reflectance(r: Range) -> Optional[str]:
    return ("digital numbers: leave out `unit='reflectance'`"
            if r.high > 20 else None)


_DOUBTS: dict[str, Callable[[Range], Optional[str]]] = {
    '8bit': _not_colours, 'dn': _not_dn, 'db': _not_db,
    'linear': _not_linear, 'amplitude': _not_linear, 'share': _not_share,
    'reflectance': _not_reflectance,
}


def check_unit(values: np.ndarray, unit: str, what: str) -> None:
    """Stop if the pixels cannot be in a unit.

    Args:
        values (ndarray): The pixels that hold data, all bands, any shape.
            NaN is left out.
        unit (str): A key of :data:`UNITS`.
        what (str): Name of the image, for the message.

    Raises:
        DataError: What was found and what to do.
    """
    found = value_range(values)
    doubt = found and _DOUBTS[unit](found)
    if doubt:
        raise DataError(
            f'{what}: expected {UNITS[unit]} (unit {unit!r}), found values '
            f'from {found.low:g} to {found.high:g}, which are {doubt}.')


def guess_unit(values: np.ndarray,
               expected: Optional[str]) -> Optional[str]:
    """The unit that values can be in.

    Args:
        values (ndarray): Pixels that hold data.
        expected (str, optional): Unit of the sensor's statistics, which is
            tried first, then those it can be converted from. Without one,
            the unit is guessed among all.

    Returns:
        str or None: None if nothing fits.
    """
    found = value_range(values)
    if found is None:
        return None
    if expected is not None:
        order = [expected, *(a for a, b in CONVERSIONS if b == expected)]
    elif found.low < 0:
        order = ['db', 'dn']
    elif found.whole:
        order = ['8bit', 'dn']
    else:
        order = ['reflectance', 'dn']
    # Uncalibrated numbers would pass as power.
    if expected == 'db' and found.low >= 0 and found.high > 100:
        return None
    return next((u for u in order if _DOUBTS[u](found) is None), None)
