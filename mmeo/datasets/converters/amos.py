# Copyright (c) mmeo contributors. All rights reserved.
"""AMOS 2022: abdominal CT volumes to windowed slices."""

import re
from pathlib import Path

from mmeo.errors import DataError, MissingDataError

from .report import Report
from .slices import PathLike, SlicePolicy, run_cases, write_case
from .volumes import check_same_grid, read_mask, read_volume, window_hu

LABELS = range(16)
#: Scans up to this number are CT, those above MRI (official numbering).
LAST_CT = 500
SPLITS = {'train': 'Tr', 'val': 'Va'}


def list_cases(source: PathLike) -> tuple[dict[str, list[tuple[Path, Path]]],
                                          Report]:
    """Pair the CT volumes of the official splits with their masks.

    Args:
        source: Folder ``amos22`` with ``imagesTr``, ``labelsTr``,
            ``imagesVa`` and ``labelsVa``.

    Returns:
        Split to (image, mask) paths, and what was left out.

    Raises:
        MissingDataError: If there is no CT volume, or one has no mask.
        DataError: If a name is not ``amos_NNNN.nii.gz``.
    """
    report, found = Report(), {}
    for split, suffix in SPLITS.items():
        found[split] = []
        for image in sorted(Path(source).glob(f'images{suffix}/*.nii.gz')):
            match = re.fullmatch(r'amos_(\d{4})\.nii\.gz', image.name)
            if match is None:
                raise DataError(f'{image} is not named amos_NNNN.nii.gz.')
            if int(match[1]) > LAST_CT:
                report.dropped['MRI volumes'] += 1
                continue
            mask = Path(source) / f'labels{suffix}' / image.name
            if not mask.is_file():
                raise MissingDataError(f'{image} has no mask {mask}: unpack '
                                       'amos22.zip again.')
            found[split].append((image, mask))
        if not found[split]:
            raise MissingDataError(
                f'no CT volume amos_NNNN.nii.gz (NNNN up to {LAST_CT}) in '
                f'{source}/images{suffix}. Give the folder amos22 of '
                'amos22.zip.')
    return found, report


def _convert_case(job: tuple) -> Report:
    image_path, mask_path, out, split, level, width, policy = job
    image, mask = read_volume(image_path), read_mask(mask_path, LABELS)
    check_same_grid(image, mask)
    grey = window_hu(image.array, level, width)
    name = image_path.name.removesuffix('.nii.gz')
    return write_case(grey, mask.array, name, out, split, policy)


def convert(source: PathLike, out: PathLike, level: float = 40,
            width: float = 400, policy: SlicePolicy = SlicePolicy(),
            workers: int = 1) -> Report:
    """Write the CT half of AMOS 2022 as pictures, in its official splits.

    Args:
        source: Folder ``amos22``.
        out: Root of the result.
        level: Middle of the window in HU. Defaults to 40 (soft tissue).
        width: Width of the window in HU. Defaults to 400.
        policy: Which slices.
        workers: Processes. Defaults to 1.

    Returns:
        What was written and left out.
    """
    cases, report = list_cases(source)
    jobs = [(image, mask, out, split, level, width, policy)
            for split, pairs in cases.items() for image, mask in pairs]
    return report.add(run_cases(_convert_case, jobs, workers))
