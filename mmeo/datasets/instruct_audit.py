# Copyright (c) mmeo contributors. All rights reserved.
"""Checking whole instruction sets, in several processes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from multiprocessing import Pool
from pathlib import Path
from typing import Any, Optional

import numpy as np

from mmeo.datasets.instruct_check import CheckSettings, RecordChecker
from mmeo.datasets.instruct_index import SpanList, place, scan
from mmeo.datasets.instruct_issues import Issue, Tally
from mmeo.datasets.instruct_meta import InstructSource
from mmeo.datasets.instruct_report import AuditReport, SourceReport
from mmeo.errors import DataError

_CHUNK = 500  # records of a piece of work


def audit(sources: Sequence[InstructSource],
          settings: CheckSettings,
          workers: int = 0,
          done: Optional[Callable[[SourceReport], Any]] = None
          ) -> AuditReport:
    """Check annotation files.

    Args:
        sources (Sequence[InstructSource]): The files. One that cannot be
            read is an issue, not an exception.
        settings (CheckSettings): What to look at.
        workers (int): Processes; 0 works in this one. Defaults to 0.
        done (Callable, optional): Called with the report of each file when
            it is complete.

    Returns:
        AuditReport: Counts and examples.
    """
    total = Tally(settings.limit)
    files = []
    start = partial(_start, settings)
    pool = Pool(workers, start) if workers else None
    if pool is None:
        start()
    try:
        for source in sources:
            report = _audit_source(source, settings, pool)
            total.merge(report.tally)
            files.append(report)
            if done is not None:
                done(report)
    finally:
        if pool is not None:
            pool.terminate()
            pool.join()
    return AuditReport(files, total)


# Each process has its own checker and with it its memory of images.
_checker: RecordChecker


def _start(settings: CheckSettings) -> None:
    global _checker
    _checker = RecordChecker(settings)


def _audit_source(source: InstructSource, settings: CheckSettings,
                  pool: Any) -> SourceReport:
    report = SourceReport(source, Tally(settings.limit))
    broken: list[DataError] = []
    chunks = _chunks(source, broken)
    work = partial(_check_chunk, source, settings.limit)
    ids = []
    for part in (pool.imap(work, chunks) if pool else map(work, chunks)):
        report.tally.merge(part.tally)
        report.records += part.records
        report.images += part.images
        report.tokens += part.tokens
        report.measured += part.measured
        report.longest = max(report.longest, part.longest)
        ids.append(part.ids)
    for error in broken:
        report.tally.add(Issue('annotation', source.name, str(error)))
    _compare_ids(source, ids, report.tally)
    if source.length not in (None, report.records):
        report.tally.add(Issue(
            'length', source.ann_file,
            f'{report.records} records, {source.length} are stated'))
    return report


def _chunks(source: InstructSource,
            broken: list[DataError]) -> Iterator[np.ndarray]:
    spans = SpanList(0)
    count = 0
    try:
        for raw in scan(Path(source.ann_file)):
            spans.append(raw)
            count += 1
            if count % _CHUNK == 0:
                yield spans.to_array()
                spans = SpanList(0)
        if not count:
            raise DataError(f'{source.ann_file} holds no dialogue')
    except DataError as error:
        broken.append(error)
    if count % _CHUNK:
        yield spans.to_array()


@dataclass
class _Part:
    """What was found in a chunk."""

    tally: Tally
    ids: np.ndarray  # (N, 2): hash of the id, number of the record
    records: int = 0
    images: int = 0
    tokens: int = 0
    measured: int = 0
    longest: int = 0


def _check_chunk(source: InstructSource, limit: int,
                 spans: np.ndarray) -> _Part:
    path, root = Path(source.ann_file), Path(source.img_root)
    part = _Part(Tally(limit), np.zeros((0, 2), np.int64), len(spans))
    ids = []
    with open(path, 'rb') as file:
        for number, start, length in spans[['number', 'start',
                                            'length']].tolist():
            file.seek(start)
            findings = _checker.check(
                file.read(length), place(path, number), root,
                source.max_tiles)
            for issue in findings.issues:
                part.tally.add(issue)
            part.images += findings.images
            if findings.tokens is not None:
                part.tokens += findings.tokens
                part.measured += 1
                part.longest = max(part.longest, findings.tokens)
            if isinstance(findings.id, (int, str)):
                ids.append((_hash(findings.id), number))
    if ids:
        part.ids = np.array(ids, np.int64)
    return part


def _hash(value: Any) -> int:
    """A hash that all processes agree on (``hash`` of a string is salted)."""
    digest = blake2b(repr(value).encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'little', signed=True)


def _compare_ids(source: InstructSource, parts: Sequence[np.ndarray],
                 tally: Tally) -> None:
    ids = np.concatenate(parts) if parts else np.zeros((0, 2), np.int64)
    _, first, inverse = np.unique(
        ids[:, 0], return_index=True, return_inverse=True)
    earlier = first[inverse.reshape(-1)]
    again = np.flatnonzero(earlier != np.arange(len(ids)))
    path = Path(source.ann_file)
    for i in again[:tally.limit]:
        tally.add(Issue('duplicate-id', place(path, int(ids[i, 1])),
                        f'same id as {place(path, int(ids[earlier[i], 1]))}'))
    tally.counts['duplicate-id'] += max(len(again) - tally.limit, 0)
    if not tally.counts['duplicate-id']:
        del tally.counts['duplicate-id']
