# Copyright (c) mmeo contributors. All rights reserved.
"""Medical volumes (NIfTI): read in one orientation, check, window, slice."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmeo.errors import ConfigError, DataError, MissingDataError

PathLike = Union[str, Path]

#: Axis of a volume in RAS orientation that each plane is perpendicular to.
PLANES = dict(sagittal=0, coronal=1, axial=2)


class Volume(NamedTuple):
    """A volume turned to RAS: axes grow to right, anterior and superior.

    Attributes:
        array (np.ndarray): ``(X, Y, Z)``.
        affine (np.ndarray): ``(4, 4)``, voxel indices to millimetres.
        path (str): Where it is from.
    """

    array: np.ndarray
    affine: np.ndarray
    path: str


def read_volume(path: PathLike) -> Volume:
    """Read a NIfTI file and turn its axes to RAS by its affine.

    Axes are only swapped and flipped, values are never interpolated.

    Args:
        path: ``*.nii`` or ``*.nii.gz``.

    Raises:
        ConfigError: If nibabel is absent.
        MissingDataError: If the file is absent.
        DataError: If it cannot be read or is no single 3-D volume.
    """
    try:
        import nibabel
    except ImportError as error:
        raise ConfigError('reading NIfTI needs nibabel: `pip install '
                          'nibabel`.') from error
    if not Path(path).is_file():
        raise MissingDataError(f'volume {path} does not exist.')
    try:
        image = nibabel.as_closest_canonical(nibabel.load(path))
        array = np.asanyarray(image.dataobj)
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError,
            ValueError) as error:
        raise DataError(f'volume {path} cannot be read ({error}): copy or '
                        'download it again.') from error
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise DataError(f'volume {path} has the shape {array.shape}, expected '
                        'one 3-D volume: split the series into volumes.')
    return Volume(array, image.affine, str(path))


def check_same_grid(a: Volume, b: Volume, tolerance: float = 0.1) -> None:
    """Stop unless two volumes cover the same voxels.

    Args:
        a: A volume.
        b: Another one, e.g. its mask.
        tolerance: By how many millimetres corners may differ; headers are
            rounded. Defaults to 0.1 (our choice).

    Raises:
        DataError: If shapes or affines differ.
    """
    if a.array.shape != b.array.shape:
        raise DataError(
            f'{a.path} has the shape {a.array.shape} and {b.path} '
            f'{b.array.shape} (both turned to RAS): image and mask must be of '
            'one scan, on one grid. Resample the mask, or correct the names '
            'that pair them.')
    size = np.array(a.array.shape)
    corners = np.array([[i, j, k, 1] for i in (0, size[0] - 1)
                        for j in (0, size[1] - 1) for k in (0, size[2] - 1)])
    shift = np.abs(corners @ (a.affine - b.affine).T)[:, :3].max()
    if shift > tolerance:
        raise DataError(
            f'{a.path} and {b.path} have equal shapes, but their affines '
            f'place corners up to {shift:.1f} mm apart: they are not of one '
            'scan, or one was re-oriented without its header. Correct the '
            'names that pair them, or the header.')


def read_mask(path: PathLike, labels: Sequence[int]) -> Volume:
    """Read a label volume and check its values.

    Args:
        path: NIfTI file.
        labels: Values that may occur.

    Returns:
        The volume with a uint8 array.

    Raises:
        DataError: If values are fractions or not among ``labels``.
    """
    volume = read_volume(path)
    values = np.unique(volume.array)
    wrong = sorted(set(values.tolist()) - set(labels))
    if wrong:
        raise DataError(
            f'mask {path} holds the values {wrong[:10]}; allowed are '
            f'{sorted(labels)}. It is of another legend, or was interpolated '
            'as if it were an image.')
    return volume._replace(array=volume.array.astype(np.uint8))


def window_hu(array: np.ndarray, level: float, width: float) -> np.ndarray:
    """Show a range of Hounsfield units as grey values.

    Args:
        array: Hounsfield units.
        level: Middle of the range.
        width: Its width, above 0.

    Returns:
        uint8 of the same shape; ``level - width / 2`` and below become 0,
        ``level + width / 2`` and above 255.

    Raises:
        ConfigError: If the width is not positive.
    """
    if width <= 0:
        raise ConfigError(f'a window of {width} HU is empty: give a width '
                          'above 0.')
    low = level - width / 2
    grey = (array.astype(np.float32) - low) * (255 / width)
    return np.rint(grey.clip(0, 255)).astype(np.uint8)


def scale_percentiles(array: np.ndarray,
                      low: float = 0.5,
                      high: float = 99.5) -> np.ndarray:
    """Show an MRI volume, which has no unit, as grey values.

    Args:
        array: Intensities; 0 is outside the body.
        low: Percentile of the non-zero voxels that becomes 0. Defaults to
            0.5.
        high: Percentile that becomes 255. Defaults to 99.5.

    Returns:
        uint8 of the same shape. The whole volume has one scale, so that its
        slices stay comparable.

    Raises:
        DataError: If all non-zero voxels have one value.
    """
    inside = array[array != 0]
    if not inside.size:
        raise DataError('the volume is 0 everywhere.')
    bottom, top = np.percentile(inside, (low, high))
    if top <= bottom:
        raise DataError(f'all voxels that are not 0 lie at {bottom:g}.')
    grey = (array.astype(np.float32) - bottom) * (255 / (top - bottom))
    grey = np.rint(grey.clip(0, 255)).astype(np.uint8)
    grey[array == 0] = 0
    return grey


def take_slice(array: np.ndarray, plane: str, index: int) -> np.ndarray:
    """Cut a picture out of a volume, as a radiologist looks at it.

    The patient's right is on the left of axial and coronal pictures, anterior
    (axial) or superior (coronal, sagittal) is up, anterior is on the left of
    sagittal ones.

    Args:
        array: ``(X, Y, Z)`` in RAS.
        plane: 'axial', 'coronal' or 'sagittal'.
        index: Along the axis of :data:`PLANES`.

    Returns:
        ``(H, W)``.
    """
    picture = np.take(array, index, axis=PLANES[plane])
    return picture[::-1, ::-1].T  # first axis becomes the columns
