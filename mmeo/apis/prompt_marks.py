# Copyright (c) mmeo contributors. All rights reserved.
"""What a user marks on an example: a mask, boxes, points. To masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from rasterio.transform import array_bounds

from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.errors import DataError
from mmeo.geo import open_raster
from mmeo.models.in_context.prompt_kinds import (
    boxes_to_mask,
    disk_radius,
    points_to_mask,
)
from mmeo.structures.modality import NO_LABEL

from .prompt_inputs import PromptImage

MaskLike = Union[str, Path, np.ndarray]
Numbers = Sequence[float]
#: Class name -> boxes ``(x1, y1, x2, y2)`` or points ``(x, y)`` of it.
Shapes = Mapping[str, Sequence[Numbers]]


@dataclass
class Marks:
    """What is marked on one example, in pixels of that example.

    Args:
        mask (ndarray, optional): ``(H, W)`` int64 or bool.
        boxes (dict): Class -> ``(x1, y1, x2, y2)`` each, edges of pixels:
            the box of the whole image is ``(0, 0, W, H)``.
        points (dict): Class -> ``(x, y)`` each.
        name (str): Of the mask, for messages.
    """

    mask: Optional[np.ndarray]
    boxes: dict[str, list[Numbers]]
    points: dict[str, list[Numbers]]
    name: str = 'mask array'

    @property
    def named(self) -> list[str]:
        """Classes that have boxes or points."""
        return list(dict.fromkeys([*self.boxes, *self.points]))


def collect_marks(image: PromptImage, mask: Optional[MaskLike], boxes: Any,
                  points: Any, only: Optional[str]) -> Marks:
    """Read the mask and bring boxes and points to one form.

    Args:
        image (PromptImage): The example.
        mask (str | Path | ndarray, optional): Label map of its size.
        boxes: ``{name: [(x1, y1, x2, y2), ...]}``; with one class also the
            list, or one box.
        points: The same of ``(x, y)``.
        only (str, optional): The class, if there is just one.

    Raises:
        DataError: If nothing is marked, or a mark does not fit the image.
    """
    if mask is None and boxes is None and points is None:
        raise DataError(f'{image.name}: nothing is marked on this example. '
                        'Give a mask, boxes or points (--mask, --box, '
                        '--point).')
    marks = Marks(None, _shapes(boxes, 4, 'boxes', only),
                  _shapes(points, 2, 'points', only))
    if mask is not None:
        if not isinstance(mask, np.ndarray):
            marks.name = str(mask)
        marks.mask = _read_mask(mask, image)
    for shapes, check in ((marks.boxes, _check_box),
                          (marks.points, _check_point)):
        for name, each in shapes.items():
            for shape in each:
                check(shape, name, image)
    return marks


def class_masks(marks: Marks, names: Sequence[str],
                values: Optional[Mapping[str, int]], image: PromptImage,
                radius: float = 8., crop_size: int = 512) -> np.ndarray:
    """Where an example shows which class.

    Args:
        marks (Marks): On this example.
        names (Sequence[str]): N classes.
        values (Mapping[str, int], optional): Class -> value of the mask. By
            default 1 to N in the order of the names, and any value of a
            binary mask of a single class.
        image (PromptImage): The example. Its pixels without data show
            nothing.
        radius (float): Of a point's disk in pixels of an image of 512, see
            :func:`~mmeo.models.in_context.prompt_kinds.disk_radius`. Defaults
            to 8.
        crop_size (int): A larger example is cut to windows of this size,
            which then count for the radius. Defaults to 512.

    Returns:
        ndarray: ``(N, H, W)`` bool.

    Raises:
        DataError: If the marks name other classes, the mask has values
            without a name, or no pixel is positive.
    """
    out = np.zeros((len(names), *image.size), bool)
    if marks.mask is not None:
        for value, index in _value_table(marks, names, values).items():
            out[index] |= marks.mask == value
    unknown = [name for name in marks.named if name not in names]
    if unknown:
        raise DataError(
            f'{image.name}: boxes or points of {unknown[0]!r}, but the '
            f'classes are {", ".join(map(repr, names))}: name it among them '
            '(--text), or correct the spelling.')
    window = tuple(min(side, crop_size) for side in image.size)
    disk = disk_radius(window, radius)
    for name, boxes in marks.boxes.items():
        out[names.index(name)] |= boxes_to_mask(boxes, image.size).numpy()
    for name, points in marks.points.items():
        out[names.index(name)] |= points_to_mask(
            points, image.size, disk).numpy()
    return _check_positive(out, marks, image)


def _check_positive(masks: np.ndarray, marks: Marks,
                    image: PromptImage) -> np.ndarray:
    marked = masks.any()
    masks &= ~image.missing()
    if not masks.any():
        what = (marks.name if marks.mask is not None and not marks.named
                else f'the marks on {image.name}')
        why = ('lie where it has no data' if marked else
               'hold none of the classes')
        raise DataError(
            f'{what}: no positive pixel, all {why}. An example must show at '
            'least one class: mark it, or check the values of the mask '
            '(0 is none, then 1, 2, … in the order of the names).')
    return masks


def mask_values(marks: Marks) -> list[int]:
    """Values of the mask that stand for classes, in order."""
    if marks.mask is None:
        return []
    found = [int(v) for v in np.unique(marks.mask) if v != 0]
    # 255 is unlabelled, as in all label maps here, but also the white of a
    # black and white mask.
    return found if found == [NO_LABEL] else [
        v for v in found if v != NO_LABEL]


def _value_table(marks: Marks, names: Sequence[str],
                 values: Optional[Mapping[str, int]]) -> dict[int, int]:
    """Value of the mask -> index of the class."""
    if values is not None:
        unknown = [name for name in values if name not in names]
        if unknown:
            raise DataError(
                f'`values` names {unknown[0]!r}, which is no class here; '
                f'there are {", ".join(map(repr, names))}.')
        return {int(v): names.index(name) for name, v in values.items()}
    found = mask_values(marks)
    if len(names) == 1 and len(found) == 1:
        return {found[0]: 0}
    strange = [v for v in found if not 1 <= v <= len(names)]
    if strange:
        raise DataError(
            f'{marks.name} holds the value(s) '
            f'{", ".join(map(str, strange[:10]))}, and there are '
            f'{len(names)} class name(s), for the values 1 to {len(names)} '
            'in their order. Name all classes of the mask, or say which '
            'value is which class with `values` (--value NAME N).')
    return {i + 1: i for i in range(len(names))}


def _read_mask(mask: MaskLike, image: PromptImage) -> np.ndarray:
    if isinstance(mask, np.ndarray):
        name, label = 'mask array', mask
        if label.dtype.kind not in 'iub' or label.ndim != 2:
            raise DataError(
                f'a mask is a (height, width) array of integers or bool, got '
                f'{label.dtype} of shape {label.shape}.')
    else:
        name = str(mask)
        label = read_label(name, allow_grey_rgb=True)
        _check_place(name, image)
    if label.shape != image.size:
        raise DataError(
            f'{name} has {label.shape[0]} x {label.shape[1]} pixels (height '
            f'x width), its image {image.name} has {image.size[0]} x '
            f'{image.size[1]}. A mask must cover the same pixels as its '
            'example.')
    return label


def _check_place(path: str, image: PromptImage) -> None:
    """Stop if a mask lies elsewhere on Earth than its image."""
    if image.transform is None or Path(path).suffix.lower() not in (
            '.tif', '.tiff'):
        return
    with open_raster(path) as src:
        if src.crs is None or image.crs is None or src.shape != image.size:
            return
        own = array_bounds(*image.size, image.transform)
        # A tenth of a pixel is rounding, more is another place.
        slack = 0.1 * min(src.res)
        if src.crs == image.crs and np.allclose(src.bounds, own, 0, slack):
            return
    raise DataError(
        f'{path} lies elsewhere than its image {image.name}: another '
        'reference system or origin. Warp it to the grid of the image '
        '(`gdalwarp -t_srs -te -tr`, nearest).')


def _shapes(given: Any, length: int, what: str,
            only: Optional[str]) -> dict[str, list[Numbers]]:
    """Boxes or points in one form: class -> list of tuples."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        if only is None:
            raise DataError(
                f'{what} of several classes are a dict, class name -> list '
                f'of {length} numbers each; got {given!r}.')
        given = {only: given}
    out = {}
    for name, shapes in given.items():
        array = np.asarray(shapes, float)
        if array.ndim == 1:
            array = array[None]
        if array.ndim != 2 or array.shape[1] != length or not len(array):
            raise DataError(f'{what} of {name!r}: {length} numbers each, got '
                            f'{shapes!r}.')
        out[name] = [tuple(row) for row in array.tolist()]
    return out


def _check_box(box: Numbers, name: str, image: PromptImage) -> None:
    x1, y1, x2, y2 = box
    height, width = image.size
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise DataError(
            f'box ({x1:g}, {y1:g}, {x2:g}, {y2:g}) of {name!r} does not lie '
            f'inside {image.name} of {width} x {height} pixels (width x '
            'height). A box is x1 y1 x2 y2, left top right bottom, in pixels '
            'of the example.')


def _check_point(point: Numbers, name: str, image: PromptImage) -> None:
    x, y = point
    height, width = image.size
    if not (0 <= x < width and 0 <= y < height):
        raise DataError(
            f'point ({x:g}, {y:g}) of {name!r} lies outside {image.name} of '
            f'{width} x {height} pixels (width x height).')
