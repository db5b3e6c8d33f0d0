# Copyright (c) mmeo contributors. All rights reserved.
"""BigEarthNet v1: official folders to one raster per sensor and patch."""

import csv
import gzip
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, Optional, Union

from mmeo.datasets.band_stats import S2_BANDS
from mmeo.datasets.bigearthnet_legend import CLC_TO_19
from mmeo.datasets.units import check_unit
from mmeo.errors import ConfigError, DataError, MissingDataError

from .band_stack import read_stack, write_stack
from .report import Report

PathLike = Union[str, Path]
S1_BANDS = ('VV', 'VH')
SIZE = (120, 120)
#: Patches of the authors' splits, which leave out snow, clouds and shadow.
PUBLISHED = dict(train=269_695, val=123_723, test=125_866)


class Patch(NamedTuple):
    """Names of a patch in the two archives."""

    s2: str
    s1: str = ''


class Job(NamedTuple):
    """What a process needs to convert patches.

    Attributes:
        s2_root (str): ``BigEarthNet-v1.0``.
        s1_root (str): ``BigEarthNet-S1-v1.0``, or '' to leave it out.
        out (str): Target.
        resampling (str): Of the 20 m bands.
    """

    s2_root: str
    s1_root: str
    out: str
    resampling: str


def convert(s2_root: PathLike, out: PathLike,
            splits: Mapping[str, PathLike], s1_root: Optional[PathLike] = None,
            pairs: Optional[PathLike] = None,
            exclude: Sequence[PathLike] = (), partial_ok: bool = False,
            resampling: str = 'bilinear', workers: int = 1) -> Report:
    """Convert the patches of each split; what is there already is kept.

    Writes ``s2/SCENE/PATCH.tif`` (10 bands, 10 m), ``s1/SCENE/PATCH.tif``
    (VV, VH) and ``SPLIT.csv`` with the columns ``s2``, ``s1``, ``labels``.

    Args:
        s2_root: ``BigEarthNet-v1.0``.
        out: Target folder.
        splits: Name to official list (CSV, may be gzipped): a Sentinel-2
            patch on each line, and perhaps its Sentinel-1 patch.
        s1_root: ``BigEarthNet-S1-v1.0``. Defaults to None, Sentinel-2 alone.
        pairs: Official ``s1s2_mapping.csv``, where the lists do not name the
            Sentinel-1 patches.
        exclude: Lists of patches that are left out (snow, clouds). The
            official splits do not hold them.
        partial_ok: Leave out, and count, patches whose folder is absent,
            instead of stopping. Defaults to False.
        resampling: Of the 20 m bands to 10 m, a name of rasterio. Defaults
            to 'bilinear' (our choice).
        workers: Processes. Defaults to 1.

    Returns:
        Counts.

    Raises:
        MissingDataError: If a list or a patch is absent.
        ConfigError: If a Sentinel-1 patch is not known.
        DataError: If a patch is not as published.
    """
    job = Job(str(s2_root), str(s1_root or ''), str(out), resampling)
    partner = {p.s2: p.s1 for p in read_list(pairs)} if pairs else {}
    left_out = {p.s2 for path in exclude for p in read_list(path)}
    report = Report()
    for split, path in splits.items():
        patches = [Patch(p.s2, p.s1 or partner.get(p.s2, ''))
                   for p in read_list(path)]
        kept = [p for p in patches if p.s2 not in left_out]
        if len(kept) < len(patches):
            report.dropped[f'{split}: in an exclusion list'] += \
                len(patches) - len(kept)
        kept = _present(kept, job, split, partial_ok, report)
        write_table(Path(out) / f'{split}.csv',
                    _run(kept, job, workers, split, report))
        expected = PUBLISHED.get(split)
        if expected and len(kept) != expected:
            report.odd[f'{split}: patches, not the {expected:,} published'] \
                += len(kept)
    return report


def read_list(path: PathLike) -> list[Patch]:
    """Read an official list: one or two names a line, in any order.

    Raises:
        MissingDataError: If it does not exist.
        DataError: If a line names no Sentinel-2 patch.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(
            f'the list {path} does not exist: download the official splits, '
            'see docs/en/datasets_scene.md.')
    opener = gzip.open if path.suffix == '.gz' else open
    patches = []
    with opener(path, 'rt', newline='') as file:
        for number, row in enumerate(csv.reader(file), 1):
            names = [word.strip() for word in row if word.strip()]
            if not names:
                continue
            s2 = [n for n in names if n.startswith('S2')]
            s1 = [n for n in names if n.startswith('S1')]
            if len(s2) != 1 or len(s1) + 1 != len(names) or len(s1) > 1:
                raise DataError(
                    f'{path}, line {number}: {",".join(names)!r} is not the '
                    'name of a Sentinel-2 patch, perhaps with its Sentinel-1 '
                    'patch. Use the official lists of version 1.')
            patches.append(Patch(s2[0], *s1))
    return patches


def _present(patches: Sequence[Patch], job: Job, split: str,
             partial_ok: bool, report: Report) -> list[Patch]:
    """Patches whose folders are there; the others are counted or stop."""
    unpaired = [p for p in patches if job.s1_root and not p.s1]
    if unpaired:
        raise ConfigError(
            f'{split}: {len(unpaired)} of {len(patches)} patches have no '
            f'Sentinel-1 partner; first: {unpaired[0].s2}. Give '
            's1s2_mapping.csv (`--pairs`), or the two-column lists of '
            'BigEarthNet-MM.')
    absent = {p: folder for p in patches for folder in _folders(p, job)
              if not folder.is_dir()}
    if absent and not partial_ok:
        raise MissingDataError(
            f'{split}: {len(absent)} of {len(patches)} patches are absent; '
            f'first: {next(iter(absent.values()))}. Unpack the whole '
            'archive, or convert what there is with `--partial`.')
    if absent:
        report.dropped[f'{split}: no folder'] += len(absent)
    return [p for p in patches if p not in absent]


def _folders(patch: Patch, job: Job) -> Iterator[Path]:
    yield Path(job.s2_root) / patch.s2
    if job.s1_root:
        yield Path(job.s1_root) / patch.s1


def _run(patches: Sequence[Patch], job: Job, workers: int, split: str,
         report: Report) -> list[dict]:
    """Convert patches and count; the order is kept."""
    work = partial(convert_patch, job=job)
    if workers <= 1:
        done = list(map(work, patches))
    else:
        with ProcessPoolExecutor(workers) as pool:
            done = list(pool.map(work, patches, chunksize=64))
    for row, written in done:
        report.counts[f'{split}: patches'] += 1
        kept = sum(bool(row[name]) for name in ('s2', 's1')) - written
        for kind, count in (('written', written), ('that were there', kept)):
            if count:
                report.counts[f'rasters {kind}'] += count
        if not any(CLC_TO_19[label] for label in row['labels'].split(';')):
            report.odd[f'{split}: without any of the 19 classes'] += 1
    return [row for row, _ in done]


def convert_patch(patch: Patch, job: Job) -> tuple[dict, int]:
    """Stack the bands of one patch.

    Args:
        patch: Its names.
        job: Folders.

    Returns:
        Row of the table, and how many rasters were written.

    Raises:
        MissingDataError: If a band is absent.
        DataError: If bands do not fit, or a label is not CORINE's.
    """
    rows = dict(s2=_target('s2', patch.s2),
                s1=_target('s1', patch.s1) if job.s1_root else '')
    written = 0
    for kind, relative in rows.items():
        target = Path(job.out) / relative
        if relative and not target.is_file():
            _write(kind, getattr(patch, kind), job, target)
            written += 1
    labels = read_labels(Path(job.s2_root) / patch.s2)
    return dict(rows, labels=';'.join(labels)), written


def _target(kind: str, name: str) -> str:
    """A folder for each scene keeps folders small."""
    return f'{kind}/{"_".join(name.split("_")[:-2])}/{name}.tif'


def _write(kind: str, name: str, job: Job, target: Path) -> None:
    root = Path(job.s2_root if kind == 's2' else job.s1_root) / name
    bands = S2_BANDS if kind == 's2' else S1_BANDS
    # B2 of the network is B02 in the names of files.
    numbers = [re.sub(r'^B(\d)$', r'B0\1', band) for band in bands]
    files = [root / f'{name}_{number}.tif' for number in numbers]
    pixels, grid = read_stack(files, SIZE, job.resampling)
    check_unit(pixels, 'dn' if kind == 's2' else 'db', str(root))
    write_stack(target, pixels, grid, bands)


def read_labels(folder: Path) -> list[str]:
    """CORINE labels of a patch, from its ``*_labels_metadata.json``."""
    path = folder / f'{folder.name}_labels_metadata.json'
    if not path.is_file():
        raise MissingDataError(f'{path} does not exist: unpack the archive '
                               'of version 1.0 again.')
    try:
        labels = json.loads(path.read_text())['labels']
    except (ValueError, KeyError) as error:
        raise DataError(f'{path} has no `labels` ({error}).') from error
    unknown = [label for label in labels if label not in CLC_TO_19]
    if unknown or not labels:
        raise DataError(f'{path}: label {unknown[:1]} is none of the 43 '
                        'classes of BigEarthNet.')
    return labels


def write_table(path: Path, rows: Sequence[dict]) -> None:
    """Write a split's table, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.part')
    with part.open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, ('s2', 's1', 'labels'))
        writer.writeheader()
        writer.writerows(rows)
    os.replace(part, path)
