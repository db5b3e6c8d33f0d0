# Copyright (c) mmeo contributors. All rights reserved.
"""Checking whole instruction sets, in several processes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import chain
from multiprocessing import Pool
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np

from mmeo.datasets.instruct_check import CheckSettings, RecordChecker
from mmeo.datasets.instruct_index import SpanList, parse_json, place, scan
from mmeo.datasets.instruct_issues import Issue, Tally
from mmeo.datasets.instruct_meta import InstructSource
from mmeo.datasets.instruct_records import read_sample
from mmeo.datasets.instruct_report import AuditReport, SourceReport
from mmeo.datasets.instruct_rounds import (
    group_rounds,
    join_samples,
    joins_with,
)
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
    ids, found = [], []
    for part in (pool.imap(work, chunks) if pool else map(work, chunks)):
        report.add(part)
        ids.append(part.ids)
        found.append(part.usable)
    for error in broken:
        report.tally.add(Issue('annotation', source.name, str(error)))
    if source.max_rounds is not None and settings.counts_tokens:
        _measure_joined(source, settings, pool, chain(*found), report)
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
    usable: list = field(default_factory=list)  # _Usable, to be joined


class _Usable(NamedTuple):
    """A record that may be joined with others about the same images."""

    number: int
    start: int
    length: int
    key: Optional[int]
    rounds: int


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
                file.read(length), place(path, number), root)
            for issue in findings.issues:
                part.tally.add(issue)
            part.images += findings.images
            if findings.sample is None:
                pass
            elif source.max_rounds is None:
                _measure(part, findings.sample, source)
            else:
                part.usable.append(_Usable(
                    number, start, length, *_rounds(findings.sample)))
            if isinstance(findings.id, (int, str)):
                ids.append((_hash(findings.id), number))
    if ids:
        part.ids = np.array(ids, np.int64)
    return part


def _measure(part: _Part, sample: dict, source: InstructSource) -> None:
    length = _checker.measure(sample, source.max_tiles)
    if length is None:
        return
    part.tokens += length.tokens
    part.measured += 1
    part.longest = max(part.longest, length.tokens)
    if length.issue is not None:
        part.tally.add(length.issue)


def _rounds(sample: dict) -> tuple[Optional[int], int]:
    key = joins_with(sample)
    return key and _hash(key), len(sample['conversations']) // 2


def _measure_joined(source: InstructSource, settings: CheckSettings,
                    pool: Any, usable: Iterable[_Usable],
                    report: SourceReport) -> None:
    """Lengths of the samples that ``max_rounds`` makes of a file."""
    records = list(usable)
    groups = [[records[i] for i in group] for group in group_rounds(
        [(record.key, record.rounds) for record in records],
        source.max_rounds)]
    chunks = (groups[i:i + _CHUNK] for i in range(0, len(groups), _CHUNK))
    work = partial(_measure_groups, source, settings.limit)
    for part in (pool.imap(work, chunks) if pool else map(work, chunks)):
        report.add(part)


def _measure_groups(source: InstructSource, limit: int,
                    groups: Sequence[Sequence[_Usable]]) -> _Part:
    path, root = Path(source.ann_file), Path(source.img_root)
    part = _Part(Tally(limit), np.zeros((0, 2), np.int64))
    with open(path, 'rb') as file:
        for group in groups:
            samples = []
            for record in group:
                file.seek(record.start)
                where = place(path, record.number)
                samples.append(read_sample(
                    parse_json(file.read(record.length), where), where, root))
            _measure(part, join_samples(samples), source)
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
