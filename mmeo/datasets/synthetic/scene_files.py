# Copyright (c) mmeo contributors. All rights reserved.
"""All files of one scene."""

import json
from pathlib import Path
from random import Random

import numpy as np
from rasterio.transform import Affine

from mmeo.datasets.synthetic import in_context, multispectral
from mmeo.datasets.synthetic.annotations import annotate
from mmeo.datasets.synthetic.classes import LEAVES
from mmeo.datasets.synthetic.optical import flight, render_rgb
from mmeo.datasets.synthetic.plan import FIRST, SECOND
from mmeo.datasets.synthetic.raster import Scene
from mmeo.datasets.synthetic.regional import render_regional
from mmeo.datasets.synthetic.scenes import GSD
from mmeo.datasets.synthetic.surfaces import BANDS
from mmeo.datasets.synthetic.writers.coco import coco_records
from mmeo.datasets.synthetic.writers.dota import dota_text
from mmeo.datasets.synthetic.writers.geojson import geojson
from mmeo.datasets.synthetic.writers.images import (
    link,
    write_geotiff,
    write_png,
)
from mmeo.datasets.synthetic.writers.instruct import conversations
from mmeo.datasets.synthetic.writers.voc import voc_xml

FOLDERS = ('semseg/img_dir', 'semseg/ann_dir', 'dota/images',
           'dota/labelTxt', 'change/A', 'change/B', 'change/label',
           'water/S1', 'water/S2', 'water/Labels', 'series', 'coco',
           'voc/Annotations', 'polygons', 'instruct')
IN_CONTEXT_FOLDERS = ('incontext/optical', 'incontext/sar',
                      'incontext/labels')
EPSG = 32631  # UTM 31N
_DEGREE = 8.983152841195215e-05  # 10 m on the equator, as in Sen1Floods11
LEGEND = np.array([0] + [leaf.loveda for leaf in LEAVES], np.uint8)


def origin(seed: int, index: int) -> tuple[float, float]:
    """Upper left corner in UTM metres, on the 10 m grid."""
    rng = Random(f'origin {seed} {index}')
    return (rng.randrange(30000, 70000) * 10.0,
            rng.randrange(450000, 590000) * 10.0)


def write_scene(root: Path, scene: Scene, stem: str, close_up: bool = False
                ) -> tuple[tuple[dict, list[dict]], list[dict]]:
    """Render a scene and write its own files.

    Args:
        root (Path): Folder of the split, its sub-folders made.
        scene (Scene): What to render.
        stem (str): Name of its files.
        close_up (bool): Whether to write ``incontext`` as well. Defaults to
            False.

    Returns:
        tuple: What goes into the files that all scenes share: the COCO
        records and the conversations.
    """
    seed, index, size = scene.seed, scene.index, scene.size
    leaves = scene.leaves(FIRST)
    legend = LEGEND[leaves]
    rgb = render_rgb(scene, FIRST)
    image = root / f'semseg/img_dir/{stem}.png'
    write_png(image, rgb)
    link(image, root / f'dota/images/{stem}.png')
    link(image, root / f'change/A/{stem}.png')
    write_png(root / f'semseg/ann_dir/{stem}.png', legend)
    write_png(root / f'change/B/{stem}.png', render_rgb(scene, SECOND))
    changed = scene.buildings(FIRST) != scene.buildings(SECOND)
    write_png(root / f'change/label/{stem}.png',
              changed.astype(np.uint8) * np.uint8(255))

    west, north = origin(seed, index)
    hr_grid = Affine(GSD, 0, west, 0, -GSD, north)
    _write_series(root / 'series' / stem, scene, rgb, leaves, hr_grid,
                  Affine(10, 0, west, 0, -10, north))
    _write_water(root / 'water', stem, scene.rng(60), size // 4)
    if close_up:
        side = GSD * in_context.FACTOR
        _write_close_up(root / 'incontext', stem, scene, rgb, leaves,
                        Affine(side, 0, west, 0, -side, north))

    instances = annotate(scene, FIRST)
    (root / f'dota/labelTxt/{stem}.txt').write_text(dota_text(instances))
    (root / f'voc/Annotations/{stem}.xml').write_text(
        voc_xml(f'{stem}.png', size, instances))
    (root / f'polygons/{stem}.geojson').write_text(
        json.dumps(geojson(scene, EPSG, hr_grid)))
    lines = conversations(
        Random(f'text {seed} {index} {size}'), stem, scene.plan.theme, size,
        instances, annotate(scene, SECOND), leaves, legend)
    return coco_records(index, size, f'{stem}.png', instances), lines


def _write_series(folder: Path, scene: Scene, rgb: np.ndarray,
                  leaves: np.ndarray, hr_grid: Affine, grid: Affine) -> None:
    """HR image, label and the two 10 m series."""
    folder.mkdir()
    write_geotiff(folder / 'hr.tif',
                  np.ascontiguousarray(rgb.transpose(2, 0, 1)), EPSG,
                  hr_grid, names=('red', 'green', 'blue'))
    write_geotiff(folder / 'semantics.tif', leaves[None], EPSG, hr_grid,
                  nodata=0, compress=True)
    mixture = multispectral.shares(scene)
    for date, bands in multispectral.sentinel2(scene, mixture).items():
        write_geotiff(folder / f's2_{date}.tif', bands, EPSG, grid,
                      nodata=0, names=BANDS)
    for date, bands in multispectral.sentinel1(scene, mixture).items():
        write_geotiff(folder / f's1_{date}.tif', bands, EPSG, grid,
                      names=('VV', 'VH'))


def _write_close_up(folder: Path, stem: str, scene: Scene, rgb: np.ndarray,
                    leaves: np.ndarray, grid: Affine) -> None:
    """Optical image, radar image and leaves on one coarser grid."""
    optical = in_context.shrink(rgb).transpose(2, 0, 1)
    write_geotiff(folder / f'optical/{stem}.tif',
                  np.ascontiguousarray(optical), EPSG, grid,
                  names=('red', 'green', 'blue'))
    write_geotiff(folder / f'sar/{stem}.tif', in_context.radar(scene), EPSG,
                  grid, names=('VV', 'VH'))
    write_geotiff(folder / f'labels/{stem}.tif',
                  in_context.majority(leaves)[None], EPSG, grid, nodata=0,
                  compress=True)


def _write_water(folder: Path, stem: str, rng: np.random.Generator,
                 size: int) -> None:
    """The regional water scene."""
    grid = Affine(_DEGREE, 0, rng.integers(-500, 1500) / 100, 0, -_DEGREE,
                  rng.integers(3000, 5500) / 100)
    s1, s2, label = render_regional(rng, size)
    write_geotiff(folder / f'S1/Synth_{stem}_S1Hand.tif', s1, 4326, grid,
                  nodata=np.nan)
    write_geotiff(folder / f'S2/Synth_{stem}_S2Hand.tif', s2, 4326, grid,
                  nodata=0)
    write_geotiff(folder / f'Labels/Synth_{stem}_LabelHand.tif',
                  label[None], 4326, grid, compress=True)


__all__ = ['EPSG', 'FOLDERS', 'IN_CONTEXT_FOLDERS', 'LEGEND', 'flight',
           'origin', 'write_scene']
