# Copyright (c) mmeo contributors. All rights reserved.
"""Making the data set: splits, workers, and never half a result."""

import json
import shutil
from pathlib import Path

from tqdm import tqdm

from mmeo.datasets.synthetic.classes import class_tree
from mmeo.datasets.synthetic.scenes import GSD
from mmeo.datasets.synthetic.split_files import make_split
from mmeo.datasets.synthetic.styles import DEFAULT, get_style
from mmeo.errors import DataError

VERSION = '1.0'
_PARTS = ('train', 'val', 'semantics.json', 'manifest.json')
_UNFINISHED = '.synthearth-unfinished'
# What a manifest does not name.
_USUAL = dict(style=DEFAULT.name, in_context=False, rsunivlm=False,
              mask_grid=8, usual=True)


def make_synthearth(out: str | Path, num_scenes: int, size: int = 512,
                    seed: int = 0, val_fraction: float = 0.2,
                    progress: bool = True, workers: int = 1,
                    overwrite: bool = False, in_context: bool = False,
                    style: str = DEFAULT.name, rsunivlm: bool = False,
                    mask_grid: int = 8, usual: bool = True) -> Path:
    """Make SynthEarth in a folder, or find it already made.

    Scene ``i`` depends on ``seed``, ``i`` and ``size`` alone, and its look on
    ``style``. Files grow in a
    hidden sub-folder and are moved into place at the end, ``manifest.json``
    last, so that an interrupted run leaves nothing that looks complete.

    Args:
        out (str or Path): Target folder: absent, empty, or made by an
            earlier run.
        num_scenes (int): Number of scenes, at least 2 (1 without
            validation).
        size (int): Image side in pixels, a multiple of 32 from 128 on.
            Defaults to 512.
        seed (int): Seed, not negative. Defaults to 0.
        val_fraction (float): Share of the scenes, the last ones, that go
            into ``val``; at least one unless 0. Defaults to 0.2.
        progress (bool): Whether to show a progress bar. Defaults to True.
        workers (int): Number of processes. Defaults to 1.
        overwrite (bool): Whether to replace a SynthEarth that was made with
            other settings. Defaults to False.
        in_context (bool): Whether to write ``incontext`` as well: a quarter
            of the pixels along each side, optical, radar and leaves. Defaults
            to False.
        style (str): Look of the scenes: ``'default'``, ``'arid'`` or
            ``'winter'``; outlines are the same in all.

    Returns:
        Path: The target folder.

    Raises:
        DataError: On settings that make no sense, on a folder that holds
            other files, or a SynthEarth of other settings.
    """
    out = Path(out).expanduser()
    settings = _settings(num_scenes, size, seed, val_fraction, workers)
    settings |= dict(in_context=in_context, style=get_style(style).name)
    settings |= _dialogue_settings(rsunivlm, mask_grid, usual, in_context)
    if _is_made(out, settings, overwrite):
        print(f'SynthEarth is already in {out} with these settings')
        return out
    work = out / _UNFINISHED
    if work.exists():
        shutil.rmtree(work)
    work.mkdir(parents=True)
    num_val = settings['num_val']
    splits = dict(train=range(num_scenes - num_val),
                  val=range(num_scenes - num_val, num_scenes))
    counts = {}
    with tqdm(total=num_scenes, desc='SynthEarth', unit='scene',
              disable=not progress) as bar:
        for name, indices in splits.items():
            if len(indices):
                counts[name] = make_split(work / name, indices, settings,
                                          workers, bar)
    _write_json(work / 'semantics.json', class_tree())
    said = {key: value for key, value in settings.items()
            if key not in _USUAL or value != _USUAL[key]}
    _write_json(work / 'manifest.json', dict(**said, gsd=GSD, counts=counts))
    for part in _PARTS:
        _remove(out / part)
    for part in _PARTS:
        if (work / part).exists():
            (work / part).rename(out / part)
    work.rmdir()
    return out


def _settings(num_scenes: int, size: int, seed: int, val_fraction: float,
              workers: int) -> dict:
    """Check the settings; those that shape the files are returned."""
    if size < 128 or size % 32:
        raise DataError(f'size={size}: SynthEarth needs a multiple of 32, at '
                        'least 128, as a 10 m pixel holds 32 x 32 of its '
                        'pixels')
    if seed < 0:
        raise DataError(f'seed={seed}: give a number from 0 on')
    if workers < 1:
        raise DataError(f'workers={workers}: give at least 1')
    if not 0 <= val_fraction < 1:
        raise DataError(f'val_fraction={val_fraction}: give a share from 0 '
                        'up to, not including, 1')
    num_val = max(1, round(num_scenes * val_fraction)) if val_fraction else 0
    if num_scenes <= num_val:
        raise DataError(f'num_scenes={num_scenes} leaves no training scene '
                        f'beside {num_val} for validation; give at least '
                        f'{num_val + 1}')
    return dict(name='SynthEarth', version=VERSION, seed=seed, size=size,
                num_scenes=num_scenes, num_val=num_val)


def _dialogue_settings(rsunivlm: bool, mask_grid: int, usual: bool,
                       in_context: bool) -> dict:
    """Check what is asked for beside the usual files, or instead of them."""
    if not rsunivlm and (mask_grid != _USUAL['mask_grid'] or not usual):
        raise DataError(f'mask_grid={mask_grid}, usual={usual}: they go with '
                        'rsunivlm=True')
    if not usual and in_context:
        raise DataError('usual=False writes `rsunivlm` alone: leave '
                        'in_context out')
    if not 2 <= mask_grid <= 64:
        raise DataError(f'mask_grid={mask_grid}: give 2 to 64 cells')
    return dict(rsunivlm=rsunivlm, mask_grid=mask_grid, usual=usual)


def _is_made(out: Path, settings: dict, overwrite: bool) -> bool:
    """Whether the folder already holds what is asked for."""
    if not out.exists():
        return False
    if not out.is_dir():
        raise DataError(f'{out} is a file; name a folder for SynthEarth')
    manifest = out / 'manifest.json'
    if manifest.is_file():
        try:
            found = json.loads(manifest.read_text())
            if found['name'] != settings['name']:
                raise KeyError('name')
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f'{manifest} was not written by SynthEarth; '
                            'choose another folder') from error
        found = {**_USUAL, **found}
        other = {key: found.get(key) for key, value in settings.items()
                 if found.get(key) != value}
        for key in _more(settings):  # more than asked for is fine
            other.pop(key, None)
        if not other:
            return True
        if not overwrite:
            wanted = {key: settings[key] for key in other}
            raise DataError(
                f'{out} holds a SynthEarth made with {other}, but {wanted} '
                'is asked for; choose another folder or pass --overwrite')
        return False
    known = {*_PARTS, _UNFINISHED}
    # Only a run that was killed leaves our hidden folder behind.
    foreign = {path.name for path in out.iterdir()}
    if _UNFINISHED in foreign:
        foreign -= known
    if foreign:
        raise DataError(f'{out} holds other files (for example '
                        f'{sorted(foreign)[0]}); choose an empty folder')
    return False


def _more(settings: dict) -> list[str]:
    """Settings that only tell what lies there beside what is asked for."""
    found = [] if settings['in_context'] else ['in_context']
    if not settings['rsunivlm']:
        found += ['rsunivlm', 'mask_grid']
    return found if settings['usual'] else [*found, 'usual']


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content) + '\n')


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
