# Copyright (c) mmeo contributors. All rights reserved.
"""Answers on disk while they come, so that a killed test goes on."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, TextIO

from mmeo.errors import DataError
from mmeo.evaluation.answers import AnswerRecord, read_answers

# Fields of a manifest that answers depend on, and what they stand for.
COMPARED = {
    'weights_sha256': 'other weights',
    'checkpoint_sha256': 'another checkpoint file',
    'settings_sha256': 'other settings of the model, the test set or the '
    'loop (--cfg-options included)',
    'annotations': 'other annotation files',
    'samples': 'another number of samples',
}


class AnswerStore:
    """A folder with one file of answers a process, and a manifest.

    ``<name>.rank<r>.jsonl`` grow while a test runs; ``<name>.manifest.json``
    says what they were made with, and answers made with anything else are
    never mixed in.

    Args:
        folder (Path): Made where it is absent. Several machines must all see
            it.
        name (str): Of the test set.
        rank (int): Of this process. Defaults to 0.
    """

    def __init__(self, folder: Path, name: str, rank: int = 0) -> None:
        self.folder = Path(folder)
        self.name = name
        self.rank = rank
        self._file: Optional[TextIO] = None

    @property
    def manifest_file(self) -> Path:
        return self.folder / f'{self.name}.manifest.json'

    @property
    def files(self) -> list[Path]:
        """Answers of all processes, of earlier starts as well."""
        return sorted(self.folder.glob(f'{self.name}.rank*.jsonl'))

    def prepare(self, manifest: Mapping[str, Any], resume: bool = True) -> int:
        """Make the folder ready; one process does it, the others wait.

        Args:
            manifest (Mapping): JSON with the keys of :data:`COMPARED`.
            resume (bool): Go on with answers that are there; False deletes
                them. Defaults to True.

        Returns:
            int: Torn lines, of a killed process, that were cut off.

        Raises:
            DataError: If the answers there were made with anything else.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not resume:
            for path in (*self.files, self.manifest_file):
                path.unlink(missing_ok=True)
        if self.files:
            self._compare(manifest)
        torn = sum(cut_torn_line(path) for path in self.files)
        draft = self.manifest_file.with_suffix('.tmp')
        draft.write_text(json.dumps(manifest, indent=1) + '\n')
        os.replace(draft, self.manifest_file)
        return torn

    def _compare(self, manifest: Mapping[str, Any]) -> None:
        way_out = ('Choose another --work-dir, delete that folder, or begin '
                   'anew with --cfg-options test_cfg.resume=False.')
        if not self.manifest_file.is_file():
            raise DataError(f'{self.folder} holds answers without '
                            f'{self.manifest_file.name}, so nobody knows what '
                            f'they were made with. {way_out}')
        try:
            before = json.loads(self.manifest_file.read_text())
        except ValueError as error:
            raise DataError(f'{self.manifest_file}: not JSON ({error}). '
                            f'{way_out}') from None
        flaws = [what for key, what in COMPARED.items()
                 if before.get(key) != manifest.get(key)]
        if flaws:
            raise DataError(
                f'{self.folder} holds answers of {self.name} that were made '
                f'with {", ".join(flaws)} (config {before.get("config")}, '
                f'checkpoint {before.get("checkpoint")}). {way_out}')

    def answered(self) -> set[str]:
        """Sources of all answers there."""
        return {record.source for path in self.files
                for record in read_answers(path)}

    def append(self, records: Iterable[AnswerRecord]) -> None:
        """Write answers so that they outlive this process."""
        if self._file is None:
            path = self.folder / f'{self.name}.rank{self.rank}.jsonl'
            self._file = open(path, 'a', encoding='utf-8')
        self._file.write(''.join(record.to_line() for record in records))
        self._file.flush()

    def close(self) -> None:
        """Close the file of this process."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def merge(self, sources: Sequence[str], path: Path) -> list[AnswerRecord]:
        """Read the files of all processes and write them as one.

        Args:
            sources (Sequence[str]): Of the test set, in its order.
            path (Path): ``.jsonl`` to write.

        Returns:
            list[AnswerRecord]: One for each source, in that order.

        Raises:
            DataError: If an answer is absent, there twice, or of no sample.
        """
        found: dict[str, AnswerRecord] = {}
        for file in self.files:
            for record in read_answers(file):
                if record.source in found:
                    raise DataError(
                        f'{self.folder}: {record.source} is answered twice; '
                        'two tests wrote into it at the same time. Delete '
                        'the folder, and give each its own --work-dir.')
                found[record.source] = record
        missing = [source for source in sources if source not in found]
        strange = sorted(set(found) - set(sources))
        if missing or strange:
            raise DataError(
                f'{self.folder}: {len(missing)} of {len(sources)} answers are '
                f'missing{_first(missing)} and {len(strange)} belong to no '
                f'sample{_first(strange)}. Several machines must write their '
                'work_dir to one disk.')
        records = [found[source] for source in sources]
        draft = path.with_suffix('.tmp')
        with open(draft, 'w', encoding='utf-8') as out:
            out.writelines(record.to_line() for record in records)
        os.replace(draft, path)
        return records


def _first(sources: Sequence[str]) -> str:
    return f' (the first: {sources[0]})' if sources else ''


def cut_torn_line(path: Path) -> int:
    """Cut off a last line without its end, in place.

    Args:
        path (Path): A file of JSON lines.

    Returns:
        int: 1 where there was one, else 0.
    """
    content = path.read_bytes()
    keep = content.rfind(b'\n') + 1
    if keep == len(content):
        return 0
    os.truncate(path, keep)
    return 1
