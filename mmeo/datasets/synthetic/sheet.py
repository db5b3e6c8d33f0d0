# Copyright (c) mmeo contributors. All rights reserved.
"""A picture of what a SynthEarth holds, read back from its files."""

from pathlib import Path

import cv2
import numpy as np
import rasterio

from mmeo.datasets.synthetic.classes import DOTA_CLASSES, LEAVES
from mmeo.errors import MissingDataError

_TITLES = ('RGB', 'oriented boxes', 'semantics',
           'S2 false colour', 'S1 VV VH', 'later date', 'building change',
           'S2 regional', 'S1 regional', 'water label')
_PALETTE = np.array([(0, 0, 0)] + [leaf.colour for leaf in LEAVES], np.uint8)
_CLOSE_UP = ('optical close-up', 'radar close-up', 'its leaves')


def contact_sheet(root: str | Path, path: str | Path, num_scenes: int = 6,
                  cell: int = 256) -> Path:
    """Draw scenes in rows and their modalities in columns.

    Args:
        root (str or Path): A SynthEarth.
        path (str or Path): Picture to write, ``.png`` or ``.jpg``.
        num_scenes (int): Number of rows at most. Defaults to 6.
        cell (int): Side of a picture in pixels. Defaults to 256.

    Returns:
        Path: The picture.

    Raises:
        MissingDataError: If the folder holds no finished SynthEarth.
    """
    root, path = Path(root), Path(path)
    if not (root / 'manifest.json').is_file():
        raise MissingDataError(f'no finished SynthEarth in {root}; make one '
                               'with tools/dataset_converters/'
                               'make_synthearth.py')
    images = sorted(root.glob('*/dota/images/*.png'),
                    key=lambda p: p.name)[:num_scenes]
    bar, gap = 26, 4
    titles = list(_TITLES)
    if all((_split(image) / 'incontext').is_dir() for image in images):
        titles += _CLOSE_UP
    width = len(titles) * (cell + gap) + gap
    sheet = np.full((bar + len(images) * (cell + gap), width, 3), 255,
                    np.uint8)
    for column, title in enumerate(titles):
        cv2.putText(sheet, title, (gap + column * (cell + gap), 18),
                    cv2.FONT_HERSHEY_SIMPLEX, .5, (30, 30, 30), 1,
                    cv2.LINE_AA)
    for row, image in enumerate(images):
        for column, picture in enumerate(_pictures(image)):
            y, x = bar + row * (cell + gap), gap + column * (cell + gap)
            how = cv2.INTER_AREA if picture.shape[0] > cell \
                else cv2.INTER_NEAREST
            sheet[y:y + cell, x:x + cell] = cv2.resize(
                picture, (cell, cell), interpolation=how)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), sheet[..., ::-1],
                (cv2.IMWRITE_JPEG_QUALITY, 72))
    return path


def _split(image: Path) -> Path:
    """Folder of the split that an image is in."""
    return image.parents[2]


def _pictures(image: Path) -> list[np.ndarray]:
    """RGB pictures of one scene in the order of the titles."""
    split, stem = _split(image), image.stem
    rgb = cv2.imread(str(image))[..., ::-1]
    series = split / 'series' / stem
    # The frame with the least blue light is the one without clouds.
    s2 = min(map(_read, sorted(series.glob('s2_*.tif'))[1:-1]),
             key=lambda bands: bands[0].mean())
    s1 = _read(sorted(series.glob('s1_*.tif'))[-1])
    water = split / 'water'
    regional = _read(water / f'S2/Synth_{stem}_S2Hand.tif')
    radar = _read(water / f'S1/Synth_{stem}_S1Hand.tif')
    label = _read(water / f'Labels/Synth_{stem}_LabelHand.tif')[0]
    change = cv2.imread(str(split / f'change/label/{stem}.png'), 0)
    return [
        rgb, _boxes(rgb, split / f'dota/labelTxt/{stem}.txt'),
        _PALETTE[_read(series / 'semantics.tif')[0]],
        _stretch(s2[[6, 2, 1]], (0, 5000), (0, 3000), (0, 3000)),
        _radar(s1),
        cv2.imread(str(split / f'change/B/{stem}.png'))[..., ::-1],
        np.repeat(change[..., None], 3, -1),
        _stretch(regional[[7, 3, 2]], (0, 5000), (0, 3000), (0, 3000)),
        _radar(radar),
        np.uint8([(120, 120, 120), (235, 225, 200), (40, 90, 200)])[
            label + 1], *_close_up(split / 'incontext', stem)]


def _close_up(folder: Path, stem: str) -> list[np.ndarray]:
    """The three pictures of ``incontext``, none where it is absent."""
    if not folder.is_dir():
        return []
    return [_read(folder / f'optical/{stem}.tif').transpose(1, 2, 0),
            _radar(_read(folder / f'sar/{stem}.tif')),
            _PALETTE[_read(folder / f'labels/{stem}.tif')[0]]]


def _read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read()


def _stretch(bands: np.ndarray, *ranges: tuple[float, float]) -> np.ndarray:
    low, high = np.float32(ranges).T[:, :, None, None]
    scaled = np.clip((np.nan_to_num(bands, nan=-99) - low) / (high - low), 0,
                     1)
    return np.ascontiguousarray((scaled * 255).astype(np.uint8)
                                .transpose(1, 2, 0))


def _radar(bands: np.ndarray) -> np.ndarray:
    return _stretch(np.stack([bands[0], bands[1], bands[0] - bands[1]]),
                    (-22, 0), (-28, -6), (2, 14))


def _boxes(rgb: np.ndarray, labels: Path) -> np.ndarray:
    """Oriented boxes of a DOTA file, one hue a class."""
    picture = rgb.copy()
    for line in labels.read_text().splitlines()[2:]:
        words = line.split()
        hue = DOTA_CLASSES.index(words[8]) * 180 // len(DOTA_CLASSES)
        colour = cv2.cvtColor(np.uint8([[[hue, 255, 255]]]),
                              cv2.COLOR_HSV2RGB)[0, 0]
        corners = np.float32(words[:8]).reshape(4, 2).round()
        cv2.polylines(picture, [corners.astype(np.int32)], True,
                      colour.tolist(), max(1, len(rgb) // 200),
                      cv2.LINE_AA)
    return picture


__all__ = ['contact_sheet']
