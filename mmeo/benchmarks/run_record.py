# Copyright (c) mmeo contributors. All rights reserved.
"""Run records: what was measured, with what, on what, when and where.

One JSON file ``run_record_<time>.json`` for each test, in its work dir. The
schema is documented in ``docs/en/benchmarks.md``.
"""

import hashlib
import json
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmengine.config import Config

from mmeo.errors import DataError, MissingDataError
from mmeo.utils import device_name

SCHEMA = 'mmeo/run-record/1'
_REQUIRED = ('schema', 'config', 'metrics', 'date')
# Settings that change where and how fast a test runs, never its result.
_HARMLESS = ('data_root', 'num_workers', 'persistent_workers', 'pin_memory',
             'load_from', 'work_dir', 'launcher', 'log_level')


def config_name(filename: Optional[Union[str, Path]]) -> str:
    """A config's path from ``configs/`` or ``projects/`` on.

    So records of a checkout and of an installed package agree.
    """
    if filename is None:
        return 'unnamed'
    parts = Path(filename).parts
    for root in ('configs', 'projects'):
        if root in parts:
            start = len(parts) - 1 - parts[::-1].index(root)
            # `projects/x/configs/y.py` begins at the outer of the two.
            if root == 'configs' and 'projects' in parts[:start]:
                continue
            return '/'.join(parts[start:])
    return Path(filename).as_posix()


def file_sha256(path: Union[str, Path]) -> str:
    """Hash of a file, read in pieces of 8 MiB."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 23):
            digest.update(block)
    return digest.hexdigest()


def describe_checkpoint(path: Optional[str]) -> dict[str, Any]:
    """Path, size and hash; only the path of what is no local file."""
    if path is None or not Path(path).is_file():
        return dict(path=path)
    return dict(path=path, bytes=Path(path).stat().st_size,
                sha256=file_sha256(path))


def describe_dataset(dataset: Any) -> dict[str, Any]:
    """Size and checksum of a dataset.

    The checksum runs over the sorted names of the images and their sizes in
    bytes (and annotations as parsed), so that it is the same on every disk
    and takes seconds, not hours, on a large set.

    Args:
        dataset (Any): An mmengine dataset.
    """
    lines = []
    for index in range(len(dataset)):
        info = (dataset.get_data_info(index)
                if hasattr(dataset, 'get_data_info') else {})
        lines.append(_fingerprint(info, index))
    digest = hashlib.sha256('\n'.join(sorted(lines)).encode())
    return dict(type=type(dataset).__name__, images=len(dataset),
                sha256=digest.hexdigest())


def _fingerprint(info: Mapping, index: int) -> str:
    """A line of names, sizes and annotations; see ``describe_dataset``."""
    paths = [Path(path) for path in
             info.get('img_paths', [info.get('img_path')])
             if isinstance(path, (str, Path))]
    name = ' '.join(path.name for path in paths)
    size = sum(path.stat().st_size for path in paths if path.is_file())
    objects = [(item.get('bbox_label'), [round(float(x), 2)
                                         for x in item.get('bbox', ())])
               for item in info.get('instances', ())]
    line = f'{name or info.get("img_id", index)} {size} {objects}'
    if 'conversations' not in info:
        return line
    said = dict(turns=info['conversations'], truth=info.get('annotation'))
    return f'{line} {json.dumps(said, sort_keys=True)}'


def environment() -> dict[str, Any]:
    """Versions and device of this process."""
    from importlib.metadata import PackageNotFoundError, version
    versions: dict[str, Any] = {'python': platform.python_version(),
                                'torch': torch.__version__}
    for name in ('mmeo', 'onedl-mmengine', 'onedl-mmcv', 'transformers'):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    cuda = torch.cuda.is_available()
    return dict(
        versions=versions, platform=platform.platform(),
        device=device_name('cuda' if cuda else 'cpu'),
        cuda=torch.version.cuda if cuda else None)


def harmful_options(options: Optional[Mapping]) -> dict[str, Any]:
    """The options that may have changed the result."""
    return {key: value for key, value in (options or {}).items()
            if key.rsplit('.', 1)[-1] not in _HARMLESS}


def plain(value: Any) -> Any:
    """A metric as JSON can hold it: NaN, for an absent class, is null."""
    value = value.item() if hasattr(value, 'item') else value
    return None if isinstance(value, float) and value != value else value


def make_record(cfg: Config,
                checkpoint: Optional[str],
                metrics: Mapping[str, Any],
                dataset: Any = None,
                options: Optional[Mapping] = None,
                tta: bool = False,
                seconds: Optional[float] = None,
                note: Optional[str] = None) -> dict[str, Any]:
    """Put a record together.

    Args:
        cfg (Config): What was run.
        checkpoint (str, optional): Weights; None are the initial ones.
        metrics (Mapping): Measured values.
        dataset (Any): What it was measured on. Defaults to None.
        options (Mapping, optional): ``--cfg-options``.
        tta (bool): Test-time augmentation. Defaults to False.
        seconds (float, optional): Wall time of the test.
        note (str, optional): E.g. 'scored by the evaluation server'.
    """
    return dict(
        schema=SCHEMA,
        config=config_name(cfg.filename),
        options={key: value for key, value in (options or {}).items()},
        tta=tta,
        checkpoint=describe_checkpoint(checkpoint),
        dataset=None if dataset is None else describe_dataset(dataset),
        metrics={key: plain(value) for key, value in metrics.items()},
        environment=environment(),
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        seconds=None if seconds is None else round(seconds, 1),
        command=shlex.join(sys.argv),
        note=note)


def write_record(folder: Union[str, Path], record: Mapping) -> Path:
    """Write a record into a folder under a name that is not yet taken."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stem = 'run_record_' + datetime.now().strftime('%Y%m%d_%H%M%S')
    path, count = folder / f'{stem}.json', 1
    while path.exists():
        path, count = folder / f'{stem}_{count}.json', count + 1
    path.write_text(json.dumps(record, indent=1, default=str) + '\n')
    return path


def read_record(path: Path) -> dict[str, Any]:
    """Read one record.

    Raises:
        DataError: If it is none.
    """
    try:
        record = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise DataError(f'{path}: not JSON ({error}). Remove the file or run '
                        'the test again.') from error
    missing = [key for key in _REQUIRED if key not in record]
    if missing or record['schema'] != SCHEMA:
        raise DataError(f'{path}: not a run record of schema {SCHEMA} (lacks '
                        f'{missing or "nothing"}). Remove the file.')
    return {**record, 'file': str(path)}


def find_records(folder: Union[str, Path]) -> list[dict[str, Any]]:
    """All records below a folder, oldest first.

    Raises:
        MissingDataError: If there is no such folder.
        DataError: If a record cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingDataError(
            f'{folder}: no such folder of run records. Name the one that '
            'holds your work dirs with --records.')
    records = [read_record(path)
               for path in folder.rglob('run_record_*.json')]
    return sorted(records, key=lambda record: (record['date'],
                                               record['file']))
