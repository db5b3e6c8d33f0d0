# Copyright (c) mmeo contributors. All rights reserved.
"""AIR-PolSAR-Seg: four polarisations into one raster in decibel, ids."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np

from mmeo.datasets.seg_sensors import AIRPolSARSegDataset
from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import DataError, MissingDataError
from mmeo.geo import open_raster

from .colours import colours_to_ids, write_png
from .official import find_unique, require_names
from .rasters import BandStatistics, write_tif

PathLike = Union[str, Path]
POLARISATIONS = ('HH', 'HV', 'VH', 'VV')
#: Folder of the download to that of the result.
SPLITS = dict(train='train_set', test='test_set')
IGNORED = 255
#: Black is unlabelled; it comes last here, and is written as 255.
PALETTE = [*AIRPolSARSegDataset.METAINFO['palette'], [0, 0, 0]]


def convert(source: PathLike, out: PathLike,
            splits: Sequence[str] = tuple(SPLITS)) -> dict[str, object]:
    """Stack ``NAME_{HH,HV,VH,VV}.tiff`` and turn colours into ids.

    Amplitudes become decibel, ``20 log10(a)``: speckle multiplies them, and
    their distribution has a long tail (our choice). Where all four are 0
    there is no data, which is written as NaN. Other values below 1 become
    0 dB and are counted.

    Args:
        source: Folder with ``train_set`` and ``test_set``.
        out: Target: ``img_dir/SPLIT/NAME.tif`` and ``ann_dir/SPLIT/NAME.png``.
        splits: Those to convert.

    Returns:
        Images per split, values below 1 if there are some, and
        ``statistics`` of the images to train with as a line of config.

    Raises:
        MissingDataError: If a polarisation or a label is absent.
        DataError: If sizes differ, a label has a colour of no class, or
            pixels are no amplitudes in digital numbers.
    """
    counts: dict[str, object] = {}
    dark = 0
    statistics = BandStatistics()
    for split in splits:
        folder = Path(source) / SPLITS[split]
        labels = find_unique(folder, ('_gt.png', ))
        if not labels:
            raise MissingDataError(
                f'no label (NAME_gt.png) in {folder}. Unpack AIR-PolSAR-Seg '
                'so that train_set/ and test_set/ hold NAME_HH.tiff, ..., '
                'NAME_gt.png.')
        bands = {}
        for name in POLARISATIONS:
            bands[name] = find_unique(folder,
                                      (f'_{name}.tiff', f'_{name}.tif'))
            require_names(labels, bands[name], folder, f'{name} images')
        for stem, label in labels.items():
            pixels, below = read_decibel(
                [bands[p][stem] for p in POLARISATIONS])
            dark += below
            write_tif(Path(out) / 'img_dir' / split / f'{stem}.tif', pixels,
                      POLARISATIONS, nodata=float('nan'))
            _write_label(label, pixels.shape[:2],
                         Path(out) / 'ann_dir' / split / f'{stem}.png')
            if split == 'train':
                statistics.add(pixels)
        counts[f'{split} images'] = len(labels)
    if dark:
        counts['values below 1, taken as 0 dB'] = dark
    if 'train' in splits:
        counts['statistics'] = statistics.config()
    return counts


def read_decibel(paths: Sequence[Path]) -> tuple[np.ndarray, int]:
    """Amplitude images of one size to ``(H, W, len(paths))`` float32, dB.

    Returns:
        The image, and how many of its values were raised to 1, or 0 dB.

    Raises:
        DataError: If they differ in size, or most values are below 1: the
            amplitudes are digital numbers of some hundred.
    """
    bands = []
    for path in paths:
        with open_raster(path) as src:
            bands.append(src.read(1).astype(np.float32))
    if len({band.shape for band in bands}) != 1:
        raise DataError(f'{[str(p) for p in paths]} differ in size: '
                        f'{[band.shape for band in bands]}.')
    amplitude = np.stack(bands, axis=-1)
    empty = (amplitude == 0).all(-1)
    below = int((amplitude[~empty] < 1).sum())
    if 2 * below > amplitude[~empty].size:
        raise DataError(
            f'{below} of {amplitude[~empty].size} values of {paths[0].name} '
            f'and its {len(paths) - 1} neighbours in {paths[0].parent} are '
            'below 1. Amplitudes of AIR-PolSAR-Seg are digital numbers of '
            'some hundred: take the original files, neither scaled nor in '
            'decibel.')
    decibel = 20 * np.log10(amplitude.clip(min=1))
    decibel[empty] = np.nan
    return decibel, below


def _write_label(path: Path, shape: tuple[int, int], target: Path) -> None:
    colours = np.asarray(read_picture(str(path)).convert('RGB'))
    if colours.shape[:2] != shape:
        raise DataError(f'{path} has {colours.shape[:2]} pixels, its images '
                        f'have {shape}.')
    ids = colours_to_ids(colours, PALETTE, path)
    ids[ids == len(PALETTE) - 1] = IGNORED
    write_png(target, ids)
