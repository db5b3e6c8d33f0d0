# Copyright (c) mmeo contributors. All rights reserved.
"""Read georeferenced, multi-band rasters."""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
from mmcv.transforms import BaseTransform
from rasterio.windows import Window

from mmeo.errors import ConfigError, DataError
from mmeo.geo import open_raster, resolve_bands
from mmeo.geo.raster import Band
from mmeo.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadRaster(BaseTransform):
    """Load bands of a raster as an ``(H, W, C)`` array.

    Required keys: ``img_path``; ``window`` (optional, overrides the
    argument). Added keys: ``img``, ``img_shape``, ``ori_shape``,
    ``file_shape`` (size of the whole file), ``window``, ``nodata_mask``
    ``(H, W)`` bool, True where there is no data.

    Args:
        bands (list[int | str], optional): 1-based band numbers, or names as
            in the file's band descriptions, in the wanted order. None loads
            all bands. Defaults to None.
        num_bands (int, optional): Number of bands the *file* must have.
            Defaults to None, no check.
        crs (str, optional): Reference system the file must have, e.g.
            'EPSG:32630'; 'any' asks for some. Defaults to None, no check.
        window (tuple[int], optional): ``(row, col, height, width)`` in pixels,
            inside the raster. Defaults to None, the whole raster.
        nodata (float | str | None): Value of pixels without data; 'file'
            takes the one declared in the file. A pixel is without data when
            all chosen bands hold the value, or when any band is NaN.
            Defaults to 'file'.
        scale (float | list[float]): Multiplied to the raw values, per band if
            a list. Defaults to 1.0.
        offset (float | list[float]): Added afterwards. Defaults to 0.0.
        fill (float): Value, in scaled units, written to pixels without data.
            Defaults to 0.0.
        dtype (str): Type of the result. Defaults to 'float32'.
        path_key (str): Key of the path in the results. Defaults to
            'img_path'.
        path_replace (dict, optional): Substitutions made in the path, to read
            a co-registered companion (``{'/S2/': '/S1/', 'S2Hand':
            'S1Hand'}``). Defaults to None.
        allow_network (bool): Open remote sources. Defaults to False.
    """

    def __init__(self,
                 bands: Optional[Sequence[Band]] = None,
                 num_bands: Optional[int] = None,
                 crs: Optional[str] = None,
                 window: Optional[Sequence[int]] = None,
                 nodata: Union[float, str, None] = 'file',
                 scale: Union[float, Sequence[float]] = 1.0,
                 offset: Union[float, Sequence[float]] = 0.0,
                 fill: float = 0.0,
                 dtype: str = 'float32',
                 path_key: str = 'img_path',
                 path_replace: Optional[dict[str, str]] = None,
                 allow_network: bool = False) -> None:
        if isinstance(nodata, str) and nodata != 'file':
            raise ConfigError("LoadRaster: `nodata` is a number, None or "
                              f"'file', got {nodata!r}")
        self.bands = bands
        self.num_bands = num_bands
        self.crs = crs
        self.window = tuple(window) if window is not None else None
        self.nodata = nodata
        self.scale = np.asarray(scale, dtype=np.float32)
        self.offset = np.asarray(offset, dtype=np.float32)
        self.fill = fill
        self.dtype = dtype
        self.path_key = path_key
        self.path_replace = path_replace or {}
        self.allow_network = allow_network

    def transform(self, results: dict) -> dict:
        path = results[self.path_key]
        for old, new in self.path_replace.items():
            path = path.replace(old, new)
        window = results.get('window', self.window)
        with open_raster(path, self.allow_network) as src:
            self._check(src)
            file_shape = (src.height, src.width)
            indexes = resolve_bands(src, self.bands)
            raw = src.read(  # (C, H, W)
                indexes, window=_to_window(window, file_shape, path))
            nodata = src.nodata if self.nodata == 'file' else self.nodata
        missing = _nodata_mask(raw, nodata)
        img = raw.transpose(1, 2, 0).astype(np.float32)  # (H, W, C)
        img = img * self._per_band('scale', img) + self._per_band(
            'offset', img)
        img[missing] = self.fill
        results['img'] = np.ascontiguousarray(img.astype(self.dtype))
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        results['file_shape'] = file_shape
        results['window'] = window
        results['nodata_mask'] = missing
        return results

    def _check(self, src) -> None:
        if self.num_bands is not None and src.count != self.num_bands:
            raise DataError(
                f'raster {src.name} has {src.count} band(s), expected '
                f'{self.num_bands}. Correct `num_bands` and `bands`, or '
                'convert the file.')
        if self.crs is None:
            return
        if src.crs is None:
            raise DataError(f'raster {src.name} has no CRS, expected '
                            f'{self.crs}. Assign it with `gdal_edit.py '
                            '-a_srs`.')
        if self.crs != 'any' and src.crs != self.crs:
            raise DataError(f'raster {src.name} has CRS {src.crs}, expected '
                            f'{self.crs}. Reproject it with `gdalwarp -t_srs '
                            f'{self.crs}`.')

    def _per_band(self, name: str, img: np.ndarray) -> np.ndarray:
        value = getattr(self, name)
        if value.ndim == 1 and len(value) != img.shape[2]:
            raise ConfigError(f'LoadRaster: `{name}` has {len(value)} values '
                              f'for {img.shape[2]} loaded bands')
        return value

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(bands={self.bands}, '
                f'window={self.window}, nodata={self.nodata})')


def _to_window(window: Optional[Sequence[int]], shape: tuple[int, int],
               path: str) -> Optional[Window]:
    """Check a ``(row, col, height, width)`` window against the raster."""
    if window is None:
        return None
    row, col, height, width = window
    if (min(row, col) < 0 or min(height, width) < 1
            or row + height > shape[0] or col + width > shape[1]):
        raise DataError(
            f'window (row, col, height, width) = {tuple(window)} does not lie '
            f'inside {path} of {shape[0]} x {shape[1]} pixels (height x '
            'width)')
    return Window(col, row, width, height)


def _nodata_mask(raw: np.ndarray, nodata: Optional[float]) -> np.ndarray:
    """Where a ``(C, H, W)`` array holds no data, ``(H, W)`` bool."""
    missing = np.zeros(raw.shape[1:], dtype=bool)
    if np.issubdtype(raw.dtype, np.floating):
        missing |= np.isnan(raw).any(axis=0)
    if nodata is not None and not np.isnan(nodata):
        missing |= (raw == nodata).all(axis=0)
    return missing
