# Copyright (c) mmeo contributors. All rights reserved.
"""Load the files of a place as series of several sensors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
from mmcv.transforms import BaseTransform

from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.geo import open_raster, resolve_bands
from mmeo.geo.raster import Band
from mmeo.registry import TRANSFORMS

from .load_annotations import LoadGeoAnnotations
from .multi_modal.load_triplet import no_data


class SeriesSource:
    """How the files of one sensor become its series.

    Args:
        gsd (float): Metres per pixel of the files.
        bands (Sequence[int | str], optional): 1-based numbers, for rasters
            also names, in the wanted order. Defaults to None, all.
        nodata (float | str, optional): Value of pixels without data: all
            chosen bands hold it. 'file' takes what a raster declares. NaN
            never is data. Defaults to 'file'.
        any_band (bool): A pixel is without data if any chosen band holds
            ``nodata``, for a value that cannot be measured. Defaults to
            False.
    """

    def __init__(self,
                 gsd: float,
                 bands: Optional[Sequence[Band]] = None,
                 nodata: Union[float, str, None] = 'file',
                 any_band: bool = False) -> None:
        if gsd <= 0:
            raise ConfigError('LoadSeriesFiles: `gsd` is in metres, got '
                              f'{gsd}')
        self.gsd = float(gsd)
        self.bands = bands
        self.nodata = nodata
        self.any_band = any_band

    def load(self, paths: Sequence[str], dates: Sequence[int]) -> dict:
        """Read a series.

        Args:
            paths: One raster per frame, or one ``.npy`` ``(T, C, H, W)``.
            dates: Day of the year per frame, -1 if unknown.

        Returns:
            dict: ``images`` ``(T, H, W, C)`` float32, ``dates`` ``(T,)``
            int64, ``gsd`` and, if pixels are missing, ``nodata`` ``(T, H,
            W)`` bool.

        Raises:
            MissingDataError: If a file is absent.
            DataError: If a file cannot be used, or frames differ in number
                or size.
        """
        frames, missing = zip(*(_fill(*frame) for path in paths
                                for frame in self._read(path)))
        if len(frames) != len(dates):
            raise DataError(f'{paths[0]}: {len(frames)} frames, but '
                            f'{len(dates)} dates. Download the files and '
                            'their metadata again.')
        if len({frame.shape for frame in frames}) > 1:
            raise DataError(
                f'{paths[0]} and those that follow differ in size: '
                f'{sorted({f.shape for f in frames})} (height, width, bands).'
                ' Resample them, or leave out the odd ones.')
        series = dict(images=np.stack(frames),
                      dates=np.asarray(dates, np.int64), gsd=self.gsd)
        if np.any(missing):
            series['nodata'] = np.stack(missing)
        return series

    def _read(self, path: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Frames of a file: ``(C, H, W)`` and where nothing is seen."""
        if Path(path).suffix == '.npy':
            raw, nodata = self._read_numpy(path), self.nodata
            nodata = None if nodata == 'file' else nodata
        else:
            with open_raster(path) as src:
                raw = src.read(resolve_bands(src, self.bands))[None]
                nodata = src.nodata if self.nodata == 'file' else self.nodata
        return [(frame, self._missing(frame, nodata)) for frame in raw]

    def _missing(self, frame: np.ndarray, nodata: Optional[float]
                 ) -> np.ndarray:
        missing = no_data(frame, nodata)
        if self.any_band and nodata is not None:
            missing |= (frame == nodata).any(axis=0)
        return missing

    def _read_numpy(self, path: str) -> np.ndarray:
        stack = read_numpy(path, 4)
        if self.bands is None:
            return stack
        if any(not isinstance(b, int) or not 1 <= b <= stack.shape[1]
               for b in self.bands):
            raise ConfigError(f'{path} has {stack.shape[1]} bands without '
                              f'names; `bands` is {list(self.bands)}')
        return stack[:, [b - 1 for b in self.bands]]


def _fill(frame: np.ndarray, missing: np.ndarray
          ) -> tuple[np.ndarray, np.ndarray]:
    """``(C, H, W)`` to ``(H, W, C)`` float32, 0 where nothing is seen."""
    image = frame.transpose(1, 2, 0).astype(np.float32)
    image[missing] = 0
    return image, missing


@TRANSFORMS.register_module()
class LoadSeriesFiles(BaseTransform):
    """Load all sensors that a sample has files of.

    ``MultiModalResize`` brings sensors to other grids afterwards.

    Required keys: ``series_files``, see
    :class:`mmeo.datasets.series_seg.SeriesSegDataset`. Added keys:
    ``modalities``, name -> series; a sensor without files has no entry.

    Args:
        sources (dict[str, dict]): Sensor -> arguments of
            :class:`SeriesSource`. Sensors that are not named are not loaded.

    Raises:
        ConfigError: If a sample has none of the sensors.
        DataError: If sensors cover ground of different size.
    """

    def __init__(self, sources: Mapping[str, dict]) -> None:
        self.sources = {name: SeriesSource(**cfg)
                        for name, cfg in sources.items()}

    def transform(self, results: dict) -> dict:
        files = results['series_files']
        found = [name for name in self.sources if name in files]
        if not found:
            raise ConfigError(
                f'{results.get("place")}: has files of {list(files)}, but '
                f'`sources` names {list(self.sources)}')
        results['modalities'] = {
            name: self.sources[name].load(**files[name]) for name in found}
        self._check_extents(results)
        return results

    def _check_extents(self, results: dict) -> None:
        """All sensors see the same ground, within a coarse pixel."""
        extents = {
            name: tuple(series['gsd'] * n for n in series['images'].shape[1:3])
            for name, series in results['modalities'].items()}
        coarsest = max(s['gsd'] for s in results['modalities'].values())
        first = next(iter(extents.values()))
        if any(abs(a - b) > coarsest for extent in extents.values()
               for a, b in zip(first, extent)):
            raise DataError(
                f'{results.get("place")}: the sensors cover ground of '
                f'different size, in metres {extents}. Correct `gsd` in '
                '`sources`.')

    def __repr__(self) -> str:
        return f'{type(self).__name__}(sources={list(self.sources)})'


@TRANSFORMS.register_module()
class LoadSeriesAnnotations(LoadGeoAnnotations):
    """Load the label of a place, whose grid need not be that of a sensor.

    As ``LoadGeoAnnotations``; predictions are made on the grid of the label.
    An ``.npy`` holds the classes in its first layer (PASTIS).

    Required keys: ``seg_map_path``. Added keys: ``gt_seg_map`` ``(H, W)``
    uint8, ``seg_fields``, ``ori_shape`` (of the label), and ``img_shape`` if
    there is none yet.
    """

    def read(self, path: str) -> np.ndarray:
        """Read raw ids ``(H, W)``."""
        if Path(path).suffix != '.npy':
            return super().read(path)
        label = read_numpy(path)
        return (label[0] if label.ndim == 3 else label).astype(np.int64)

    def _crop(self, label: np.ndarray, results: dict) -> np.ndarray:
        results['ori_shape'] = label.shape
        results.setdefault('img_shape', label.shape)
        return label


def read_numpy(path: str, ndim: Optional[int] = None) -> np.ndarray:
    """Read an ``.npy`` of numbers; pickled objects are refused.

    Args:
        path: The file.
        ndim: Number of axes it must have. Defaults to None, any.

    Raises:
        MissingDataError: If the file does not exist.
        DataError: If it is none, damaged or of other axes.
    """
    if not Path(path).is_file():
        raise MissingDataError(f'{path} does not exist. Check `data_root`.')
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f'{path} cannot be read ({error}). Download it '
                        'again.') from error
    if ndim is not None and array.ndim != ndim:
        raise DataError(f'{path} has the shape {array.shape}, expected '
                        f'{ndim} axes')
    return array
