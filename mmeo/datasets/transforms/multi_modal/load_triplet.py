# Copyright (c) mmeo contributors. All rights reserved.
"""Read what all sensors saw of a place."""

import math
from collections.abc import Mapping, Sequence
from typing import Optional, Union

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from rasterio.io import DatasetReader
from rasterio.windows import Window

from mmeo.datasets.band_names import bands_of
from mmeo.datasets.frame_dates import date_of_file, day_of_year
from mmeo.datasets.place_files import LABEL, open_place
from mmeo.datasets.registration import Registration
from mmeo.errors import DataError
from mmeo.geo.raster import Band
from mmeo.registry import TRANSFORMS
from mmeo.structures.modality import NO_LABEL

#: Metres of a pixel where a file does not tell.
NOMINAL_GSD = dict(hr=0.3, s2=10.0, s1=10.0)
# Sentinel products leave 0 where they hold no data, and seldom declare it.
NODATA = dict(s2=0, s1=0)


@TRANSFORMS.register_module()
class LoadTriplet(BaseTransform):
    """Load the common extent of all images of a place, and its label.

    CRS and transform of every image are compared first (see
    :func:`~mmeo.datasets.registration.register`); partial overlap is cropped
    to the common extent, which is logged once per process and counted by
    ``tools/check_dataset.py``. An image without any data in that extent is
    left out, as if the sensor had not seen the place that day.

    Required keys: ``place``, ``frames``, ``ratios``, ``registration`` (all
    of ``MultiModalSeriesDataset``); ``seg_map_path``, ``label_lookup``
    (optional). Added keys: ``modalities`` (see
    :mod:`~mmeo.datasets.transforms.multi_modal.samples`), ``gt_seg_map``
    ``(H, W)`` uint8 where there is a label, ``img_path`` (first image),
    ``empty_frames`` (number left out).

    Args:
        bands (dict[str, list[int | str]], optional): Sensor to the bands to
            read. Defaults to those of its preset, found by band descriptions
            or by their number.
        nodata (dict[str, float | None], optional): Sensor to the value of
            pixels without data; None declares that there is none. By default
            the file's own, else 0 for ``s2`` and ``s1``. NaN is never data.
        dtype (str, optional): Type of the images; None keeps the file's,
            which spares memory and time before ``MultiModalMultiCrop``.
            Defaults to 'float32'.
        load_label (bool): Defaults to True.

    Raises:
        DataError: If images do not lie on the same ground, bands are not
            those expected, or no image holds data.
    """

    def __init__(self,
                 bands: Optional[Mapping[str, Sequence[Band]]] = None,
                 nodata: Optional[Mapping[str, Optional[float]]] = None,
                 dtype: Optional[str] = 'float32',
                 load_label: bool = True) -> None:
        self.bands = dict(bands or {})
        self.nodata = dict(nodata or {})
        self.dtype = dtype
        self.load_label = load_label
        self._told = False

    def transform(self, results: dict) -> dict:
        with open_place(results, self.load_label) as place:
            files, shared = place
            self._tell(shared, results)
            results['img_path'] = next(iter(files.values()))[0].name
            label = files.pop(LABEL, None)
            results['empty_frames'] = 0
            results['modalities'] = {}
            for name, many in files.items():
                series, empty = self._read_series(
                    name, many, shared.windows[name],
                    [day for _, day in results['frames'][name]])
                results['empty_frames'] += empty
                if series is not None:
                    results['modalities'][name] = series
            if label is not None:
                results['gt_seg_map'] = _read_label(
                    label[0], shared.windows[LABEL][0],
                    results.get('label_lookup'))
                results.setdefault('seg_fields', []).append('gt_seg_map')
        if not results['modalities']:
            raise DataError(f'{results["place"]}: no image holds data in the '
                            'common extent. Remove the place.')
        return results

    def _tell(self, places: Registration, results: dict) -> None:
        if places.cropped and not self._told:
            self._told = True
            print_log(
                f'{results["place"]}: images differ in extent and were '
                f'cropped to the {places.cells[0]} x {places.cells[1]} '
                'coarse pixels they share; further ones are not logged '
                '(`tools/check_dataset.py` counts them)', 'current')

    def _read_series(self, name: str, files: Sequence[DatasetReader],
                     windows: Sequence[Window], days: Sequence[Optional[int]]
                     ) -> tuple[Optional[dict], int]:
        images, masks, dates, empty = [], [], [], 0
        for src, window, day in zip(files, windows, days):
            image, missing = self._read(name, src, window)
            if missing.all():
                empty += 1
                continue
            images.append(image)
            masks.append(missing)
            if day is None:
                day = day_of_year(date_of_file(src.name, src.tags()))
            dates.append(day)
        if not images:
            return None, empty
        series = dict(images=np.stack(images),
                      dates=np.asarray(dates, dtype=np.int64),
                      gsd=_gsd(files[0], name))
        nodata = np.stack(masks)  # (T, H, W)
        if nodata.any():
            series['nodata'] = nodata
        return series, empty

    def _read(self, name: str, src: DatasetReader, window: Window
              ) -> tuple[np.ndarray, np.ndarray]:
        """One image ``(H, W, C)`` and where it holds no data ``(H, W)``."""
        raw = src.read(bands_of(src, name, self.bands.get(name)),
                       window=window)  # (C, H, W)
        nodata = self.nodata[name] if name in self.nodata else (
            NODATA.get(name) if src.nodata is None else src.nodata)
        missing = no_data(raw, nodata)
        image = np.ascontiguousarray(raw.transpose(1, 2, 0))
        if self.dtype is not None:
            image = image.astype(self.dtype, copy=False)
        if missing.any():
            image[missing] = 0
        return image, missing

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(bands={self.bands}, '
                f'dtype={self.dtype!r})')


def no_data(raw: np.ndarray, nodata: Optional[float]) -> np.ndarray:
    """Where ``(C, H, W)`` holds no data: all bands that value, or any NaN."""
    missing = np.zeros(raw.shape[1:], dtype=bool)
    if raw.dtype.kind == 'f':
        missing |= ~np.isfinite(raw).all(axis=0)
    if nodata is not None and not math.isnan(nodata):
        missing |= (raw == nodata).all(axis=0)
    return missing


def _read_label(src: DatasetReader, window: Window,
                lookup: Optional[np.ndarray]) -> np.ndarray:
    if src.count != 1:
        raise DataError(f'{src.name}: a label raster has one band, this one '
                        f'has {src.count}')
    raw = src.read(1, window=window)
    if raw.min() < 0 or raw.max() > NO_LABEL:
        raise DataError(f'{src.name}: label values from {raw.min()} to '
                        f'{raw.max()}; class ids are 0 to 254')
    raw = raw.astype(np.uint8)
    return raw if lookup is None else lookup[raw]


def _gsd(src: DatasetReader, name: str) -> Union[float, None]:
    """Metres along a pixel, of a geographic CRS along the meridian."""
    if src.crs is None or src.transform.is_identity:
        return NOMINAL_GSD.get(name)
    if src.crs.is_geographic:
        return abs(src.transform.e) * 111_320.0
    return abs(src.transform.e) * src.crs.linear_units_factor[1]
