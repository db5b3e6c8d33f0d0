# Copyright (c) mmeo contributors. All rights reserved.
"""Check images of several sensors, or measure their bands, for the tools."""

import glob
import json
from argparse import Namespace
from pathlib import Path
from typing import Optional

from mmengine.config import Config

from mmeo.apis.arguments_series import RASTERS, dataset_section
from mmeo.datasets.multi_modal_series import MultiModalSeriesDataset
from mmeo.datasets.norm_report import Sampling, norm_report
from mmeo.datasets.norm_text import format_report
from mmeo.datasets.triplet_check import check_triplets
from mmeo.datasets.triplet_scan import PATTERNS
from mmeo.errors import ConfigError, MissingDataError
from mmeo.registry import DATASETS


def run_series(target: str, args: Namespace,
               cfg: Optional[Config] = None) -> int:
    """Do what the command line asks.

    Args:
        target (str): As given.
        args (Namespace): With the options of :func:`add_series_arguments`,
            ``workers``, ``examples``, ``json``, ``strict`` and ``split``.
        cfg (Config, optional): Of the target.

    Returns:
        int: 0, or 2 if something cannot be used.
    """
    places = _places(target, args, cfg)
    if args.norm_report:
        files = _sensor_files(places, args.modality) if places else {
            args.modality or 'image': _rasters(target)}
        return _measure(files, args)
    if places is None:
        raise ConfigError(f'{target} is no folder of places; to measure '
                          'rasters add --norm-report')
    report = check_triplets(places, args.workers)
    print(report.to_text(args.examples))
    _write(args, report.to_dict())
    odd = args.strict and (report.cropped or report.undated)
    return 2 if report.errors or odd else 0


def _places(target: str, args: Namespace, cfg: Optional[Config]
            ) -> Optional[MultiModalSeriesDataset]:
    if cfg is not None:
        section = dict(dataset_section(cfg, args.split), pipeline=[])
        return DATASETS.build(section)
    if args.modality not in (None, *PATTERNS) or not Path(target).is_dir():
        return None
    folders = [path for path in Path(target).iterdir() if path.is_dir()]
    if not any(any(folder.glob('s[12]_*.tif')) or
               (folder / 'hr.tif').is_file() for folder in folders):
        return None
    return MultiModalSeriesDataset(data_root=target, hr_ratio=args.hr_ratio)


def _sensor_files(places: MultiModalSeriesDataset,
                  only: Optional[str]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for index in range(len(places)):
        for name, frames in places.get_data_info(index)['frames'].items():
            files.setdefault(name, []).extend(path for path, _ in frames)
    if only is None:
        return files
    if only not in files:
        raise MissingDataError(f'no place has an image of --modality {only}; '
                               f'there are {", ".join(files)}')
    return {only: files[only]}


def _rasters(target: str) -> list[str]:
    path = Path(target)
    if path.is_dir():
        found = sorted(str(p) for p in path.rglob('*')
                       if p.suffix.lower() in RASTERS)
    else:
        found = sorted(glob.glob(target, recursive=True)) or (
            [target] if path.is_file() else [])
    if not found:
        raise MissingDataError(f'no raster in {target}; endings looked for: '
                               f'{" ".join(RASTERS)}')
    return found


def _measure(files: dict[str, list[str]], args: Namespace) -> int:
    bands, nodata = {}, {}
    if len(files) > 1 and (args.bands or args.nodata is not None):
        raise ConfigError('--bands and --nodata are of one sensor: name it by '
                          f'--modality, one of {", ".join(files)}')
    for name in files:
        if args.bands:
            bands[name] = [int(b) if b.isdigit() else b for b in args.bands]
        if args.nodata is not None:
            nodata[name] = args.nodata
    reports = norm_report(
        files, Sampling(args.windows, args.window_size, args.seed,
                        args.workers), bands, nodata)
    print(format_report(reports))
    _write(args, dict(sensors=[report.to_dict() for report in reports]))
    failed = sum(len(report.errors) for report in reports)
    odd = args.strict and any(report.warnings for report in reports)
    return 2 if failed or odd else 0


def _write(args: Namespace, content: dict) -> None:
    if args.json:
        Path(args.json).write_text(json.dumps(content, indent=2) + '\n')
