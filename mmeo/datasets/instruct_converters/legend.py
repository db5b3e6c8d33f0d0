# Copyright (c) mmeo contributors. All rights reserved.
"""What the values or colours of a label image mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

from mmeo.datasets.instruct_converters.files import read_json
from mmeo.datasets.instruct_converters.items import Unusable
from mmeo.errors import ConfigError, MissingDataError

LEGENDS = Path(__file__).with_name('legends')
_BACKGROUND = 0
IGNORED = -1


@dataclass(frozen=True)
class Entry:
    """One class of a legend.

    Attributes:
        name (str): As it is to be learnt.
        keys (tuple): Label values, or (red, green, blue) colours.
        ask (bool): Whether questions may be about it. The rest counts as
            area only.
        countable (bool): Whether connected regions are things one counts.
    """

    name: str
    keys: tuple
    ask: bool = True
    countable: bool = False


class Legend:
    """Translates label images to indices of its classes.

    Args:
        entries (Sequence[Entry]): Classes.
        ignore (Sequence): Values or colours that count as no data.
        threshold (int, optional): Binarise each channel of a colour label
            here first (compressed labels are not exact).
    """

    def __init__(self, entries: Sequence[Entry], ignore: Sequence = (),
                 threshold: int = 0) -> None:
        self.entries = list(entries)
        self.threshold = threshold
        self.colours = any(isinstance(key, tuple) for entry in entries
                           for key in entry.keys)
        self._index = {self._code(key): index
                       for index, entry in enumerate(entries)
                       for key in entry.keys}
        self._index.update({self._code(key): IGNORED for key in ignore})

    def _code(self, key: object) -> int:
        if self.colours != isinstance(key, tuple):
            raise ConfigError('a legend has either `value` or `color` in all '
                              f'classes; {key} is the other kind')
        if not isinstance(key, tuple):
            return int(key)
        red, green, blue = key
        return (red << 16) + (green << 8) + blue

    def read(self, path: Path) -> np.ndarray:
        """Class index of each pixel.

        Args:
            path (Path): Label image.

        Returns:
            np.ndarray: ``(H, W)`` int; -1 is ignored.

        Raises:
            Unusable: If the file is absent, unreadable, or holds a value
                that the legend does not know.
        """
        return self.indices(read_label(path, 'RGB' if self.colours else None))

    def indices(self, pixels: np.ndarray) -> np.ndarray:
        """Class index of each pixel of an array.

        Args:
            pixels (np.ndarray): ``(H, W)`` or ``(H, W, bands)``, of which a
                legend of values takes the first band.

        Returns:
            np.ndarray: ``(H, W)`` int; -1 is ignored.

        Raises:
            Unusable: If it holds a value that the legend does not know, or
                has no colours.
        """
        codes = self._codes(pixels)
        known = np.array(sorted(self._index), np.int64)
        places = np.searchsorted(known, codes).clip(max=len(known) - 1)
        wrong = known[places] != codes
        if wrong.any():
            unknown = int(codes[wrong].min())
            shown = f'#{unknown:06x}' if self.colours else unknown
            raise Unusable(f'label value {shown} is not in the legend')
        lookup = np.array([self._index[int(v)] for v in known])
        return lookup[places]

    def _codes(self, pixels: np.ndarray) -> np.ndarray:
        if not self.colours:
            return pixels if pixels.ndim == 2 else pixels[..., 0]
        if pixels.ndim != 3 or pixels.shape[2] < 3:
            raise Unusable('label has no colours, but the legend has')
        if self.threshold:
            pixels = (pixels >= self.threshold) * 255
        pixels = pixels.astype(np.int64)
        return (pixels[..., 0] << 16) + (pixels[..., 1] << 8) + pixels[..., 2]


def read_label(path: Path, mode: str | None = None) -> np.ndarray:
    """Pixels of a label image: indices of a palette stay indices."""
    if not path.is_file():
        raise Unusable('label missing', str(path))
    try:
        if path.suffix.lower() in ('.tif', '.tiff') and mode is None:
            with rasterio.open(path) as raster:
                return raster.read(1)
        with Image.open(path) as picture:
            return np.asarray(picture.convert(mode) if mode else picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError,
            rasterio.errors.RasterioError):
        raise Unusable('label cannot be read') from None


def load_legend(name: str) -> Legend:
    """A legend file, or one that comes with mmeo.

    Args:
        name (str): Path of a JSON file, or a name such as 'loveda'.

    Raises:
        MissingDataError: If there is no such legend.
        ConfigError: If a field is missing.
    """
    known = sorted(path.stem for path in LEGENDS.glob('*.json'))
    path = LEGENDS / f'{name}.json' if name in known else Path(name)
    if not path.is_file():
        raise MissingDataError(f'no legend {name}: give a JSON file or one of '
                               f'{", ".join(known)}')
    content = read_json(path)
    try:
        entries = [Entry(c['name'], _keys(c), c.get('ask', True),
                         c.get('countable', False))
                   for c in content['classes']]
    except (KeyError, TypeError):
        raise ConfigError(
            f'{path}: `classes` must be a list of objects with `name` and '
            '`value` (number or list of numbers) or `color` ([r, g, b])'
        ) from None
    ignore = [tuple(k) if isinstance(k, list) else k
              for k in content.get('ignore', ())]
    return Legend(entries, ignore, content.get('threshold', 0))


def _keys(entry: dict) -> tuple:
    if 'color' in entry:
        return (tuple(entry['color']), )
    value = entry['value']
    return tuple(value) if isinstance(value, list) else (value, )


def changed_or_not(name: str) -> Legend:
    """0 is unchanged; every other 8-bit value is changed."""
    return Legend([Entry('unchanged', (_BACKGROUND, ), ask=False),
                   Entry(name, tuple(range(1, 256)), countable=True)])
