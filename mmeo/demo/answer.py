# Copyright (c) mmeo contributors. All rights reserved.
"""What the page shows: an image to draw on, and what was found."""

import copy
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
from PIL import Image

from mmeo.apis.prompt_inputs import PICTURES, PromptImage, thin
from mmeo.errors import DataError, MissingDataError
from mmeo.geo import open_raster
from mmeo.visualization.prompt_picture import sensor_rgb

from .drawing import SIDE, enlarge, hex_colour
from .question import Question

#: What the page calls the sensors.
SENSOR_NAMES = {'hr': 'Optical (red, green, blue)',
                's1': 'Radar (VV, VH in dB)'}


@dataclass
class Answer:
    """A segmented target.

    Args:
        picture (np.ndarray): ``(h, w, 3)`` uint8, the target as it is seen.
        labels (np.ndarray): ``(h, w)`` uint8 of the picture's size: class 1
            to N, 0 for none.
        palette (dict): Name of each class -> RGB.
        pixels (list[int]): Of the target, of none and of each class.
        pixel_area (float, optional): In square metres, where it is known.
        map_file (Path): GeoTIFF of the labels.
        picture_file (Path): PNG with the legend.
    """

    picture: np.ndarray
    labels: np.ndarray
    palette: dict[str, tuple[int, int, int]]
    pixels: list[int]
    pixel_area: Optional[float]
    map_file: Path
    picture_file: Path

    def annotations(self) -> list[tuple[np.ndarray, str]]:
        """A mask ``(h, w)`` and the name of each class that was found."""
        return [(self.labels == number, name)
                for number, name in enumerate(self.palette, 1)
                if (self.labels == number).any()]

    def table(self) -> str:
        """Colour, name and share of each class, as HTML."""
        return class_table(self.palette, self.pixels, self.pixel_area,
                           'none of these, or no data')


def class_table(palette: Mapping[str, Sequence[int]], pixels: Sequence[int],
                area: Optional[float], none: str) -> str:
    """Colour, name, share and area of each class, as HTML.

    Args:
        palette (Mapping): Name of each class -> RGB.
        pixels (Sequence[int]): Of none and of each class.
        area (float, optional): Of a pixel in square metres, where it is
            known.
        none (str): What to call none, which comes last.
    """
    total = max(1, sum(pixels))
    rows = [*zip(map(hex_colour, palette.values()), palette, pixels[1:]),
            ('transparent', none, pixels[0])]
    cells = ''.join(
        f'<tr><td><span class="swatch" style="background:{colour}"></span>'
        f'</td><td>{html.escape(name)}</td><td>{count / total:.1%}</td>'
        f'<td>{_area_text(count, area)}</td></tr>'
        for colour, name, count in rows)
    return f'<table class="found">{cells}</table>'


def _area_text(count: int, area: Optional[float]) -> str:
    if area is None:
        return f'{count:,} pixels'
    return f'{count * area / 1e4:,.2f} ha'


def check_size(path: str, max_pixels: float, what: str,
               command: str = 'mmeo prompt') -> None:
    """Refuse an image that is too large, before it is read.

    Args:
        path (str): The image.
        max_pixels (float): Most pixels.
        what (str): What it is to the visitor, for the message.
        command (str): Takes images of any size. Defaults to 'mmeo prompt'.

    Raises:
        DataError: If it is larger, or no image.
        MissingDataError: If it is not there any more.
    """
    if not Path(path).is_file():
        raise MissingDataError(f'The {what} is no longer on the server: '
                               'upload it again.')
    if Path(path).suffix.lower() in PICTURES:
        try:
            with Image.open(path) as picture:  # reads the header alone
                width, height = picture.size
        except (OSError, Image.DecompressionBombError) as error:
            raise DataError(f'The {what} {Path(path).name} is no picture '
                            'that can be opened.') from error
    else:
        with open_raster(path) as raster:
            height, width = raster.shape
    if height * width > max_pixels:
        raise DataError(
            f'The {what} has {width} x {height} pixels, and this page takes '
            f'{max_pixels / 1e6:g} million. Cut it, or use `{command}`, '
            'which takes images of any size.')


def look_at(path: str, modality: str, norms: Mapping[str, Any],
            max_pixels: float, what: str) -> tuple[np.ndarray,
                                                   tuple[int, int]]:
    """An image as a picture, checked like the model's input.

    Args:
        path (str): The image.
        modality (str): Its sensor.
        norms (Mapping): Statistics of each sensor, those of the inferencer.
        max_pixels (float): Most pixels.
        what (str): For messages.

    Returns:
        tuple: ``(h, w, 3)`` uint8 of the size that is drawn on, and height
        and width of the image.

    Raises:
        DataError: If it is too large or not what the sensor gives.
    """
    check_size(path, max_pixels, what)
    image = PromptImage(path, modality, norms[modality], what=what)
    return enlarge(sensor_rgb(*image.preview(SIDE))), image.size


def answer(inferencer: Callable, question: Question, folder: Path,
           norms: Mapping[str, Any], max_pixels: float) -> Answer:
    """Ask the model.

    Args:
        inferencer (PromptInferencer): Holds the model.
        question (Question): What is asked.
        folder (Path): Where the files go.
        norms (Mapping): Statistics of each sensor.
        max_pixels (float): Of each image.

    Raises:
        UserError: What the visitor has to mend.
    """
    arguments = question.arguments()
    palette = question.palette()
    for path in arguments.get('example', ()):
        check_size(path, max_pixels, 'example')
    picture, _ = look_at(question.target, question.modality, norms,
                         max_pixels, 'target')
    # A copy: two visitors have colours of their own.
    painter = copy.copy(inferencer)
    painter.palette = palette
    stem = Path(question.target).stem
    map_file = folder / f'{stem}_classes.tif'
    result = painter(out=str(map_file), overwrite=True, return_vis=True,
                     **arguments)
    found = result['predictions'][0]
    picture_file = folder / f'{stem}_classes.png'
    cv2.imwrite(str(picture_file), result['visualization'][0][..., ::-1])
    return Answer(
        picture=picture, labels=thin(found['labels'], picture.shape[:2]),
        palette=palette, pixels=found['counts'],
        pixel_area=pixel_area(found['crs'], found['transform']),
        map_file=map_file,
        picture_file=picture_file)


def pixel_area(crs: Any, transform: Any) -> Optional[float]:
    """Square metres of a pixel, where the map is in a unit of length.

    Args:
        crs (CRS, optional): Coordinate system of rasterio.
        transform (Affine, optional): From pixels to coordinates.
    """
    if crs is None or transform is None or not crs.is_projected:
        return None
    if crs.to_epsg() == 3857:  # stretched by up to several times
        return None
    metres = crs.linear_units_factor[1]
    return abs(transform.determinant) * metres**2
