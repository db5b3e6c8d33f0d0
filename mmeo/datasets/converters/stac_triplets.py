# Copyright (c) mmeo contributors. All rights reserved.
"""Folders of STAC items (or SSL4EO-S12) to places of triplets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

import numpy as np
import rasterio

from mmeo.datasets.band_stats import RGB_BANDS
from mmeo.datasets.units import CONVERSIONS, guess_unit
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.geo import open_raster

from .report import Report
from .stac_grid import Cell, Warper, grid_cells, hr_cells
from .stac_items import BandFile, SceneItem, find_items, read_item

HR_RATIO = 32
# Warping leaves single pixels of the border without data.
_WHOLE = 0.999


@dataclass(frozen=True)
class Settings:
    """How to cut and resample; see :func:`convert`."""

    pitch: float
    pixels: int = 64
    min_valid: float = 0.9
    resampling: str = 'bilinear'
    s1_unit: str = 'auto'
    harmonize: bool = True


def convert(source: Union[str, Path],
            out: Union[str, Path],
            hr: Sequence[Union[str, Path]] = (),
            pitch: Optional[float] = None,
            pixels: int = 64,
            min_valid: float = 0.9,
            resampling: str = 'bilinear',
            s1_unit: str = 'auto',
            harmonize: bool = True) -> Report:
    """Cut scenes into places of ``pixels`` x ``pixels`` coarse pixels.

    With HR images (items with red, green and blue, or files) the places are
    cells of each image from its upper left corner; without, cells of a fixed
    grid of the UTM zone. Each place becomes a folder with ``hr.tif``,
    ``s2_YYYYMMDD.tif`` and ``s1_YYYYMMDD.tif``.

    Args:
        source: Folder with STAC items beside their files, at any depth, or
            with SSL4EO-S12's folders of ``metadata.json`` and ``BAND.tif``.
        out: Target folder, made.
        hr: HR rasters (red, green, blue first) beside those among the items.
        pitch: Metres of an S2 and S1 pixel; an HR pixel is a 32nd of it.
            Defaults to 9.6 with HR (0.3 m and cells of 614.4 m) and 10
            without.
        pixels: Side of a cell in coarse pixels. Defaults to 64.
        min_valid: Share of a cell that a scene has to cover with data; it is
            left out of the place otherwise. Defaults to 0.9.
        resampling: Of rasterio, 'bilinear', 'nearest', 'cubic'; means where
            pixels become much larger. Defaults to 'bilinear'.
        s1_unit: 'db', 'linear', or 'auto': as the items state, else as the
            values show. Defaults to 'auto'. S1 is warped as it is stored and
            written in dB.
        harmonize: Take off the +1000 of Sentinel-2 baselines from 04.00 on.
            Defaults to True.

    Returns:
        Report: What was written and what was left out, and why.

    Raises:
        MissingDataError: If the folder is absent.
        DataError: If there is no scene or none holds a whole place, the
            target is not empty, or HR has more than 8 bits.
    """
    root, target = Path(source), Path(out)
    if not root.is_dir():
        raise MissingDataError(f'folder {root} does not exist')
    if s1_unit not in ('auto', 'db', 'linear'):
        raise ConfigError("`s1_unit` is 'auto', 'db' or 'linear', got "
                          f'{s1_unit!r}')
    if target.is_dir() and any(target.iterdir()):
        raise DataError(f'{target} is not empty; give a new folder')
    report = Report()
    scenes = _read_scenes(root, hr, report)
    images = [scene for scene in scenes if scene.sensor == 'hr']
    settings = Settings(pitch or (9.6 if images else 10.0), pixels,
                        min_valid, resampling, s1_unit, harmonize)
    cells = _hr_places(images, target, settings, report) if images else \
        _grid_places(scenes, settings, report)
    if not cells:
        raise DataError(
            f'{root}: no scene holds a whole place of {pixels} x {pixels} '
            f'pixels of {settings.pitch} m; set `pixels`.\n{report}')
    for scene in scenes:
        if scene.sensor != 'hr':
            _add_scene(scene, cells, target, settings, report)
    report.counts['places'] = sum(1 for path in target.iterdir()) \
        if target.is_dir() else 0
    return report


def _read_scenes(root: Path, hr: Sequence[Union[str, Path]],
                 report: Report) -> list[SceneItem]:
    scenes = []
    for path in find_items(root):
        scene = read_item(path)
        if isinstance(scene, str):
            report.dropped[scene] += 1
        else:
            scenes.append(scene)
            report.counts[f'{scene.sensor} scenes read'] += 1
    for path in hr:
        scenes.append(SceneItem('hr', Path(path).stem, None, {
            band: BandFile(str(path), i) for i, band in
            enumerate(RGB_BANDS, start=1)}))
        report.counts['hr scenes read'] += 1
    if not scenes:
        raise DataError(f'{root}: no STAC item and no metadata.json of a '
                        f'known sensor.\n{report}')
    # Of two scenes of a day the first is kept where both are complete.
    return sorted(scenes, key=lambda s: (s.sensor, str(s.date), s.name))


def _hr_places(images: Sequence[SceneItem], target: Path,
               settings: Settings, report: Report) -> list[Cell]:
    places = []
    for scene in images:
        with open_raster(next(iter(scene.bands.values())).path) as src:
            if src.crs is None:
                raise DataError(f'{src.name} has no georeference')
            cells, partial = hr_cells(src, scene.name, settings.pitch,
                                      settings.pixels)
        report.dropped['HR cells cut by the border of their image'] += partial
        with Warper(scene.bands, settings.resampling, None) as warper:
            for cell in cells:
                image, valid = warper.read(cell, HR_RATIO)
                if not valid.any() or valid.mean() < _WHOLE:
                    report.dropped['HR cells with missing pixels'] += 1
                    continue
                _write(target / cell.name / 'hr.tif',
                       _colours(image, valid, scene, report), cell,
                       RGB_BANDS, None, scene, HR_RATIO)
                places.append(cell)
                report.counts['hr images'] += 1
    return places


def _colours(image: np.ndarray, valid: np.ndarray, scene: SceneItem,
             report: Report) -> np.ndarray:
    """uint8; HR has no value that means no data."""
    if image[:, valid].max() > 255.5 or image[:, valid].min() < -0.5:
        raise DataError(
            f'{scene.name}: HR values from {image[:, valid].min():g} to '
            f'{image[:, valid].max():g}. Bring the image to 8 bits first, '
            'e.g. `gdal_translate -ot Byte -scale`.')
    if not valid.all():
        report.odd['HR pixels without data, written black'] += int(
            (~valid).sum())
    return np.where(valid, image, 0).round().clip(0, 255).astype(np.uint8)


def _grid_places(scenes: Sequence[SceneItem], settings: Settings,
                 report: Report) -> list[Cell]:
    places: dict[str, Cell] = {}
    for scene in scenes:
        if scene.sensor == 's2' or not any(s.sensor == 's2' for s in scenes):
            with open_raster(next(iter(scene.bands.values())).path) as src:
                for cell in grid_cells(src, settings.pitch, settings.pixels):
                    places.setdefault(cell.name, cell)
    report.counts['cells inside a scene'] = len(places)
    return list(places.values())


def _add_scene(scene: SceneItem, cells: Sequence[Cell], target: Path,
               settings: Settings, report: Report) -> None:
    """Write the part of a scene that lies in each cell."""
    try:
        with Warper(scene.bands, settings.resampling, 0) as warper:
            touched = [cell for cell in cells if warper.covers(cell)]
            if not touched:
                report.dropped[f'{scene.sensor} scenes outside of all '
                               'places'] += 1
            for cell in touched:
                _add_frame(scene, warper, cell, target, settings, report)
    except DataError as error:
        report.dropped[f'{scene.sensor} scene that cannot be used: '
                       f'{error}'] += 1


def _add_frame(scene: SceneItem, warper: Warper, cell: Cell, target: Path,
               settings: Settings, report: Report) -> None:
    image, valid = warper.read(cell)
    if valid.mean() < settings.min_valid:
        report.dropped[f'{scene.sensor} frames that cover less than '
                       f'{settings.min_valid:.0%} of their place'] += 1
        return
    path = target / cell.name / f'{scene.sensor}_{scene.date:%Y%m%d}.tif'
    if path.exists():
        report.dropped[f'{scene.sensor} frames of a day that the place '
                       'has already'] += 1
        return
    if scene.sensor == 's2':
        image, nodata = _digital(image, valid, scene, settings, report), 0
    else:
        image, nodata = _decibels(image, valid, scene, settings), np.nan
    _write(path, image, cell, tuple(scene.bands), nodata, scene)
    report.counts[f'{scene.sensor} frames'] += 1


def _digital(image: np.ndarray, valid: np.ndarray, scene: SceneItem,
             settings: Settings, report: Report) -> np.ndarray:
    """uint16 digital numbers, 0 without data."""
    if image[:, valid].max() <= 2:
        image = image * 10000  # stored as reflectance
        report.odd['S2 frames stored as reflectance, times 10000'] += 1
    if settings.harmonize and scene.offset:
        image = image + scene.offset
        report.counts['s2 frames with the offset of baseline 04.00 '
                      'taken off'] += 1
    dark = (image < 1) & valid
    if dark.any():
        report.odd['S2 values below 1, set to 1 (0 is no data)'] += int(
            dark.sum())
    image = np.clip(np.round(image), 1, 65535)
    return np.where(valid, image, 0).astype(np.uint16)


def _decibels(image: np.ndarray, valid: np.ndarray, scene: SceneItem,
              settings: Settings) -> np.ndarray:
    """float32 dB, NaN without data."""
    unit = settings.s1_unit if settings.s1_unit != 'auto' else scene.unit
    if unit is None:
        unit = guess_unit(image[:, valid], 'db')
        if unit is None:
            raise DataError(f'{scene.name}: values from '
                            f'{image[:, valid].min():g} to '
                            f'{image[:, valid].max():g} are neither dB nor '
                            'power; calibrate the scene')
    if unit != 'db':
        with np.errstate(invalid='ignore'):
            image = CONVERSIONS[unit, 'db'](image)
    return np.where(valid, image, np.nan).astype(np.float32)


def _write(path: Path, image: np.ndarray, cell: Cell,
           names: Sequence[str], nodata: Optional[float], scene: SceneItem,
           ratio: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = image.shape
    with rasterio.open(
            path, 'w', driver='GTiff', count=count, height=height,
            width=width, dtype=image.dtype, crs=cell.crs, nodata=nodata,
            transform=cell.transform(ratio), compress='deflate') as dst:
        dst.write(image)
        dst.descriptions = tuple(names)
        dst.update_tags(source=scene.name)
        if scene.date is not None:
            dst.update_tags(datetime=scene.date.isoformat())
