# Copyright (c) mmeo contributors. All rights reserved.
"""Questions that are ready to ask, in a folder or about SynthEarth."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from mmeo.codecs import TASKS
from mmeo.errors import DataError

from .samples import SEED, read_samples, write_scene

# Scenes of SynthEarth with the seed of the other page. Questions are worded
# as SynthEarth's own dialogues are. Each has a title, the scene, how many
# dates, task, question and classes.
_SIZE = 256
_DRAWN = (
    ('Find one thing', 10, 1, 'VG', 'the largest ship', ()),
    ('Segment a class', 39, 1, 'SEG',
     'Please segment the building in this image.', ('building',)),
    ('What has changed?', 52, 2, 'CCD',
     'What are the differences between these two images?', ()),
    ('Which buildings have changed?', 52, 2, 'SEG',
     'Please segment the building area in the images that have changed in '
     'the second image.', ('building',)),
)


@dataclass
class ChatSample:
    """A question and its images.

    Args:
        title (str): What it shows.
        images (tuple[Path]): One, or two dates of a place.
        question (str): Without task token.
        task (str): Key of :data:`mmeo.codecs.TASKS`. Defaults to '', a free
            question.
        classes (tuple[str]): Labels of a ``[SEG]`` answer. Defaults to those
            that the answer uses.
    """

    files: ClassVar = ('images',)

    title: str
    images: tuple[Path, ...]
    question: str
    task: str = ''
    classes: tuple[str, ...] = ()

    def check(self, file: Path) -> None:
        """Refuse what does not go together; ``file`` is for messages.

        Raises:
            DataError: Naming the file.
        """
        if not isinstance(self.images, tuple) or len(self.images) not in (
                1, 2):
            raise DataError(f'{file}: `images` is a list of one or two file '
                            'names.')
        if self.task and self.task not in TASKS:
            raise DataError(f'{file}: task {self.task!r} is none of '
                            f'{", ".join(TASKS)}.')
        if self.classes and self.task != 'SEG':
            raise DataError(f'{file}: `classes` are for the task SEG.')


read_chat_samples = functools.partial(read_samples, kind=ChatSample)


def draw_chat_samples(folder: Path) -> list[ChatSample]:
    """Samples of SynthEarth, with and without a second date.

    Args:
        folder (Path): Where the files go.
    """
    for number, (title, index, dates, task, question, classes) in enumerate(
            _DRAWN):
        place = folder / f'{number:02d}'
        place.mkdir(parents=True)
        names = ['image.tif'] if dates == 1 else ['before.tif', 'after.tif']
        _draw(place, index, names)
        (place / 'sample.json').write_text(json.dumps(dict(
            title=title, images=names, question=question, task=task,
            classes=list(classes)), indent=1))
    return read_chat_samples(folder)


def _draw(folder: Path, index: int, names: list[str]) -> None:
    """GeoTIFFs of a scene, at the resolution of SynthEarth's dialogues."""
    from mmeo.datasets.synthetic.dialogues.view import FACTOR
    from mmeo.datasets.synthetic.optical import render_rgb
    from mmeo.datasets.synthetic.plan import FIRST, SECOND
    from mmeo.datasets.synthetic.raster import build_scene
    scene = build_scene(SEED, index, _SIZE)
    side = scene.size // FACTOR
    for name, date in zip(names, (FIRST, SECOND)):
        rgb = cv2.resize(render_rgb(scene, date), (side, side),
                         interpolation=cv2.INTER_AREA)
        pixels = np.ascontiguousarray(rgb.transpose(2, 0, 1))
        write_scene(folder / name, index, pixels, FACTOR,
                    ('red', 'green', 'blue'))
