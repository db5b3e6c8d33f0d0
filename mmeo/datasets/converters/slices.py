# Copyright (c) mmeo contributors. All rights reserved.
"""Volumes to folders of pictures: which slices, which split, with counts."""

import argparse
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Union

import numpy as np
from PIL import Image

from mmeo.errors import ConfigError, DataError

from .report import Report
from .volumes import PLANES, take_slice

PathLike = Union[str, Path]


@dataclass(frozen=True)
class SlicePolicy:
    """Which slices of a volume are written.

    Args:
        plane (str): 'axial', 'coronal' or 'sagittal'. Defaults to 'axial'.
        empty (str or float): What happens to slices without any foreground:
            'drop', 'keep', or a share in (0, 1) that is kept, chosen by seed
            and case. Defaults to 'drop'.
        seed (int): Defaults to 0.

    Raises:
        ConfigError: If an argument is unknown.
    """

    plane: str = 'axial'
    empty: Union[str, float] = 'drop'
    seed: int = 0

    def __post_init__(self) -> None:
        if self.plane not in PLANES:
            raise ConfigError(f'plane={self.plane!r} is none of '
                              f'{", ".join(PLANES)}.')
        if self.empty not in ('drop', 'keep') and not (
                isinstance(self.empty, float) and 0 < self.empty < 1):
            raise ConfigError(f"empty={self.empty!r} must be 'drop', 'keep' "
                              'or a share between 0 and 1.')

    def keeps_empty(self, rng: random.Random) -> bool:
        """Decide on one slice without foreground."""
        if isinstance(self.empty, str):
            return self.empty == 'keep'
        return rng.random() < self.empty


def write_case(image: np.ndarray, mask: np.ndarray, name: str, out: PathLike,
               split: str, policy: SlicePolicy) -> Report:
    """Write the slices of one case.

    Args:
        image: ``(X, Y, Z)`` grey or ``(X, Y, Z, 3)`` colour, uint8, RAS.
        mask: ``(X, Y, Z)`` uint8, RAS.
        name: Of the case; slices are ``NAME_000.png``, ... by their index
            from inferior (posterior, left).
        out: Root; pictures go to ``img_dir/SPLIT`` and ``ann_dir/SPLIT``.
        split: E.g. 'train'.
        policy: Which slices.

    Returns:
        Slices written and left out.
    """
    report = Report()
    rng = random.Random(f'{policy.seed} {name}')
    folders = [Path(out) / kind / split for kind in ('img_dir', 'ann_dir')]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for index in range(mask.shape[PLANES[policy.plane]]):
        label = take_slice(mask, policy.plane, index)
        if not label.any() and not policy.keeps_empty(rng):
            report.dropped['slices without foreground'] += 1
            continue
        planes = image if image.ndim == 4 else image[..., None]
        picture = np.stack([take_slice(planes[..., c], policy.plane, index)
                            for c in range(planes.shape[-1])], axis=-1)
        picture = picture if image.ndim == 4 else picture[..., 0]
        for folder, pixels in zip(folders, (picture, label)):
            Image.fromarray(np.ascontiguousarray(pixels)).save(
                folder / f'{name}_{index:03d}.png')
        report.counts[f'{split} slices'] += 1
        if not label.any():
            report.counts[f'{split} slices without foreground'] += 1
    report.counts[f'{split} cases'] += 1
    return report


def split_cases(cases: Sequence[str], shares: Mapping[str, float],
                seed: int = 0) -> dict[str, list[str]]:
    """Share out whole cases, so that no case is in two splits.

    Depends on names and seed only, not on their order.

    Args:
        cases: Names.
        shares: Split to share; they sum to 1.
        seed: Defaults to 0.

    Returns:
        Split to its sorted cases. Each gets at least one.

    Raises:
        ConfigError: If the shares do not sum to 1.
        DataError: If names repeat, or there are fewer cases than splits.
    """
    if abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values()) <= 0:
        raise ConfigError(f'the shares {dict(shares)} must be above 0 and sum '
                          'to 1.')
    names = sorted(set(cases))
    if len(names) != len(cases):
        raise DataError('a case is named twice.')
    if len(names) < len(shares):
        raise DataError(f'{len(names)} cases cannot fill the splits '
                        f'{", ".join(shares)}.')
    random.Random(seed).shuffle(names)
    out, start, total = {}, 0, 0.0
    for i, (split, share) in enumerate(shares.items()):
        total += share
        left = len(shares) - i - 1
        stop = min(max(round(total * len(names)), start + 1),
                   len(names) - left)
        out[split] = sorted(names[start:stop])
        start = stop
    return out


def run_cases(function: Callable[[tuple], Report], jobs: Sequence[tuple],
              workers: int = 1) -> Report:
    """Convert cases, in processes if asked for.

    Args:
        function: Takes one job, at module level.
        jobs: What to convert.
        workers: Processes. Defaults to 1.

    Returns:
        The sum of all reports.
    """
    total = Report()
    if workers <= 1:
        for job in jobs:
            total.add(function(job))
        return total
    with ProcessPoolExecutor(workers) as pool:
        for report in pool.map(function, jobs):
            total.add(report)
    return total


def add_slice_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of :class:`SlicePolicy` and the number of workers."""
    parser.add_argument('--plane', choices=list(PLANES), default='axial')
    parser.add_argument(
        '--empty', default='drop',
        help='slices without foreground: drop (default), keep, or a share '
        'such as 0.1 that is kept')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=1)


def parse_policy(args: argparse.Namespace) -> SlicePolicy:
    """Make the policy of parsed options.

    Raises:
        ConfigError: If ``--empty`` is neither a word nor a share.
    """
    empty = args.empty
    try:
        empty = float(empty)
    except ValueError:
        pass  # a word, which the policy checks
    return SlicePolicy(args.plane, empty, args.seed)
