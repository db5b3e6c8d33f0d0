# Copyright (c) mmeo contributors. All rights reserved.
"""Prompts that are ready to run, in a folder or drawn by SynthEarth."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
from rasterio.transform import Affine

from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.errors import DataError, MissingDataError
from mmeo.structures import MODES

from .drawing import COLOURS

_FIELDS = ('title', 'classes', 'mode', 'example', 'mask', 'target',
           'example_modality', 'modality', 'background')
# Scenes of SynthEarth with the seed below that show the same classes.
_SEED = 77
_DRAWN = (
    ('A harbour, by example and name', (0, 'hr'), (10, 'hr'), 'fused',
     ('harbour water', 'ship', 'quay', 'pavement', 'car park',
      'asphalt road')),
    ('An airfield on radar, by an optical example', (2, 'hr'), (12, 's1'),
     'visual', ('runway', 'apron', 'hangar')),
    ('Houses, roads and lawn, by name', (7, 'hr'), (13, 'hr'), 'textual',
     ('house', 'asphalt road', 'lawn')),
)


@dataclass
class Sample:
    """A prompt and its target.

    Args:
        title (str): What it shows.
        classes (tuple[str]): N names.
        target (Path): Image to be segmented.
        example (Path, optional): Image with ``mask``.
        mask (Path, optional): Label map of the example: 0 for none, 1 to N,
            255 unlabelled.
        mode (str): 'visual', 'textual' or 'fused'. Defaults to 'fused'.
        example_modality (str): Defaults to 'hr'.
        modality (str): Sensor of the target. Defaults to 'hr'.
        background (float, optional): Score below which a pixel is none of
            the classes.
    """

    title: str
    classes: tuple[str, ...]
    target: Path
    example: Optional[Path] = None
    mask: Optional[Path] = None
    mode: str = 'fused'
    example_modality: str = 'hr'
    modality: str = 'hr'
    background: Optional[float] = None

    def paint(self) -> np.ndarray:
        """Numbers of the colours on the example, ``(H, W)`` uint8.

        Raises:
            DataError: If the mask has values that are no class.
        """
        label = read_label(str(self.mask), allow_grey_rgb=True)
        label = np.where(label == 255, 0, label).astype(np.uint8)
        if label.max() > len(self.classes):
            raise DataError(f'{self.mask} holds {label.max()}, but its sample '
                            f'names {len(self.classes)} classes.')
        return label


def read_samples(folder: Path) -> list[Sample]:
    """The samples of a folder, one in each sub-folder with ``sample.json``.

    Its fields are those of :class:`Sample`, with file names of the same
    sub-folder.

    Args:
        folder (Path): The folder.

    Raises:
        MissingDataError: If it is not there or holds no sample, or a file is
            missing.
        DataError: If a ``sample.json`` cannot be used.
    """
    files = sorted(folder.glob('*/sample.json'))
    if not files:
        raise MissingDataError(
            f'no samples in {folder}: each is a sub-folder with sample.json, '
            'see docs/en/demo.md. Without --examples the page draws its own.')
    return [_read(file) for file in files]


def _read(file: Path) -> Sample:
    try:
        fields: dict[str, Any] = json.loads(file.read_text())
        unknown = sorted(set(fields) - set(_FIELDS))
        if unknown:
            raise DataError(f'{file}: unknown field {unknown[0]!r}; there are '
                            f'{", ".join(_FIELDS)}.')
        for name in ('target', 'example', 'mask'):
            if fields.get(name) is not None:
                # Its own folder alone, and nothing above it.
                fields[name] = file.parent / Path(fields[name]).name
        sample = Sample(**dict(fields, classes=tuple(fields['classes'])))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f'{file}: not a sample ({error}); it needs a title, '
                        'a list of classes and a target.') from error
    _check(sample, file)
    return sample


def _check(sample: Sample, file: Path) -> None:
    if sample.mode not in MODES:
        raise DataError(f'{file}: mode {sample.mode!r} is none of '
                        f'{", ".join(MODES)}.')
    if not 1 <= len(sample.classes) <= len(COLOURS):
        raise DataError(f'{file}: {len(sample.classes)} classes; the page has '
                        f'{len(COLOURS)} colours.')
    if (sample.example is None) != (sample.mask is None):
        raise DataError(f'{file}: an example needs a mask, and a mask an '
                        'example.')
    if sample.example is None and sample.mode != 'textual':
        raise DataError(f'{file}: mode {sample.mode!r} needs an example.')
    for path in (sample.target, sample.example, sample.mask):
        if path is not None and not path.is_file():
            raise MissingDataError(f'{file} names {path.name}, which is not '
                                   'beside it.')


def copy_samples(samples: Sequence[Sample], folder: Path) -> list[Sample]:
    """Copies that a page may hand out, in place of the originals.

    Args:
        samples (Sequence[Sample]): Of any folder.
        folder (Path): Where copies go, a sub-folder each.
    """
    copies = []
    for number, sample in enumerate(samples):
        place = folder / f'{number:02d}'
        place.mkdir(parents=True)
        fields = dict(vars(sample))
        for name in ('target', 'example', 'mask'):
            if fields[name] is not None:
                fields[name] = Path(shutil.copy(fields[name], place))
        copies.append(Sample(**fields))
    return copies


def draw_samples(folder: Path) -> list[Sample]:
    """Samples of SynthEarth, in less than a second.

    Args:
        folder (Path): Where the files go.
    """
    samples = []
    for number, (title, example, target, mode, classes) in enumerate(_DRAWN):
        place = folder / f'{number:02d}'
        place.mkdir(parents=True)
        _draw(place, 'target', *target)
        _draw(place, 'example', *example, classes)
        fields = dict(title=title, classes=list(classes), mode=mode,
                      example='example.tif', mask='mask.tif',
                      target='target.tif', example_modality=example[1],
                      modality=target[1])
        (place / 'sample.json').write_text(json.dumps(fields, indent=1))
        samples.append(_read(place / 'sample.json'))
    return samples


def _draw(folder: Path, name: str, index: int, modality: str,
          classes: Sequence[str] = ()) -> None:
    """An image of a scene, and with classes its mask."""
    from mmeo.datasets.synthetic import in_context
    from mmeo.datasets.synthetic.classes import LEAF_IDS
    from mmeo.datasets.synthetic.optical import render_rgb
    from mmeo.datasets.synthetic.plan import FIRST
    from mmeo.datasets.synthetic.raster import build_scene
    from mmeo.datasets.synthetic.scene_files import EPSG, origin
    from mmeo.datasets.synthetic.scenes import GSD
    from mmeo.datasets.synthetic.writers.images import write_geotiff
    scene = build_scene(_SEED, index, 512)
    west, north = origin(_SEED, index)
    side = GSD * in_context.FACTOR
    grid = Affine(side, 0, west, 0, -side, north)
    if modality == 's1':
        pixels, bands = in_context.radar(scene), ('VV', 'VH')
    else:
        rgb = in_context.shrink(render_rgb(scene, FIRST))
        pixels = np.ascontiguousarray(rgb.transpose(2, 0, 1))
        bands = ('red', 'green', 'blue')
    write_geotiff(folder / f'{name}.tif', pixels, EPSG, grid, names=bands)
    if classes:
        leaves = in_context.majority(scene.leaves(FIRST))
        mask = np.zeros_like(leaves)
        for number, leaf in enumerate(classes, 1):
            mask[leaves == LEAF_IDS[leaf]] = number
        write_geotiff(folder / 'mask.tif', mask[None], EPSG, grid)
