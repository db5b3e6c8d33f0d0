# Copyright (c) mmeo contributors. All rights reserved.
"""A visitor's dialogue: images, answers, what is shown, files of it."""

import copy
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
from PIL import Image

from mmeo.apis.chat_answer import BACKGROUND, ChatAnswer
from mmeo.apis.chat_command import as_text
from mmeo.apis.chat_images import ChatImage
from mmeo.apis.chat_inferencer import with_task
from mmeo.apis.chat_outputs import draw_answer, write_geojson, write_mask
from mmeo.codecs import task_of
from mmeo.codecs.mask_dialects import check_names
from mmeo.errors import DataError
from mmeo.geo.raster import Band
from mmeo.visualization.prompt_picture import default_palette

from .answer import check_size, class_table, pixel_area
from .drawing import SIDE


class Dialogue:
    """Questions and answers about the same images.

    Args:
        inferencer (ChatInferencer): Holds the model.
        images (Sequence[ChatImage]): None, one, or two dates.
        place (Path): Where a folder of files is made, when there are any.
        uploads (Sequence[str | None]): Where the images came from.

    Attributes:
        shown (int or None): Answer that picture and files are of.
    """

    def __init__(self, inferencer: Any, images: Sequence[ChatImage],
                 place: Path, uploads: Sequence[Optional[str]] = ()) -> None:
        self.inferencer = inferencer
        self.session = inferencer.start(list(images))
        self.place = place
        self.uploads = list(uploads)
        self.folder: Optional[Path] = None
        self.shown: Optional[int] = None

    @classmethod
    def open(cls, inferencer: Any, uploads: Sequence[Optional[str]],
             place: Path, bands: Optional[Sequence[Band]] = None,
             max_pixels: float = 4e6) -> 'Dialogue':
        """Begin a dialogue about uploads.

        Args:
            inferencer (ChatInferencer): Holds the model.
            uploads (Sequence[str | None]): Files; None where there is none.
            place (Path): See :class:`Dialogue`.
            bands (Sequence, optional): Red, green and blue of a GeoTIFF.
            max_pixels (float): Of each image. Defaults to 4 million.

        Raises:
            UserError: If an image is too large or cannot be used.
        """
        paths = [path for path in uploads if path is not None]
        for path in paths:
            check_size(path, max_pixels, 'image', 'mmeo chat')
        return cls(inferencer, [ChatImage(path, bands) for path in paths],
                   place, uploads)

    def again(self) -> 'Dialogue':
        """A new one about the same images."""
        return Dialogue(self.inferencer, self.images, self.place,
                        self.uploads)

    def close(self) -> None:
        """Remove its files."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = None

    @property
    def images(self) -> list[ChatImage]:
        """What the dialogue is about."""
        return self.session.images

    @property
    def answers(self) -> list[ChatAnswer]:
        """So far."""
        return self.session.answers

    @property
    def answer(self) -> Optional[ChatAnswer]:
        """The one that is shown."""
        return None if self.shown is None else self.answers[self.shown]

    def notes(self) -> list[str]:
        """What was done to show the images."""
        return [note for image in self.images for note in image.notes]

    def ask(self, question: str, task: Optional[str] = None,
            names: Optional[Sequence[str]] = None) -> None:
        """Ask, and show the answer.

        Args:
            question (str): With or without a task token.
            task (str, optional): Key of :data:`mmeo.codecs.TASKS`.
            names (Sequence[str], optional): Labels of a ``[SEG]`` answer.

        Raises:
            DataError: If there are too few images for the task, or the
                question cannot be asked; the dialogue is as it was.
        """
        kind = task_of(with_task(question, task))
        if kind and not self.images:
            raise DataError(f'[{kind}] asks about an image, and there is '
                            'none: load one.')
        if kind == 'CCD' and len(self.images) < 2:
            raise DataError('[CCD] compares two dates: load a second image of '
                            'the same place.')
        if names:
            check_names([BACKGROUND, *names])
        self.session.ask(question, task, names)
        self.shown = len(self.answers) - 1

    def show(self, number: int) -> None:
        """Choose the answer that is shown.

        Raises:
            DataError: If there is no such answer.
        """
        if not 0 <= number < len(self.answers):
            raise DataError(f'there is no answer {number + 1} in this '
                            'dialogue')
        self.shown = number

    def messages(self) -> list[dict[str, str]]:
        """Question and answer in turn, as chats have them."""
        return [message for answer in self.answers for message in (
            dict(role='user', content=answer.question),
            dict(role='assistant', content=as_text(answer)))]

    def caption(self) -> str:
        """What the picture shows."""
        if self.answer is None:
            return ', then '.join(image.name for image in self.images)
        return (f'Answer {self.shown + 1} of {len(self.answers)}: '
                f'{self.answer.question}')

    def before(self) -> Optional[np.ndarray]:
        """The first of two dates, ``(h, w, 3)`` uint8, else None."""
        if len(self.images) < 2:
            return None
        return np.asarray(enlarge_small(self.images[0]).picture)

    def picture(self) -> Optional[np.ndarray]:
        """The last image with the answer on it, ``(h, w, 3)`` uint8."""
        if not self.images:
            return None
        image = enlarge_small(self.images[-1])
        if self.answer is None:
            return np.asarray(image.picture)
        width = max(3, max(image.picture.size) // 300)
        return draw_answer(image, self.answer, width)

    def table(self) -> str:
        """Colour, name, share and area of the labels of a mask, as HTML."""
        answer = self.answer
        if answer is None or answer.mask is None:
            return ''
        image, labels = self.images[-1], answer.names[1:]
        cell = image.size[0] * image.size[1] / answer.mask.size
        cells = np.bincount(answer.mask.ravel(), minlength=len(answer.names))
        palette = dict(zip(labels, default_palette(max(1, len(labels)))))
        return class_table(palette, [round(n * cell) for n in cells],
                           pixel_area(image.crs, image.transform),
                           answer.names[0])

    def files(self) -> dict[str, Path]:
        """Files of the answer that is shown, written when first asked for.

        Returns:
            dict[str, Path]: 'picture' wherever there is an image; 'geojson'
            and, of a mask, 'geotiff' where the image has a place on Earth
            and the answer has boxes or a mask.
        """
        answer = self.answer
        if answer is None or not self.images:
            return {}
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(dir=self.place))
        image = self.images[-1]
        stem = f'{image.name}_{self.shown + 1:02d}'
        files = dict(picture=self.folder / f'{stem}.png')
        if not files['picture'].exists():
            cv2.imwrite(str(files['picture']), self.picture()[..., ::-1])
        found = answer.mask is not None or len(answer.boxes) > 0
        if found and image.is_georeferenced:
            files['geojson'] = self.folder / f'{stem}.geojson'
            if not files['geojson'].exists():
                write_geojson(files['geojson'], image, [answer])
            if answer.mask is not None:
                files['geotiff'] = self.folder / f'{stem}.tif'
                if not files['geotiff'].exists():
                    write_mask(files['geotiff'], image, answer)
        return files


def enlarge_small(image: ChatImage) -> ChatImage:
    """The image with a picture on which thin lines and words can be seen.

    Small ones are enlarged by a whole number; coordinates still refer to the
    pixels of the image.
    """
    factor = SIDE // max(image.picture.size)
    if factor < 2:
        return image
    large = copy.copy(image)
    size = tuple(side * factor for side in image.picture.size)
    large.picture = image.picture.resize(size, Image.Resampling.NEAREST)
    return large


def split_names(text: str) -> Optional[list[str]]:
    """``'road, low vegetation'`` to names; None where there is none."""
    names = [' '.join(name.split()) for name in text.split(',')]
    return [name for name in names if name] or None


def split_bands(text: str) -> Optional[list[Band]]:
    """``'4, 3, 2'`` or ``'red, green, blue'``; None where there is none."""
    words = [word.strip() for word in text.split(',') if word.strip()]
    return [int(word) if word.isdecimal() else word for word in words] or None
