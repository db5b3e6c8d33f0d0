# Copyright (c) mmeo contributors. All rights reserved.
"""Prompts that are ready to run, in a folder or drawn by SynthEarth."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Optional

import numpy as np
from rasterio.transform import Affine

from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.errors import DataError, MissingDataError, UserError
from mmeo.structures import MODES

from .drawing import COLOURS

#: Of the scenes that are drawn.
SEED = 77
# Scenes that show the same classes.
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

    files: ClassVar = ('target', 'example', 'mask')

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

    def check(self, file: Path) -> None:
        """Refuse what does not go together; ``file`` is for messages.

        Raises:
            DataError: Naming the file.
        """
        if self.mode not in MODES:
            raise DataError(f'{file}: mode {self.mode!r} is none of '
                            f'{", ".join(MODES)}.')
        if not 1 <= len(self.classes) <= len(COLOURS):
            raise DataError(f'{file}: {len(self.classes)} classes; the page '
                            f'has {len(COLOURS)} colours.')
        if (self.example is None) != (self.mask is None):
            raise DataError(f'{file}: an example needs a mask, and a mask an '
                            'example.')
        if self.example is None and self.mode != 'textual':
            raise DataError(f'{file}: mode {self.mode!r} needs an example.')


def read_samples(folder: Path, kind: type = Sample) -> list:
    """The samples of a folder, one in each sub-folder with ``sample.json``.

    Its fields are those of the class, with file names of the same sub-folder.

    Args:
        folder (Path): The folder.
        kind (type): A dataclass with ``files``, the fields that name files,
            and ``check``. Defaults to :class:`Sample`.

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
    return [_read(file, kind) for file in files]


def _read(file: Path, kind: type) -> Any:
    known = {field.name: field for field in fields(kind)}
    try:
        given: dict[str, Any] = json.loads(file.read_text())
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise DataError(f'{file}: unknown field {unknown[0]!r}; there are '
                            f'{", ".join(known)}.')
        # Its own folder alone, and nothing above it.
        sample = kind(**_with_files(given, kind, lambda name: (
            file.parent / Path(name).name)))
        if isinstance(sample.classes, str):
            raise TypeError('`classes` is no list')
        sample.classes = tuple(sample.classes)
        sample.check(file)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        needed = ' and '.join(name for name, field in known.items()
                              if field.default is MISSING)
        raise DataError(f'{file}: not a sample ({error}); it needs '
                        f'{needed}.') from error
    for path in _files(sample):
        if not path.is_file():
            raise MissingDataError(f'{file} names {path.name}, which is not '
                                   'beside it.')
    return sample


def _with_files(given: dict[str, Any], kind: type, change: Callable
                ) -> dict[str, Any]:
    """Fields with each file, alone or in a list, changed by a function."""
    out = dict(given)
    for name in kind.files:
        value = out.get(name)
        if isinstance(value, (list, tuple)):
            out[name] = tuple(change(one) for one in value)
        elif value is not None:
            out[name] = change(value)
    return out


def _files(sample: Any) -> list[Path]:
    found: list[Path] = []
    _with_files(vars(sample), type(sample), found.append)
    return found


def copy_samples(samples: Sequence[Any], folder: Path) -> list:
    """Copies that a page may hand out, in place of the originals.

    Args:
        samples (Sequence): Of any folder and class.
        folder (Path): Where copies go, a sub-folder each.
    """
    copies = []
    for number, sample in enumerate(samples):
        place = folder / f'{number:02d}'
        place.mkdir(parents=True)
        copies.append(type(sample)(**_with_files(
            vars(sample), type(sample),
            lambda file, place=place: Path(shutil.copy(file, place)))))
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
        samples.append(_read(place / 'sample.json', Sample))
    return samples


def _draw(folder: Path, name: str, index: int, modality: str,
          classes: Sequence[str] = ()) -> None:
    """An image of a scene, and with classes its mask."""
    from mmeo.datasets.synthetic import in_context
    from mmeo.datasets.synthetic.classes import LEAF_IDS
    from mmeo.datasets.synthetic.optical import render_rgb
    from mmeo.datasets.synthetic.plan import FIRST
    from mmeo.datasets.synthetic.raster import build_scene
    scene = build_scene(SEED, index, 512)
    if modality == 's1':
        pixels, bands = in_context.radar(scene), ('VV', 'VH')
    else:
        rgb = in_context.shrink(render_rgb(scene, FIRST))
        pixels = np.ascontiguousarray(rgb.transpose(2, 0, 1))
        bands = ('red', 'green', 'blue')
    write_scene(folder / f'{name}.tif', index, pixels, in_context.FACTOR,
                bands)
    if classes:
        leaves = in_context.majority(scene.leaves(FIRST))
        mask = np.zeros_like(leaves)
        for number, leaf in enumerate(classes, 1):
            mask[leaves == LEAF_IDS[leaf]] = number
        write_scene(folder / 'mask.tif', index, mask[None],
                    in_context.FACTOR)


def write_scene(path: Path, index: int, pixels: np.ndarray, factor: int,
                bands: Sequence[str] = ()) -> None:
    """A GeoTIFF where a scene of :data:`SEED` lies.

    Args:
        path (Path): The file.
        index (int): Of the scene.
        pixels (np.ndarray): ``(C, H, W)``.
        factor (int): Pixels of the scene along one of these.
        bands (Sequence[str]): Their names. Defaults to none.
    """
    from mmeo.datasets.synthetic.scene_files import EPSG, origin
    from mmeo.datasets.synthetic.scenes import GSD
    from mmeo.datasets.synthetic.writers.images import write_geotiff
    west, north = origin(SEED, index)
    side = GSD * factor
    write_geotiff(path, pixels, EPSG,
                  Affine(side, 0, west, 0, -side, north),
                  names=tuple(bands))
