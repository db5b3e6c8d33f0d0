# Copyright (c) mmeo contributors. All rights reserved.
"""Five-Billion-Pixels: 150 scenes of Gaofen-2 into tiles."""

from pathlib import Path
from typing import Union

from mmeo.errors import DataError, MissingDataError

from .colours import write_png
from .official import find_unique, require_names, some
from .rasters import BandStatistics, write_tif
from .tiles import iter_aligned_tiles

PathLike = Union[str, Path]
#: The two forms of the images: folder and order of bands.
FORMS = {
    '8bit': ('Image__8bit_NirRGB', ('NIR', 'R', 'G', 'B')),
    '16bit': ('Image_16bit_BGRNir', ('B', 'G', 'R', 'NIR')),
}
LABEL_FOLDER, LABEL_SUFFIX = 'Annotation__index', '_24label.png'
BANDS = ('R', 'G', 'B', 'NIR')
NUM_SCENES, NUM_CLASSES = 150, 24
#: Test images of the baseline in the data set's read-me (its article's
#: table 4); the other 120 train.
TEST = tuple(
    f'GF2_PMS{sensor}__L1A000{number}-MSS{sensor}' for sensor, numbers in (
        (1, '1064454 1118839 1344822 1348919 1366278 1366284 1395956 1432972 '
            '1670888 1680857 1680858 1757429 1765574'),
        (2, '0607677 0607681 0718813 1038935 1038936 1119060 1367840 1378491 '
            '1378501 1396036 1396037 1416129 1471436 1517494 1591676 1787564 '
            '1821754')) for number in numbers.split())


def convert(source: PathLike, out: PathLike, form: str = '8bit',
            size: int = 512, overlap: int = 0) -> dict[str, object]:
    """Cut the official scenes into ``img_dir`` and ``ann_dir``.

    Args:
        source: Folder of the images' folder and of ``Annotation__index``.
        out: Target: four-band TIFFs R, G, B, NIR, and PNGs of ids, 0
            unlabelled, 1 to 24 the classes.
        form: ``'8bit'``, which the article used, or ``'16bit'``.
        size: Side of a tile in pixels.
        overlap: Pixels that tiles share. The last of a side end at the border
            and so share more.

    Returns:
        Counts per split, and ``statistics``, the training tiles' mean and
        standard deviation as a line of config.

    Raises:
        MissingDataError: If not all 150 scenes and labels are there.
        DataError: If sizes, bands or ids do not fit.
    """
    folder, order = FORMS[form]
    images = find_unique(Path(source) / folder, ('.tiff', '.tif'))
    labels = find_unique(Path(source) / LABEL_FOLDER, (LABEL_SUFFIX, ))
    require_names(TEST, images, Path(source) / folder, 'test scenes')
    require_names(images, labels, Path(source) / LABEL_FOLDER, 'labels')
    if len(images) != NUM_SCENES:
        raise MissingDataError(
            f'{Path(source) / folder} holds {len(images)} scenes; there are '
            f'{NUM_SCENES}. Found: {some(images)}. Unpack all archives there.')
    statistics = BandStatistics()
    counts: dict[str, object] = {}
    for name, image in images.items():
        split = 'test' if name in TEST else 'train'
        tiles = _cut(image, labels[name], Path(out), split, order, size,
                     overlap, statistics)
        for key, number in (('scenes', 1), ('tiles', tiles)):
            counts[f'{split} {key}'] = counts.get(f'{split} {key}', 0) + number
    counts['statistics'] = statistics.config()
    return counts


def _cut(image: Path, label: Path, out: Path, split: str,
         order: tuple[str, ...], size: int, overlap: int,
         statistics: BandStatistics) -> int:
    tiles = 0
    for tile, (pixels, ids) in iter_aligned_tiles([image, label], size,
                                                  overlap):
        if pixels.shape[2] != len(BANDS) or ids.shape[2] != 1:
            raise DataError(f'{image} has {pixels.shape[2]} bands and {label} '
                            f'{ids.shape[2]}; expected are 4 and 1.')
        if ids.max() > NUM_CLASSES:
            raise DataError(f'{label} holds the id {ids.max()} in the tile at '
                            f'row {tile.row}, column {tile.col}; they go from '
                            f'0 to {NUM_CLASSES}.')
        pixels = pixels[..., [order.index(band) for band in BANDS]]
        if split == 'train':
            statistics.add(pixels)
        name = tile.name(image.stem)
        write_tif(out / 'img_dir' / split / f'{name}.tif', pixels, BANDS)
        write_png(out / 'ann_dir' / split / f'{name}.png', ids[..., 0])
        tiles += 1
    return tiles
