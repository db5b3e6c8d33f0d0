# Copyright (c) mmeo contributors. All rights reserved.
"""GeoJSON polygons of all instances of either date, in lon/lat (RFC 7946).
"""

import numpy as np
from rasterio.transform import Affine
from rasterio.warp import transform as warp

from mmeo.datasets.synthetic.plan import BOTH, FIRST, SECOND
from mmeo.datasets.synthetic.raster import Scene
from mmeo.datasets.synthetic.writers.images import crs

_CHANGE = {BOTH: 'none', FIRST: 'removed', SECOND: 'added'}


def geojson(scene: Scene, epsg: int, transform: Affine) -> dict:
    """Features with ``class``, ``colour`` and ``change``.

    ``change`` tells whether a thing is on both dates (``none``), on the
    first only (``removed``) or on the second only (``added``).
    """
    kept = [(thing, polygon) for thing, polygon
            in zip(scene.plan.things, scene.visible)
            if thing.when and len(polygon) > 2]
    features = []
    flat = np.array([p for _, polygon in kept for p in polygon]
                    ).reshape(-1, 2)
    xs = transform.c + transform.a * flat[:, 0]
    ys = transform.f + transform.e * flat[:, 1]
    lons, lats = warp(crs(epsg), crs(4326), xs, ys) if kept else ([], [])
    start = 0
    for thing, polygon in kept:
        stop = start + len(polygon)
        ring = [[round(float(x), 9), round(float(y), 9)]
                for x, y in zip(lons[start:stop], lats[start:stop])]
        start = stop
        ring = _anticlockwise(ring)
        features.append(dict(
            type='Feature',
            properties={'class': thing.name, 'colour': thing.colour,
                        'change': _CHANGE[thing.when]},
            geometry=dict(type='Polygon', coordinates=[ring + ring[:1]])))
    return dict(
        type='FeatureCollection',
        crs=dict(type='name',
                 properties=dict(name='urn:ogc:def:crs:OGC:1.3:CRS84')),
        features=features)


def _anticlockwise(ring: list) -> list:
    """RFC 7946 wants outer rings anticlockwise."""
    total = sum(a[0] * b[1] - b[0] * a[1]
                for a, b in zip(ring, ring[1:] + ring[:1]))
    return ring if total > 0 else ring[::-1]
