# Copyright (c) mmeo contributors. All rights reserved.
"""COCO instances."""

from mmeo.datasets.synthetic.annotations import Instance
from mmeo.datasets.synthetic.classes import INSTANCE_CLASSES

#: Annotation ids of a scene start at its number times this.
ID_STRIDE = 100_000


def coco_records(index: int, size: int, file_name: str,
                 instances: list[Instance]) -> tuple[dict, list[dict]]:
    """The image record of a scene and its annotation records."""
    image = dict(id=index, file_name=file_name, width=size, height=size)
    records = []
    for number, item in enumerate(instances, start=1):
        x1, y1, x2, y2 = item.box
        records.append(dict(
            id=index * ID_STRIDE + number, image_id=index,
            category_id=INSTANCE_CLASSES.index(item.name) + 1,
            bbox=[x1, y1, round(x2 - x1, 1), round(y2 - y1, 1)],
            area=round(item.area, 2), iscrowd=0,
            segmentation=[[value for point in item.polygon
                           for value in point]]))
    return image, records


def coco_document(images: list[dict], annotations: list[dict]) -> dict:
    """The whole file of a split."""
    return dict(
        info=dict(description='SynthEarth', version='1.0'),
        licenses=[],
        categories=[dict(id=i, name=name, supercategory='object')
                    for i, name in enumerate(INSTANCE_CLASSES, start=1)],
        images=images, annotations=annotations)
