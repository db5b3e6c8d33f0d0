# Copyright (c) mmeo contributors. All rights reserved.
"""Scenes of Sentinel-2, Sentinel-1 and HR sensors in folders of items."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Optional

from mmeo.datasets.band_names import s2_common_band
from mmeo.datasets.band_stats import S1_BANDS, S2_BANDS
from mmeo.datasets.frame_dates import date_of_item
from mmeo.errors import DataError

_DATE = re.compile(r'(?<!\d)(20\d{6})T(\d{6})(?!\d)')


class BandFile(NamedTuple):
    """A band of a scene: file and 1-based number in it."""

    path: str
    index: int


@dataclass
class SceneItem:
    """One image of a sensor, its bands in one or several files.

    Args:
        sensor (str): 'hr', 's2' or 's1'.
        name (str): For messages and tags.
        date (datetime or None): When it was taken.
        bands (dict[str, BandFile]): Those that the sensor's network takes.
        offset (float): To add to S2 digital numbers so that they count from
            reflectance 0.
        unit (str or None): Of S1, 'db' or 'linear', where it is stated.
    """

    sensor: str
    name: str
    date: Optional[datetime]
    bands: dict[str, BandFile] = field(default_factory=dict)
    offset: float = 0.0
    unit: Optional[str] = None


def find_items(root: Path) -> Iterator[Path]:
    """JSON files below a folder that may describe a scene."""
    yield from sorted(path for path in root.rglob('*.json')
                      if path.name not in ('collection.json', 'catalog.json'))


def read_item(path: Path) -> 'SceneItem | str':
    """Read a STAC item, or the ``metadata.json`` of SSL4EO-S12.

    Returns:
        SceneItem or str: A scene, or the reason why there is none.

    Raises:
        DataError: If the file is no JSON.
    """
    try:
        data = json.loads(path.read_text())
    except ValueError as error:
        raise DataError(f'{path}: no JSON ({error})') from None
    if not isinstance(data, dict):
        return 'JSON that is no item'
    if isinstance(data.get('assets'), dict):
        return _stac_scene(path, data)
    if path.name == 'metadata.json':
        return _folder_scene(path, data)
    return 'JSON that is no item'


def _stac_scene(path: Path, item: Mapping) -> 'SceneItem | str':
    properties = item.get('properties', {})
    sensor = _sensor_of(item, properties)
    scene = SceneItem(sensor or 'hr', str(item.get('id', path.stem)),
                      date_of_item(item))
    for key, asset in item['assets'].items():
        for index, band in enumerate(_bands(asset, key), start=1):
            name = _band_name(band, key, sensor)
            if name is not None:
                scene.bands.setdefault(name, BandFile(
                    _href(path, asset), index))
                _note_raster(scene, asset, index)
    if sensor == 's2':
        if 'l1c' in json.dumps([item.get('collection'), scene.name]).lower():
            return 'Sentinel-2 L1C (top of atmosphere)'
        baseline = properties.get('s2:processing_baseline',
                                  properties.get('processing:version'))
        if properties.get('earthsearch:boa_offset_applied'):
            scene.offset = 0.0
        elif not scene.offset:
            scene.offset = _baseline_offset(baseline)
    return _complete(scene)


def _folder_scene(path: Path, data: Mapping) -> 'SceneItem | str':
    """A folder with a GeoTIFF per band and Earth Engine's properties."""
    folder = path.parent
    found = {file.stem: file for file in folder.glob('*.tif')}
    match = _DATE.search(folder.name)
    date = datetime.strptime(match[1] + match[2], '%Y%m%d%H%M%S') \
        if match else None
    sensor = 's1' if set(S1_BANDS) <= set(found) else 's2'
    scene = SceneItem(sensor, folder.name, date, unit='db'
                      if sensor == 's1' else None)
    for stem, file in found.items():
        name = _band_name(dict(name=stem), stem, sensor)
        if name is not None:
            scene.bands[name] = BandFile(str(file), 1)
    if sensor == 's2':
        if 'MSIL1C' in str(data.get('PRODUCT_ID', '')) or 'B10' in found:
            return 'Sentinel-2 L1C (top of atmosphere)'
        scene.offset = _baseline_offset(data.get('PROCESSING_BASELINE'))
    return _complete(scene)


def _sensor_of(item: Mapping, properties: Mapping) -> Optional[str]:
    text = ' '.join(str(value) for value in (
        item.get('collection'), item.get('id'), properties.get('platform'),
        properties.get('constellation'))).lower()
    for sensor in ('s2', 's1'):
        if f'sentinel-{sensor[1]}' in text or re.search(
                rf'(^| ){sensor}[abcd]?_', text):
            return sensor
    return None


def _bands(asset: Mapping, key: str) -> list[Mapping]:
    """Bands of an asset: STAC 1.0, SAR, STAC 1.1, or one named as its key."""
    if not str(asset.get('type', 'image/tiff')).startswith('image/'):
        return []
    bands = asset.get('eo:bands') or asset.get('bands')
    if bands and any(set(band) & {'name', 'common_name', 'eo:common_name'}
                     for band in bands):
        return bands
    channels = asset.get('sar:polarizations')
    return [dict(name=name) for name in channels or [key]]


def _band_name(band: Mapping, key: str, sensor: Optional[str]
               ) -> Optional[str]:
    """Name of a wanted band, None for others."""
    name = str(band.get('name') or '')
    common = str(band.get('common_name') or band.get('eo:common_name') or '')
    if sensor == 's1':
        return next((n.upper() for n in (name, key)
                     if n.upper() in S1_BANDS), None)
    if sensor == 's2':
        # An RGB preview repeats bands in 8 bits.
        if key.lower() in ('visual', 'thumbnail', 'overview', 'preview',
                           'tci') or key.endswith('-jp2'):
            return None
        return next((n for n in map(s2_common_band, (name, common))
                     if n in S2_BANDS), None)
    return next((n.lower() for n in (common, name)
                 if n.lower() in ('red', 'green', 'blue')), None)


def _href(path: Path, asset: Mapping) -> str:
    href = str(asset.get('href', ''))
    return href if '://' in href or href.startswith('/') else str(
        path.parent / href)


def _note_raster(scene: SceneItem, asset: Mapping, index: int) -> None:
    """Take unit and offset from the `raster` extension."""
    bands = asset.get('raster:bands') or asset.get('bands') or []
    if index > len(bands):
        return
    band = bands[index - 1]
    unit = str(band.get('unit', asset.get('unit', ''))).lower()
    if scene.sensor == 's1' and unit:
        scene.unit = 'db' if unit in ('db', 'decibel', 'decibels') \
            else 'linear'
    offset = band.get('offset', band.get('raster:offset'))
    scale = band.get('scale', band.get('raster:scale'))
    if scene.sensor == 's2' and offset and scale:
        scene.offset = float(round(offset / scale))


def _baseline_offset(baseline: Optional[str]) -> float:
    """-1000 from processing baseline 04.00 on (25 January 2022)."""
    match = re.match(r'0*(\d+)\.', str(baseline or ''))
    return -1000.0 if match and int(match[1]) >= 4 else 0.0


def _complete(scene: SceneItem) -> 'SceneItem | str':
    wanted = dict(s2=S2_BANDS, s1=S1_BANDS,
                  hr=('red', 'green', 'blue'))[scene.sensor]
    missing = [band for band in wanted if band not in scene.bands]
    if len(missing) == len(wanted):
        return 'item without bands of any known sensor'
    if missing:
        return f'{scene.sensor} item without band {", ".join(missing)}'
    if scene.sensor != 'hr' and scene.date is None:
        return f'{scene.sensor} item without a date'
    scene.bands = {band: scene.bands[band] for band in wanted}
    return scene
