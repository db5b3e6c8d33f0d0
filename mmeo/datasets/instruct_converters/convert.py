# Copyright (c) mmeo contributors. All rights reserved.
"""Raw data to instruction records: the one loop all sources share."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

from mmeo.codecs import IMAGE_PLACEHOLDER
from mmeo.datasets.instruct_converters.items import (
    SOURCES,
    Dropped,
    Item,
    Sample,
    Source,
    Unusable,
)
from mmeo.datasets.instruct_converters.meta import add_to_meta
from mmeo.datasets.instruct_converters.records import SPLIT, records_of
from mmeo.datasets.instruct_converters.report import ExcludeList, Report
from mmeo.datasets.instruct_converters.truth import missing_truth
from mmeo.datasets.instruct_converters.wording import Wording
from mmeo.errors import ConfigError, DataError, MissingDataError

MISSING = 'image missing'


def convert_instruct(source: str,
                     root: Union[str, Path],
                     out: Union[str, Path],
                     image_root: Optional[Union[str, Path]] = None,
                     meta: Optional[Union[str, Path]] = None,
                     name: Optional[str] = None,
                     repeat: float = 1,
                     max_tiles: Optional[int] = None,
                     jpeg_augment: bool = False,
                     seed: int = 0,
                     limit: Optional[int] = None,
                     exclude: Optional[str] = None,
                     strict: bool = False,
                     templates: Optional[str] = None,
                     style: str = 'internvl',
                     truth: bool = False,
                     **options: Any) -> Report:
    """Convert raw data into JSON lines for ``InstructDataset``.

    Args:
        source (str): A name in :data:`SOURCES`.
        root (str or Path): Folder (or annotation file) of the raw data.
        out (str or Path): JSON lines to write. It appears when the
            conversion is complete, and replaces an older file.
        image_root (str or Path, optional): Folder that image paths are
            relative to. Defaults to the place of the official layout.
        meta (str or Path, optional): InternVL meta to create or add to.
        name (str, optional): Entry of the meta. Defaults to the stem of
            ``out``.
        repeat (float): ``repeat_time`` of the entry. Defaults to 1.
        max_tiles (int, optional): ``max_dynamic_patch`` of the entry.
        jpeg_augment (bool): ``data_augment`` of the entry. Defaults to False.
        seed (int): Of wording, options and chosen questions. Defaults to 0.
        limit (int, optional): Stop after so many records.
        exclude (str, optional): File of image names to leave out.
        strict (bool): Stop at the first flaw of the data. Defaults to False.
        templates (str, optional): JSON file that replaces wordings.
        style (str): How records read: 'internvl' (tags, boxes from 0 to
            1000) or 'rsunivlm' (task tokens, boxes from 0 to 100). Defaults
            to 'internvl'.
        truth (bool): Write one question a record, with the fields that
            metrics read (:data:`~.truth.TRUTH_FIELDS`). Defaults to False.
        **options (Any): Of the source.

    Returns:
        Report: Counts.

    Raises:
        ConfigError: If an option or the source does not exist.
        MissingDataError: If files are absent.
        DataError: If nothing could be written, or a flaw was met in strict
            mode.
    """
    entry = _source(source, options)
    root, out = Path(root), Path(out)
    if out.suffix != '.jsonl':
        raise ConfigError(f'output {out}: the name must end in .jsonl')
    if not repeat > 0:
        raise ConfigError(f'--repeat {repeat}: give a positive number')
    if limit is not None and limit < 1:
        raise ConfigError(f'--limit {limit}: give a positive number')
    if not root.exists():
        raise MissingDataError(f'{root} does not exist. {source} expects:\n'
                               f'{entry.tree}')
    images = _image_root(entry, root, image_root)
    defaults = {option.name: option.default for option in entry.options}
    wording = Wording(seed, templates, style, truth)
    items = entry.read(root, images, wording, **{**defaults, **options})
    excluded = ExcludeList(exclude)
    report = Report()
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + '.part')
    try:
        with open(part, 'w', encoding='utf-8') as file:
            usable = _usable(_explained(items, entry, root), images, excluded,
                             report, strict)
            for record, notes in _written(usable, wording, name or out.stem,
                                          report, strict):
                file.write(json.dumps(record, ensure_ascii=False) + '\n')
                report.written += 1
                report.notes.update(notes)
                if report.written == limit:
                    break
        report.exclude_unused = [] if limit else excluded.unused()
        if not report.written:
            raise _nothing_written(entry, images, report)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    if meta is not None:
        add_to_meta(Path(meta), name or out.stem, images, out, report.written,
                    repeat, max_tiles, jpeg_augment)
    return report


def _source(name: str, options: dict) -> Source:
    if name not in SOURCES:
        raise ConfigError(f'no source is called {name!r}; choose one of '
                          f'{", ".join(sorted(SOURCES))}')
    known = {option.name: option for option in SOURCES[name].options}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(f'source {name!r} has no option {unknown[0]!r}; it '
                          f'has {sorted(known)}')
    for key, option in known.items():
        value = options.get(key, option.default)
        if option.required and value is None:
            raise ConfigError(f'source {name!r} needs {option.flag}: '
                              f'{option.help}')
        if option.choices and value not in option.choices:
            raise ConfigError(f'{option.flag} {value}: choose one of '
                              f'{", ".join(map(str, option.choices))}')
    return SOURCES[name]


def _image_root(source: Source, root: Path,
                given: Optional[Union[str, Path]]) -> Path:
    base = root if root.is_dir() else root.parent
    if given is not None:
        if not Path(given).is_dir():
            raise MissingDataError(f'image root {given} does not exist: '
                                   'correct --image-root')
        return Path(given)
    if not source.folders:
        return base
    for folder in source.folders:
        if (base / folder).is_dir():
            return base / folder
    raise MissingDataError(
        f'{base} holds no image folder ({", ".join(source.folders)}): unpack '
        'the images there or give --image-root')


def _explained(items: Iterator[Item], source: Source,
               root: Path) -> Iterator[Item]:
    """Say which data lack a field; their records have no common check."""
    try:
        yield from items
    except KeyError as error:
        raise DataError(f'{root}: a record has no field {error}. '
                        f'{source.name} expects:\n{source.tree}') from error


def _usable(items: Iterator[Item], images: Path, excluded: ExcludeList,
            report: Report, strict: bool) -> Iterator[Sample]:
    """Samples that pass the common checks; everything else is counted."""
    for item in items:
        problem = item if isinstance(item, Dropped) else _check(
            item, images, excluded)
        if problem is None:
            yield item
            continue
        _drop(problem, report, strict)


def _drop(problem: Dropped, report: Report, strict: bool) -> None:
    report.drop(problem)
    if strict and problem.flaw:
        raise DataError(f'{problem.where}: {problem.reason}. Mend the file, '
                        'or run without --strict to drop and count such '
                        'records.')


def _written(samples: Iterator[Sample], wording: Wording, dataset: str,
             report: Report,
             strict: bool) -> Iterator[tuple[dict, tuple[str, ...]]]:
    """Records and what was mended in them."""
    for sample in samples:
        try:
            records = records_of(sample, wording.style, wording.truth,
                                 dataset)
        except Unusable as error:
            _drop(error.drop(sample.key), report, strict)
            continue
        split = len(records) > 1 and not wording.truth
        for i, record in enumerate(records):
            lacking = missing_truth(sample.tasks[i], record) if \
                wording.truth else []
            if lacking:
                report.drop(Dropped(f'no {" and no ".join(lacking)} for '
                                    'metrics', record['id'], flaw=False))
                continue
            yield record, (*sample.notes, SPLIT) if split else sample.notes


def _check(sample: Sample, images: Path,
           excluded: ExcludeList) -> Optional[Dropped]:
    if any([image in excluded for image in sample.images]):
        return Dropped('image is on the exclude list', sample.key, flaw=False)
    for image in sample.images:
        if not (images / image).is_file():
            return Dropped(MISSING, f'{images / image}')
    for text in (text for turn in sample.turns for text in turn):
        if not text.strip():
            return Dropped('empty question or answer', sample.key)
        if IMAGE_PLACEHOLDER in text and not sample.placed:
            return Dropped(f'text holds {IMAGE_PLACEHOLDER}', sample.key)
    return None


def _nothing_written(source: Source, images: Path,
                     report: Report) -> DataError:
    counts = '\n'.join(report.lines())
    if report.flaws.get(MISSING) == report.read > 0:
        return MissingDataError(
            f'{report.examples[MISSING]} and all other images are missing '
            f'below {images}: correct --image-root.\n{counts}')
    return DataError(f'no record was written. {source.name} expects:\n'
                     f'{source.tree}\n{counts}')
