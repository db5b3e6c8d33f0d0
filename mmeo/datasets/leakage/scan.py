# Copyright (c) mmeo contributors. All rights reserved.
"""Fingerprints of whole sets, by several processes, kept in a file."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np

from mmeo.datasets.leakage.image_set import ImageSet
from mmeo.datasets.leakage.prints import SIDE, WHOLE, Tiles, fingerprints
from mmeo.errors import DataError

_VERSION = 1  # of what a print holds


@dataclass
class PrintTable:
    """Prints of a set; one row an image or window.

    Attributes:
        image (np.ndarray): ``(N, )`` int64, index into the set.
        window (np.ndarray): ``(N, 4)`` int32; 0 0 0 0 is the whole image.
        file (np.ndarray): ``(N, )`` S16.
        pixels (np.ndarray): ``(N, )`` S16.
        thumb (np.ndarray): ``(N, 32, 32)`` uint8.
        contrast (np.ndarray): ``(N, )`` float32.
        unreadable (dict): Image index to the reason.
    """

    image: np.ndarray
    window: np.ndarray
    file: np.ndarray
    pixels: np.ndarray
    thumb: np.ndarray
    contrast: np.ndarray
    unreadable: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.image)


def scan(images: ImageSet,
         tiles: Optional[Tiles] = None,
         workers: int = 1,
         cache: Optional[Path] = None,
         progress: Callable[[int, int], Any] = lambda done, total: None
         ) -> PrintTable:
    """Prints of all images of a set.

    Args:
        images (ImageSet): The set.
        tiles (Tiles, optional): Windows of larger images.
        workers (int): Processes. Defaults to 1.
        cache (Path, optional): Folder where prints are kept; they are used
            again while name, size and time of all files stay the same.
        progress (Callable): Called with images done and their number.

    Returns:
        PrintTable: Unreadable images are counted in it, not raised.
    """
    place = cache and cache / f'{_state(images, tiles)}.npz'
    if place and place.is_file():
        return _load(place)
    if tiles is not None:
        tiles.check()
    rows, unreadable = [], {}
    job = partial(_job, tiles)
    for number, (found, error) in enumerate(
            run_jobs(job, images.paths, workers)):
        if error is not None:
            unreadable[number] = error
        rows += [(number, *entry) for entry in found]
        progress(number + 1, len(images))
    table = _table(rows, unreadable)
    if place:
        _save(place, table)
    return table


def _job(tiles: Optional[Tiles], path: str) -> tuple[list, Optional[str]]:
    try:
        return list(fingerprints(path, tiles)), None
    except DataError as error:
        return [], str(error)


def run_jobs(job: Callable, items: Sequence, workers: int,
             chunk: int = 16) -> Iterator:
    """Results in order, from this process or from several.

    Args:
        job (Callable): Of one argument. Forked workers share the tables it
            holds with this process.
        items (Sequence): Its arguments.
        workers (int): Processes.
        chunk (int): Items that a worker takes at once. Defaults to 16.
    """
    if min(workers, len(items)) <= 1:
        yield from map(job, items)
        return
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context(
        'fork' if 'fork' in methods else 'spawn')
    with context.Pool(workers, _start, (job, )) as pool:
        yield from pool.imap(_call, items, chunksize=chunk)


_work: list[Callable] = []  # of this worker


def _start(job: Callable) -> None:
    cv2.setNumThreads(0)
    _work[:] = [job]


def _call(item: Any) -> Any:
    return _work[0](item)


def _table(rows: list[tuple], unreadable: dict[int, str]) -> PrintTable:
    columns = list(zip(*rows)) or [()] * 6
    return PrintTable(
        np.array(columns[0], np.int64),
        np.array(columns[1], np.int32).reshape(-1, 4),
        np.array(columns[2], 'S16'), np.array(columns[3], 'S16'),
        np.array(columns[4], np.uint8).reshape(-1, SIDE, SIDE),
        np.array(columns[5], np.float32), unreadable)


def _state(images: ImageSet, tiles: Optional[Tiles]) -> str:
    """Name of the cache file: changes with any file of the set."""
    digest = blake2b(f'{_VERSION}{tiles}'.encode(), digest_size=12)
    for path in images.paths:
        try:
            status = os.stat(path)
            mark = (status.st_size, status.st_mtime_ns)
        except OSError:
            mark = None
        digest.update(f'{os.path.abspath(path)}{mark}'.encode())
    return digest.hexdigest()


def _save(place: Path, table: PrintTable) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f'{place.stem}.{os.getpid()}.npz')
    columns = {f'print_{f.name}': getattr(table, f.name)
               for f in fields(table) if f.name != 'unreadable'}
    reasons = table.unreadable
    np.savez(part, **columns, broken=np.array(list(reasons), np.int64),
             reasons=np.array(list(reasons.values()), str))
    os.replace(part, place)


def _load(place: Path) -> PrintTable:
    with np.load(place, allow_pickle=False) as kept:
        columns = {name.removeprefix('print_'): kept[name]
                   for name in kept.files if name.startswith('print_')}
        return PrintTable(**columns, unreadable=dict(
            zip(kept['broken'].tolist(), kept['reasons'].tolist())))


def is_whole(window: np.ndarray) -> np.ndarray:
    """Which rows of ``(N, 4)`` stand for whole images."""
    return (window == WHOLE).all(1)
