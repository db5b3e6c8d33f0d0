# Copyright (c) mmeo contributors. All rights reserved.
"""Render styles: another look of the same layouts, for domain shift.

A style decides what surfaces are made of, how green they are, and under which
conditions images are taken. It draws nothing at random, so that scene ``i``
has the same outlines in every style. All values are our choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmeo.errors import DataError

Colour = tuple[float, float, float]
Range = tuple[float, float]

# Roof colours overlap those of roads and soil on purpose.
_PITCHED = {
    'red': (.26, .10, .07), 'brown': (.19, .12, .09),
    'grey': (.15, .15, .16), 'orange': (.32, .17, .10),
    'black': (.07, .07, .075),
}
_FLAT = {
    'grey': (.20, .20, .20), 'white': (.52, .52, .50),
    'brown': (.22, .18, .14), 'black': (.085, .085, .09),
    'green': (.13, .17, .12), 'blue': (.12, .20, .36),
}


@dataclass(frozen=True)
class Style:
    """A look.

    Args:
        name (str): Its name.
        pitched, flat (dict[str, tuple]): Roof colours, word -> albedo; five
            and six of them, so that layouts stay the same.
        materials (dict[str, tuple]): Material -> factors of the albedo in
            red, green and blue. Defaults to none.
        vigour (float): Factor of all vegetation cover. Defaults to 1.
        tint (float): Added to the yellowness of plants. Defaults to 0.
        days (tuple): Range of the day of year of either optical image.
        elevation (tuple): Range of the sun's height, degrees.
        gain (float): Factor of the gain. Defaults to 1.
        haze (tuple): Range of the path radiance.
        haze_colour (tuple): Its factors in red, green and blue.
        contrast (float): Added to the bend of the tone curve. Defaults to 0.
        noise (float): Factor of the sensor noise. Defaults to 1.
        looks (float): Of the radar speckle. 4.4 is the equivalent number of
            looks of Sentinel-1 IW GRD.
        radar_offset (float): Calibration, dB. Defaults to 0.
        backscatter (dict[str, float]): Group, kind or leaf -> dB added to
            its bare backscatter. Defaults to none.
    """

    name: str
    pitched: Mapping[str, Colour] = field(default_factory=lambda: _PITCHED)
    flat: Mapping[str, Colour] = field(default_factory=lambda: _FLAT)
    materials: Mapping[str, Colour] = field(default_factory=dict)
    vigour: float = 1.0
    tint: float = 0.0
    days: tuple[tuple[int, int], tuple[int, int]] = ((120, 240), (90, 290))
    elevation: Range = (38, 60)
    gain: float = 1.0
    haze: Range = (0, .022)
    haze_colour: Colour = (.7, .9, 1.3)
    contrast: float = 0.0
    noise: float = 1.0
    looks: float = 4.4
    radar_offset: float = 0.0
    backscatter: Mapping[str, float] = field(default_factory=dict)


DEFAULT = Style('default')
ARID = Style(
    'arid',
    pitched={'red': (.36, .18, .12), 'beige': (.42, .34, .24),
             'grey': (.27, .26, .24), 'white': (.56, .54, .49),
             'brown': (.28, .20, .14)},
    flat={'grey': (.31, .30, .28), 'white': (.62, .60, .55),
          'beige': (.44, .36, .26), 'brown': (.33, .25, .18),
          'green': (.20, .27, .18), 'blue': (.20, .30, .42)},
    materials={'soil': (1.50, 1.28, 1.02), 'asphalt': (1.45, 1.32, 1.15),
               'concrete': (1.20, 1.10, .95), 'water': (1.0, 1.7, 1.6)},
    vigour=.66, tint=.35, days=((190, 275), (150, 290)),
    elevation=(52, 70), gain=.86, haze=(.008, .035),
    haze_colour=(1.25, 1.0, .75), contrast=-.08, noise=1.3, looks=3.0,
    radar_offset=-1.2,
    backscatter={'agriculture': -3.0, 'vegetation': -2.5,
                 'bare land': -2.5, 'street': -1.0})
WINTER = Style(
    'winter',
    pitched={'red': (.19, .08, .06), 'brown': (.14, .10, .08),
             'grey': (.20, .20, .21), 'orange': (.24, .13, .09),
             'black': (.05, .05, .055)},
    flat={'grey': (.15, .15, .155), 'white': (.44, .45, .46),
          'brown': (.16, .14, .12), 'black': (.06, .06, .065),
          'green': (.10, .14, .11), 'blue': (.09, .15, .28)},
    materials={'soil': (.62, .64, .68), 'asphalt': (.80, .82, .86),
               'concrete': (.85, .87, .90), 'water': (1.3, 1.2, 1.1)},
    vigour=.9, tint=.25, days=((320, 362), (300, 362)),
    elevation=(18, 30), gain=1.25, haze=(.006, .03),
    haze_colour=(.75, .95, 1.35), contrast=.05, noise=1.5, looks=4.4,
    radar_offset=.6,
    backscatter={'agriculture': 2.0, 'bare land': 1.5, 'water': 3.0})
STYLES = {style.name: style for style in (DEFAULT, ARID, WINTER)}


def get_style(name: str) -> Style:
    """A style by its name.

    Raises:
        DataError: If there is none of that name.
    """
    if name not in STYLES:
        raise DataError(f'style={name!r}: SynthEarth knows '
                        f'{", ".join(STYLES)}')
    return STYLES[name]


__all__ = ['ARID', 'DEFAULT', 'STYLES', 'WINTER', 'Style', 'get_style']
