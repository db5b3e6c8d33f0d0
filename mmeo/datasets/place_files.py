# Copyright (c) mmeo contributors. All rights reserved.
"""Open all images of a place and find the ground that they share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from rasterio.io import DatasetReader

from mmeo.datasets.registration import (
    Grid,
    Registration,
    register,
    register_by_size,
)
from mmeo.errors import DataError
from mmeo.geo import open_raster

LABEL = 'label'


class OpenPlace(NamedTuple):
    """The open files of a place.

    Args:
        files (dict[str, list[DatasetReader]]): Sensor, or 'label', to files.
        shared (Registration): Windows of equal ground in them.
    """

    files: dict[str, list[DatasetReader]]
    shared: Registration


@contextmanager
def open_place(info: Mapping, label: bool = True) -> Iterator[OpenPlace]:
    """Open the files of a place and register them.

    Args:
        info (Mapping): Item of ``MultiModalSeriesDataset``: ``frames``,
            ``ratios``, ``registration``, ``seg_map_path`` (optional).
        label (bool): Whether to open the label, too. Defaults to True.

    Raises:
        MissingDataError: If a file is gone.
        DataError: If a file cannot be read, or images do not lie on the same
            ground.
    """
    with ExitStack() as stack:
        files = {name: [stack.enter_context(open_raster(path))
                        for path, _ in frames]
                 for name, frames in info['frames'].items() if frames}
        if label and info.get('seg_map_path'):
            files[LABEL] = [stack.enter_context(
                open_raster(info['seg_map_path']))]
        yield OpenPlace(files, _register(files, info))


def _register(files: Mapping[str, Sequence[DatasetReader]],
              info: Mapping) -> Registration:
    grids = {name: [Grid.of(src) for src in many]
             for name, many in files.items()}
    ratios = dict(info['ratios'])
    if LABEL in grids:
        # A PNG beside GeoTIFFs has the grid of one of them.
        grids[LABEL], ratios[LABEL] = _fit_label(grids, ratios)
    if info['registration'] == 'size':
        return register_by_size(grids, ratios)
    return register(grids, ratios)


def _fit_label(grids: Mapping[str, Sequence[Grid]],
               ratios: Mapping[str, int]) -> tuple[list[Grid], int]:
    """The grid of the label, and the ratio of the sensor whose it is.

    A label without georeference takes the place of the image of its size.
    """
    label = grids[LABEL][0]
    for name in ratios:
        for grid in grids.get(name, ())[:1]:
            if label.transform.is_identity:
                if (label.height, label.width) == (grid.height, grid.width):
                    return [grid._replace(path=label.path)], ratios[name]
            elif abs(label.transform.a / grid.transform.a - 1) < 1e-3:
                return [label], ratios[name]
    others = ', '.join(str(many[0]) for name, many in grids.items()
                       if name != LABEL)
    raise DataError(f'label {label} has the pixels of no image ({others}). '
                    'Resample it with `gdalwarp -r near`.')
