# Copyright (c) mmeo contributors. All rights reserved.
"""Options for images of several sensors, without a heavy import."""

import glob
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

RASTERS = ('.tif', '.tiff', '.jp2', '.img', '.png', '.jpg')


def add_series_arguments(parser: ArgumentParser) -> None:
    """Options of folders with images of several sensors."""
    group = parser.add_argument_group(
        'images of several sensors',
        'TARGET is a folder of places (triplets), a config of '
        'MultiModalSeriesDataset, or with --norm-report also a raster, a '
        'folder of rasters or a quoted glob')
    group.add_argument('--norm-report', action='store_true',
                       help='measure every band and print the config block '
                       'of NormalizeBands')
    group.add_argument('--modality', metavar='NAME',
                       help='sensor of rasters that are not triplets: hr, s2, '
                       's1, planet; of triplets: measure this one alone')
    group.add_argument('--bands', nargs='+', metavar='BAND',
                       help='numbers or names of the bands of --modality')
    group.add_argument('--nodata', type=float,
                       help='value of pixels without data, of --modality')
    group.add_argument('--windows', type=int, default=4,
                       help='random windows read of each file, 0: all of it')
    group.add_argument('--window-size', type=int, default=256)
    group.add_argument('--seed', type=int, default=0)
    group.add_argument('--hr-ratio', type=int, default=32,
                       help='HR pixels along one of the other sensors')


def is_series_target(target: str) -> bool:
    """Whether a target holds images rather than instructions."""
    path = Path(target)
    return path.is_dir() or path.suffix.lower() in RASTERS or \
        glob.has_magic(target)


def is_series_config(cfg: Mapping, split: str) -> bool:
    """Whether a dataloader reads places seen by several sensors."""
    return dataset_section(cfg, split).get('type', '').split('.')[-1] == \
        'MultiModalSeriesDataset'


def dataset_section(cfg: Mapping, split: str) -> dict:
    """The dataset of a split's loader, wrappers opened."""
    section = (cfg.get(f'{split}_dataloader') or {}).get('dataset') or {}
    while 'dataset' in section:
        section = section['dataset']
    return section
