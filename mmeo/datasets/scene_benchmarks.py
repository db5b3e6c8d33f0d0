# Copyright (c) mmeo contributors. All rights reserved.
"""Classes of benchmarks of scene classification."""

from mmeo.registry import DATASETS

from .scene import SceneDataset


@DATASETS.register_module()
class AIDDataset(SceneDataset):
    """AID: 10 000 aerial pictures of 600 px, 30 classes, 0.5 to 8 m."""

    METAINFO = dict(classes=(
        'Airport', 'BareLand', 'BaseballField', 'Beach', 'Bridge', 'Center',
        'Church', 'Commercial', 'DenseResidential', 'Desert', 'Farmland',
        'Forest', 'Industrial', 'Meadow', 'MediumResidential', 'Mountain',
        'Park', 'Parking', 'Playground', 'Pond', 'Port', 'RailwayStation',
        'Resort', 'River', 'School', 'SparseResidential', 'Square', 'Stadium',
        'StorageTanks', 'Viaduct'))

    #: Published pictures of each class, in the order of the classes.
    COUNTS = (360, 310, 220, 400, 360, 260, 240, 350, 410, 300, 370, 250, 390,
              280, 290, 340, 350, 390, 370, 420, 380, 260, 290, 410, 300, 300,
              330, 290, 360, 420)


@DATASETS.register_module()
class RESISC45Dataset(SceneDataset):
    """NWPU-RESISC45: 31 500 pictures of 256 px, 45 classes of 700."""

    METAINFO = dict(classes=(
        'airplane', 'airport', 'baseball_diamond', 'basketball_court',
        'beach', 'bridge', 'chaparral', 'church', 'circular_farmland',
        'cloud', 'commercial_area', 'dense_residential', 'desert', 'forest',
        'freeway', 'golf_course', 'ground_track_field', 'harbor',
        'industrial_area', 'intersection', 'island', 'lake', 'meadow',
        'medium_residential', 'mobile_home_park', 'mountain', 'overpass',
        'palace', 'parking_lot', 'railway', 'railway_station',
        'rectangular_farmland', 'river', 'roundabout', 'runway', 'sea_ice',
        'ship', 'snowberg', 'sparse_residential', 'stadium', 'storage_tank',
        'tennis_court', 'terrace', 'thermal_power_station', 'wetland'))

    #: Published pictures of each class, in the order of the classes.
    COUNTS = (700, ) * 45
