# Copyright (c) mmeo contributors. All rights reserved.
"""Measure the bands of a user's images and write the normalisation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Optional, Union

import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window

from mmeo.datasets.band_meter import QUANTILES, BandMeter
from mmeo.datasets.band_names import bands_of
from mmeo.datasets.band_stats import PRESETS, BandStats
from mmeo.datasets.norm_text import find_warnings, round_all
from mmeo.datasets.transforms.multi_modal.load_triplet import NODATA, no_data
from mmeo.datasets.units import CONVERSIONS, guess_unit
from mmeo.errors import DataError
from mmeo.geo import open_raster
from mmeo.geo.raster import Band


@dataclass(frozen=True)
class Sampling:
    """Which pixels are read.

    Args:
        windows (int): Windows of each file, drawn at random; 0 reads all.
        side (int): Of a window in pixels.
        seed (int): Of the draws.
        workers (int): Threads.
    """

    windows: int = 4
    side: int = 256
    seed: int = 0
    workers: int = 4


@dataclass
class SensorReport:
    """What was measured of one sensor.

    Args:
        name (str): Of the sensor; 'image' if unknown.
        meter (BandMeter): Statistics, in ``unit``.
        bands (tuple[str]): Names, or numbers.
        found (str or None): Unit of the files, a guess.
        unit (str or None): Unit of the statistics.
        files (int): Number read.
        errors (list[str]): Of files that could not be read.
        warnings (list[str]): What a user should look at.
    """

    name: str
    meter: BandMeter
    bands: tuple[str, ...]
    found: Optional[str]
    unit: Optional[str]
    files: int
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def config(self) -> dict:
        """Arguments of ``NormalizeBands`` for this sensor."""
        cfg = dict(mean=round_all(self.meter.mean),
                   std=round_all(self.meter.std))
        if self.unit:
            cfg['unit'] = self.found
            if self.unit != self.found:
                cfg['stats_unit'] = self.unit
        return cfg

    def to_dict(self) -> dict:
        """Plain values, for JSON."""
        points = self.meter.percentiles()
        return dict(
            name=self.name, files=self.files, failed=len(self.errors),
            pixels=self.meter.pixels, missing=self.meter.missing,
            bands=list(self.bands), found=self.found, unit=self.unit,
            mean=self.meter.mean.tolist(), std=self.meter.std.tolist(),
            minimum=self.meter.low.tolist(), maximum=self.meter.high.tolist(),
            percentiles={} if points is None else {
                str(q): row.tolist() for q, row in zip(QUANTILES, points)},
            warnings=self.warnings, errors=self.errors)


def measure(name: str, paths: Sequence[str], sampling: Sampling,
            bands: Optional[Sequence[Band]] = None,
            nodata: Optional[float] = None) -> SensorReport:
    """Measure the files of one sensor.

    Args:
        name (str): Of the sensor; with a preset its bands are looked for and
            its statistics compared.
        paths (Sequence[str]): Rasters.
        sampling (Sampling): Which pixels.
        bands (Sequence[int | str], optional): To read. Defaults to those of
            the sensor.
        nodata (float, optional): Value without data. Defaults to the file's,
            else 0 for ``s2`` and ``s1``.

    Raises:
        DataError: If no file could be read or none holds data.
    """
    stats = PRESETS.get(name)
    read = partial(_read, name=name, bands=bands, nodata=nodata,
                   sampling=sampling)
    found = _first_look(read, paths[:8], stats)
    unit = stats.unit if stats and (
        found, stats.unit) in CONVERSIONS else found
    meter = partial(_meter, read, convert=CONVERSIONS.get((found, unit)),
                    seed=sampling.seed)
    report = SensorReport(name, BandMeter(0), (), found, unit, 0)
    with ThreadPoolExecutor(max(sampling.workers, 1)) as pool:
        for path, item in zip(paths, pool.map(meter, paths)):
            _take(report, path, item)
    if not report.meter.count:
        first = f'; first: {report.errors[0]}' if report.errors else ''
        raise DataError(f'modality {name!r}: none of {len(paths)} files holds '
                        f'data that can be read{first}')
    report.warnings = find_warnings(report, stats)
    return report


def _first_look(read: Callable, paths: Sequence[str],
                stats: Optional[BandStats]) -> Optional[str]:
    """The unit of the first files; its conversion may be no linear one."""
    seen = []
    for path in paths:
        try:
            seen.append(read(path)[0])
        except DataError:
            continue  # counted when all are read
    seen = [pixels for pixels in seen if pixels.size]
    if not seen or len({pixels.shape[1] for pixels in seen}) > 1:
        return None
    return guess_unit(np.concatenate(seen), stats.unit if stats else None)


def _meter(read: Callable, path: str, convert: Optional[Callable],
           seed: int) -> Union[str, tuple[BandMeter, tuple[str, ...]]]:
    """Statistics of one file, or why there are none."""
    try:
        pixels, total, names = read(path)
    except DataError as error:
        return str(error)
    if convert is not None:
        pixels = convert(pixels.astype(np.float64))
        pixels = pixels[np.isfinite(pixels).all(1)]
    meter = BandMeter(len(names))
    meter.add(pixels, total, _rng(seed, path))
    return meter, names


def _take(report: SensorReport, path: str, item: Union[str, tuple]) -> None:
    """Add one file to the report."""
    if isinstance(item, str):
        report.errors.append(item)
        return
    meter, names = item
    if not report.files:
        report.bands, report.meter = names, BandMeter(len(names))
    if names != report.bands:
        report.errors.append(f'{path}: bands {list(names)}, the files before '
                             f'have {list(report.bands)}')
        return
    report.files += 1
    report.meter.merge(meter)


def _read(path: str, name: str, bands: Optional[Sequence[Band]],
          nodata: Optional[float], sampling: Sampling
          ) -> tuple[np.ndarray, int, tuple[str, ...]]:
    """Pixels with data ``(N, C)``, the number of all, and band names."""
    with open_raster(path) as src:
        index = bands_of(src, name, bands)
        value = nodata if nodata is not None else (
            NODATA.get(name) if src.nodata is None else src.nodata)
        parts, total = [], 0
        for window in _windows(src, path, sampling):
            raw = src.read(index, window=window)  # (C, h, w)
            mask = no_data(raw, value)
            parts.append(raw[:, ~mask].T)
            total += mask.size
        names = PRESETS[name].bands if name in PRESETS and not bands \
            else tuple(src.descriptions[i - 1] or str(i) for i in index)
    return np.concatenate(parts), total, names


def _rng(seed: int, path: str) -> np.random.Generator:
    """Of the file's name, so that the order of files does not matter."""
    return np.random.default_rng([seed, *path.rsplit('/', 1)[-1].encode()])


def _windows(src: DatasetReader, path: str, sampling: Sampling
             ) -> Iterator[Window]:
    """Random windows without repetition, or rows of blocks of everything."""
    side = sampling.side
    grid = [(row, col) for row in range(0, src.height, side)
            for col in range(0, src.width, side)]
    if 0 < sampling.windows < len(grid):
        chosen = np.sort(_rng(sampling.seed, path).choice(
            len(grid), sampling.windows, replace=False))
        grid = [grid[i] for i in chosen]
    for row, col in grid:
        yield Window(col, row, min(side, src.width - col),
                     min(side, src.height - row))


def norm_report(files: Mapping[str, Sequence[str]],
                sampling: Optional[Sampling] = None,
                bands: Optional[Mapping[str, Sequence[Band]]] = None,
                nodata: Optional[Mapping[str, float]] = None
                ) -> list[SensorReport]:
    """Measure every sensor.

    Args:
        files (Mapping): Sensor to its rasters.
        sampling (Sampling, optional): Which pixels.
        bands (Mapping, optional): Sensor to the bands to read.
        nodata (Mapping, optional): Sensor to the value without data.
    """
    return [measure(name, list(paths), sampling or Sampling(),
                    (bands or {}).get(name), (nodata or {}).get(name))
            for name, paths in files.items() if paths]
