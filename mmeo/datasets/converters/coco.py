# Copyright (c) mmeo contributors. All rights reserved.
"""Build COCO files of instances, record by record."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mmeo.errors import DataError
from mmeo.geo import open_raster

from .report import Report


def image_size(path: Union[str, Path]) -> tuple[int, int]:
    """Width and height in pixels; only the header is read.

    Raises:
        MissingDataError: If there is no such file.
        DataError: If it is no picture.
    """
    with open_raster(path) as src:
        return src.width, src.height


def polygon_area(polygon: Sequence[float]) -> float:
    """Area inside ``x1 y1 x2 y2 ...``, in square pixels."""
    xs, ys = polygon[0::2], polygon[1::2]
    twice = sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1]
                for i in range(len(xs)))
    return abs(twice) / 2


class CocoBuilder:
    """Collects images and objects; ids count from 1 in the order of adding.

    Boxes that no detector could learn (outside the image, thinner than a
    pixel) are left out and counted in ``report``; those that reach over the
    border stay as they are, and are counted too.

    Args:
        classes (Sequence[str]): Names in the order of category ids, from 1.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = list(classes)
        self.images: list[dict] = []
        self.annotations: list[dict] = []
        self.report = Report()

    def add_image(self, file_name: str, width: int, height: int) -> int:
        """Add an image and return its id."""
        self.images.append(dict(id=len(self.images) + 1, file_name=file_name,
                                width=width, height=height))
        self.report.counts['images'] += 1
        return len(self.images)

    def add_object(self, image_id: int, name: str, box: Sequence[float],
                   polygon: Optional[Sequence[float]] = None,
                   crowd: bool = False, where: str = '') -> bool:
        """Add an object, unless its box is none.

        Args:
            image_id: Of the last or an earlier image.
            name: Class.
            box: ``x1, y1, x2, y2`` in pixels, from the corner of the image.
            polygon: Outline ``x1 y1 x2 y2 ...``.
            crowd: Ignored in evaluation. Defaults to False.
            where: File, for messages.

        Returns:
            Whether it was added.

        Raises:
            DataError: If the class is unknown or the outline is none.
        """
        if name not in self.classes:
            raise DataError(f'{where}: unknown class {name!r}; the classes '
                            f'are {self.classes}. Correct the file.')
        if polygon is not None and (len(polygon) < 6 or len(polygon) % 2):
            raise DataError(f'{where}: an outline of {len(polygon)} numbers; '
                            'three points or more are needed.')
        image = self.images[image_id - 1]
        area = ((box[2] - box[0]) * (box[3] - box[1]) if polygon is None
                else polygon_area(polygon))
        reason = _unusable(box, area, image)
        if reason:
            self.report.dropped[f'objects {reason}'] += 1
            return False
        x1, y1, x2, y2 = box
        if min(x1, y1) < 0 or x2 > image['width'] or y2 > image['height']:
            self.report.odd['boxes that reach over the border'] += 1
        record = dict(
            id=len(self.annotations) + 1, image_id=image_id,
            category_id=self.classes.index(name) + 1,
            bbox=[x1, y1, x2 - x1, y2 - y1], area=area, iscrowd=int(crowd))
        if polygon is not None:
            record['segmentation'] = [list(polygon)]
        self.annotations.append(record)
        self.report.counts[f'objects: {name}'] += 1
        return True

    def document(self) -> dict[str, Any]:
        """The content of the file."""
        categories = [dict(id=i, name=name, supercategory='object')
                      for i, name in enumerate(self.classes, start=1)]
        return dict(images=self.images, annotations=self.annotations,
                    categories=categories)

    def write(self, path: Union[str, Path]) -> None:
        """Write the file; equal content gives equal bytes."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(self.document()))


def _unusable(box: Sequence[float], area: float,
              image: dict) -> Optional[str]:
    x1, y1, x2, y2 = box
    if x2 - x1 < 1 or y2 - y1 < 1:
        return 'smaller than a pixel'
    if area <= 0:
        return 'whose outline has no area'
    if x2 <= 0 or y2 <= 0 or x1 >= image['width'] or y1 >= image['height']:
        return 'outside the image'
    return None
