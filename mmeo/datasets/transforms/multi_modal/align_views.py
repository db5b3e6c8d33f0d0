# Copyright (c) mmeo contributors. All rights reserved.
"""Pairs of an optical picture and views of a SAR image, for alignment.

For stage 1 of SkySense-VITA. The paper has two SAR views and one optical
image, compared as whole images; how they are made is our choice.
"""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import BaseDataElement

from mmeo.datasets.units import CONVERSIONS, check_unit
from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS

from .multi_crop import draw_box
from .pack import pack_series
from .regions import cut, move_series, resize_frames
from .samples import Series, SeriesTransform, require_raw, samples_of


@TRANSFORMS.register_module()
class AlignViews(BaseTransform):
    """Random views of the SAR image; the optical image as a whole.

    Each view is a random part with a random aspect ratio, resized and
    mirrored and turned, of a frame of its own where there are several. The
    optical image keeps its ground: it is compared as a whole, and so holds
    what every view shows. Values stay physical, so ``Speckle``,
    ``GainJitter`` and ``NormalizeBands`` follow, which treat each view by
    itself.

    Required keys: ``modalities``. Added keys: ``crops``, a list of dicts with
    ``kind`` ('sar' for each view, then 'optical') and ``modalities`` (one
    sensor, one frame). Removed keys: ``modalities``.

    Args:
        size (int): Side of a view in pixels. Defaults to 256.
        optical_size (int, optional): Side of the optical image. Defaults to
            None, as it is.
        num_views (int): Defaults to 2.
        scale (tuple[float, float]): Share of the area. Defaults to (0.4, 1).
        aspect (tuple[float, float]): Width by height. Defaults to
            (3 / 4, 4 / 3).
        flip_prob (float): Of mirroring. Defaults to 0.5.
        turn (bool): Whether to turn by a random number of quarters. Defaults
            to True.
        whole (bool): For validation: views show the whole image of the first
            frame as it is, whatever the options above say. Defaults to False.
        sar (str): Sensor of the views. Defaults to 's1'.
        optical (str): The other sensor. Defaults to 'hr'.
        unit (str): Of the SAR data: 'db', or 'linear' (power) or 'amplitude',
            which are converted to decibels. Defaults to 'db'.

    Raises:
        ConfigError: If a number makes no sense.
        DataError: If a sensor is absent, or SAR is in another unit.
    """

    def __init__(self,
                 size: int = 256,
                 optical_size: Optional[int] = None,
                 num_views: int = 2,
                 scale: tuple[float, float] = (0.4, 1.0),
                 aspect: tuple[float, float] = (3 / 4, 4 / 3),
                 flip_prob: float = 0.5,
                 turn: bool = True,
                 whole: bool = False,
                 sar: str = 's1',
                 optical: str = 'hr',
                 unit: str = 'db') -> None:
        if num_views < 1 or size < 1 or not 0 < scale[0] <= scale[1] <= 1:
            raise ConfigError(f'AlignViews: {num_views} views of {size} px '
                              f'with shares {scale} make no sense')
        if unit != 'db' and (unit, 'db') not in CONVERSIONS:
            raise ConfigError("AlignViews: `unit` is 'db', 'linear' or "
                              f"'amplitude', got {unit!r}")
        self.size = size
        self.optical_size = optical_size
        self.num_views = num_views
        self.scale, self.aspect = tuple(scale), tuple(aspect)
        self.flip_prob, self.turn = flip_prob, turn
        self.whole = whole
        self.sar, self.optical = sar, optical
        self.unit = unit

    def transform(self, results: dict) -> dict:
        (sample, ) = samples_of(results, 'AlignViews')
        what = str(results.get('place', 'sample'))
        modalities = results.pop('modalities')
        for name in (self.sar, self.optical):
            if name not in modalities:
                raise DataError(
                    f'{what}: no image of {name!r}, and alignment compares '
                    f'{self.sar!r} with {self.optical!r}: set `required` of '
                    'the dataset, or remove the place')
        series = self._decibel(modalities[self.sar], what)
        views = [self._view(series) for _ in range(self.num_views)]
        optical = self._pick(modalities[self.optical])
        if self.optical_size is not None:
            optical = _resized(optical, self.optical_size)
        results['crops'] = [
            *(dict(kind='sar', modalities={self.sar: v}) for v in views),
            dict(kind='optical', modalities={self.optical: optical})]
        return results

    def _decibel(self, series: Series, what: str) -> Series:
        """Check the unit here: noise on power would look like decibels."""
        require_raw(series, self.sar, 'AlignViews')
        images, missing = series['images'], series.get('nodata')
        check_unit(images if missing is None else images[~missing],
                   self.unit, f'{what}, modality {self.sar!r}')
        if self.unit == 'db':
            return series
        out = CONVERSIONS[self.unit, 'db'](images.astype(np.float32))
        none = np.isnan(out).any(-1)  # no power, no logarithm
        out[none] = 0
        if missing is not None:
            none |= missing
        return dict(series, images=out, **(
            dict(nodata=none) if none.any() else {}))

    def _view(self, series: Series) -> Series:
        view = self._pick(series)
        if self.whole:
            return _resized(view, self.size)
        box = draw_box(view['images'].shape[1:3], self.scale, self.aspect)
        for key in ('images', 'nodata'):
            if key in view:
                view[key] = cut(view[key], box, 1)
        view = _resized(view, self.size)
        move_series(view, bool(np.random.rand() < self.flip_prob),
                    int(np.random.randint(4)) if self.turn else 0)
        return view

    def _pick(self, series: Series) -> Series:
        """One frame, ``(1, H, W, C)``, with arrays of its own."""
        count = len(series['images'])
        frame = 0 if self.whole or count == 1 else np.random.randint(count)
        out = {key: value for key, value in series.items()
               if key not in ('images', 'nodata', 'dates')}
        out.update({key: series[key][frame:frame + 1].copy()
                    for key in ('images', 'nodata', 'dates')
                    if key in series})
        return out

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(size={self.size}, '
                f'num_views={self.num_views}, scale={self.scale}, '
                f'whole={self.whole})')


def _resized(series: Series, side: int) -> Series:
    images, missing = resize_frames(series['images'], (side, side),
                                    series.pop('nodata', None))
    series['images'] = images
    if missing is not None:
        series['nodata'] = missing
    return series


@TRANSFORMS.register_module()
class GainJitter(SeriesTransform):
    """Add a number of decibels to all bands of a SAR view.

    Before ``NormalizeBands``. Sensors, passes and angles of incidence differ
    by about so much in calibrated brightness.

    Args:
        db (float): Largest change either way. Defaults to 1 (our choice).
        modalities (str or Sequence[str]): Defaults to 's1'.
        prob (float): Defaults to 1.
    """

    STATE = 'raw'

    def __init__(self, db: float = 1.0,
                 modalities: Union[str, Sequence[str]] = 's1',
                 prob: float = 1.0) -> None:
        super().__init__(modalities, prob)
        if db < 0:
            raise ConfigError(f'GainJitter: `db` is 0 or more, got {db}')
        self.db = db

    def change(self, series: Series) -> None:
        series['images'] = series['images'].astype(np.float32) + np.float32(
            np.random.uniform(-self.db, self.db))


@TRANSFORMS.register_module()
class PackAlignInputs(BaseTransform):
    """Pack the views of ``AlignViews``.

    Required keys: ``crops``. The result is ``dict(inputs, data_samples)``:
    ``inputs`` with ``sar`` ``(V, C, h, w)`` and ``optical`` ``(C, H, W)``,
    float32; ``data_samples`` with the meta information.

    Args:
        meta_keys (Sequence[str]): Kept where present. Defaults to place,
            first file and index.
    """

    def __init__(self, meta_keys: Sequence[str] = ('place', 'img_path',
                                                   'sample_idx')) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        kinds: dict[str, list[torch.Tensor]] = dict(sar=[], optical=[])
        for crop in results.get('crops', ()):
            (series, ) = crop['modalities'].values()
            if crop['kind'] in kinds:
                kinds[crop['kind']].append(pack_series(series)['images'][0])
        if not kinds['sar'] or len(kinds['optical']) != 1:
            raise ConfigError('PackAlignInputs: there are no views of SAR and '
                              'an optical image; put `AlignViews` before it')
        meta = {key: results[key] for key in self.meta_keys
                if key in results}
        return dict(
            inputs=dict(sar=torch.stack(kinds['sar']),
                        optical=kinds['optical'][0]),
            data_samples=BaseDataElement(metainfo=meta))

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
