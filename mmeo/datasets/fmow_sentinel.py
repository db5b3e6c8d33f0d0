# Copyright (c) mmeo contributors. All rights reserved.
"""fMoW-Sentinel: places of fMoW as Sentinel-2 composites."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmeo.errors import DataError
from mmeo.registry import DATASETS

from .scene import SceneDataset

_COLUMNS = ('category', 'location_id', 'image_id')


@DATASETS.register_module()
class FMoWSentinelDataset(SceneDataset):
    """fMoW-Sentinel: 62 classes, rasters of 13 bands, about 50 px of 10 m.

    ``ann_file`` is an official table (``train.csv``, ``val.csv``,
    ``test_gt.csv``) with the columns ``category``, ``location_id`` and
    ``image_id``; the image of a row is
    ``category/category_location/category_location_image.tif`` below the
    image folder. Bands are in order of wavelength, B1 to B8, B8A, B9, B10,
    B11, B12: ``LoadRaster(bands=(2, 3, 4, 5, 6, 7, 8, 9, 12, 13))`` reads
    the ten of SkySense. Digital numbers of top-of-atmosphere reflectance.

    Args:
        **kwargs: As for :class:`SceneDataset`; ``split`` is not used.

    Raises:
        DataError: If a column is absent.
    """

    METAINFO = dict(classes=(
        'airport', 'airport_hangar', 'airport_terminal', 'amusement_park',
        'aquaculture', 'archaeological_site', 'barn', 'border_checkpoint',
        'burial_site', 'car_dealership', 'construction_site', 'crop_field',
        'dam', 'debris_or_rubble', 'educational_institution',
        'electric_substation', 'factory_or_powerplant', 'fire_station',
        'flooded_road', 'fountain', 'gas_station', 'golf_course',
        'ground_transportation_station', 'helipad', 'hospital',
        'impoverished_settlement', 'interchange', 'lake_or_pond',
        'lighthouse', 'military_facility', 'multi-unit_residential',
        'nuclear_powerplant', 'office_building', 'oil_or_gas_facility',
        'park', 'parking_lot_or_garage', 'place_of_worship',
        'police_station', 'port', 'prison', 'race_track', 'railway_bridge',
        'recreational_facility', 'road_bridge', 'runway', 'shipyard',
        'shopping_mall', 'single-unit_residential', 'smokestack',
        'solar_farm', 'space_facility', 'stadium', 'storage_tank',
        'surface_mine', 'swimming_pool', 'toll_booth', 'tower',
        'tunnel_opening', 'waste_disposal', 'water_treatment_facility',
        'wind_farm', 'zoo'))

    def __init__(self, ann_file: str = 'train.csv', **kwargs: Any) -> None:
        super().__init__(ann_file=ann_file, **kwargs)

    def _samples(self, ids: dict[str, int]) -> Iterator[tuple[str, int]]:
        rows = csv.DictReader(self._lines(self.ann_file))
        absent = [c for c in _COLUMNS if c not in (rows.fieldnames or ())]
        if absent:
            raise DataError(f'{self.ann_file} has no column {absent[0]!r}; '
                            'expected an official table of fMoW-Sentinel.')
        for number, row in enumerate(rows, 2):
            category, place, image = (row[c] for c in _COLUMNS)
            if category not in ids:
                raise DataError(f'{self.ann_file}, line {number}: category '
                                f'{category!r} is none of the {len(ids)} '
                                'classes of fMoW.')
            location = f'{category}_{place}'
            yield (str(Path(category, location, f'{location}_{image}.tif')),
                   ids[category])
