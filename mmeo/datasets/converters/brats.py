# Copyright (c) mmeo contributors. All rights reserved.
"""BraTS 2021: four MRI sequences of a brain to three-channel slices."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmeo.errors import ConfigError, DataError, MissingDataError

from .report import Report
from .slices import (
    PathLike,
    SlicePolicy,
    run_cases,
    split_cases,
    write_case,
)
from .volumes import check_same_grid, read_mask, read_volume, scale_percentiles

MODALITIES = ('flair', 't1', 't1ce', 't2')
#: 1 necrotic core, 2 oedema, 4 enhancing tumour; there is no 3.
LABELS = (0, 1, 2, 4)


def list_cases(source: PathLike, channels: Sequence[str]) -> list[Path]:
    """Find the case folders and check that each is complete.

    Args:
        source: Folder with ``BraTS2021_00000`` and so on.
        channels: Modalities that are needed.

    Returns:
        Case folders, sorted.

    Raises:
        MissingDataError: If there is none, or a file is absent.
    """
    cases = sorted(path for path in Path(source).glob('BraTS2021_[0-9]*')
                   if path.is_dir())
    if not cases:
        raise MissingDataError(
            f'no folder BraTS2021_NNNNN in {source}. Give the folder where '
            'BraTS2021_Training_Data.tar was unpacked.')
    for case in cases:
        for kind in (*channels, 'seg'):
            path = _file(case, kind)
            if not path.is_file():
                raise MissingDataError(f'{path} is absent: unpack the '
                                       'training data again.')
    return cases


def _file(case: Path, kind: str) -> Path:
    return case / f'{case.name}_{kind}.nii.gz'


def _convert_case(job: tuple) -> Report:
    case, out, split, channels, policy = job
    mask = read_mask(_file(case, 'seg'), LABELS)
    planes = []
    for kind in channels:
        volume = read_volume(_file(case, kind))
        check_same_grid(volume, mask)
        try:
            planes.append(scale_percentiles(volume.array))
        except DataError as error:
            raise DataError(f'{volume.path}: {error}') from error
    label = np.where(mask.array == 4, 3, mask.array).astype(np.uint8)
    image = np.stack(planes, axis=-1)  # (X, Y, Z, 3)
    return write_case(image, label, case.name, out, split, policy)


def convert(source: PathLike, out: PathLike,
            channels: Sequence[str] = ('flair', 't1ce', 't2'),
            val_share: float = 0.2, policy: SlicePolicy = SlicePolicy(),
            workers: int = 1) -> Report:
    """Write the training cases of BraTS 2021 as pictures.

    Masks of the official validation set are not public, so whole cases are
    set aside by seed. Label 4 becomes 3.

    Args:
        source: Folder of the cases.
        out: Root of the result.
        channels: Modalities shown as red, green and blue. Defaults to flair,
            t1ce, t2 (our choice: t1 adds least to the other three).
        val_share: Share of cases for validation. Defaults to 0.2.
        policy: Which slices; its seed also makes the split.
        workers: Processes. Defaults to 1.

    Returns:
        What was written and left out.

    Raises:
        ConfigError: If ``channels`` are not three of :data:`MODALITIES`.
    """
    if len(channels) != 3 or not set(channels) <= set(MODALITIES):
        raise ConfigError(f'channels={list(channels)} must be three of '
                          f'{", ".join(MODALITIES)}.')
    cases = {case.name: case for case in list_cases(source, channels)}
    splits = split_cases(
        list(cases), dict(train=1 - val_share, val=val_share), policy.seed)
    jobs = [(cases[name], out, split, tuple(channels), policy)
            for split, names in splits.items() for name in names]
    return run_cases(_convert_case, jobs, workers)
