# Copyright (c) mmeo contributors. All rights reserved.
"""Pascal VOC's XML to COCO, and DIOR with its lists."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Optional, Union

from mmeo.datasets.dior import DIORDataset
from mmeo.datasets.voc_xml import VocObject, read_voc
from mmeo.errors import DataError, MissingDataError

from .coco import CocoBuilder, image_size
from .report import Report

PathLike = Union[str, Path]
#: Image folder of each list of DIOR.
DIOR_SPLITS = dict(train='JPEGImages-trainval', val='JPEGImages-trainval',
                   trainval='JPEGImages-trainval', test='JPEGImages-test')


def voc_to_coco(images: PathLike, annotations: PathLike, out: PathLike,
                classes: Sequence[str], names: Optional[Iterable[str]] = None,
                img_suffix: str = 'jpg', one_based: bool = True) -> Report:
    """Convert a folder of XML files.

    Outlines (``<segm>``) become masks; a box that is not written is that of
    the outline or the oriented box. Objects marked difficult become crowds,
    which COCO's evaluation ignores as VOC's does.

    Args:
        images: Folder of the images.
        annotations: Folder of the XML files.
        out: JSON file to write; ``file_name`` is relative to ``images``.
        classes: Names in the order of category ids, compared without case.
        names: Image names without suffix. None takes all XML files.
        img_suffix: Suffix of images. Defaults to 'jpg'.
        one_based: Boxes count pixels from 1 and include the last one, as
            VOC's own do: ``xmin - 1`` is their left edge. Defaults to True.

    Returns:
        Counts of what was written and left out.

    Raises:
        MissingDataError: If an image or an XML file is absent.
        DataError: If a file does not parse or names an unknown class.
    """
    builder = CocoBuilder(classes)
    spelling = {name.lower(): name for name in classes}
    if names is None:
        names = sorted(path.stem for path in Path(annotations).glob('*.xml'))
        if not names:
            raise MissingDataError(f'no XML file in {annotations}.')
    for stem in names:
        xml = Path(annotations) / f'{stem}.xml'
        if not xml.is_file():
            raise MissingDataError(f'annotation {xml} does not exist.')
        image = Path(images) / f'{stem}.{img_suffix}'
        size, parsed = image_size(image), read_voc(xml)
        number = builder.add_image(image.name, *size)
        if parsed.size is not None and parsed.size != size:
            builder.report.odd['images of another size than their XML '
                               'says (the image counts)'] += 1
        for item in parsed.objects:
            builder.add_object(
                number, spelling.get(item.name.lower(), item.name),
                _box(item, one_based, xml), polygon=item.polygon,
                crowd=bool(item.difficult), where=str(xml))
    builder.write(out)
    return builder.report


def _box(item: VocObject, one_based: bool,
         xml: Path) -> tuple[float, float, float, float]:
    if item.box is not None:
        x1, y1, x2, y2 = item.box
        return (x1 - one_based, y1 - one_based, x2, y2)
    outline = item.polygon or item.corners
    if not outline:
        raise DataError(f'{xml}: a {item.name} has neither <bndbox> nor '
                        '<segm> nor an oriented box.')
    xs, ys = outline[0::2], outline[1::2]
    return (min(xs), min(ys), max(xs), max(ys))


def convert_dior(root: PathLike, splits: Sequence[str] = tuple(DIOR_SPLITS),
                 one_based: bool = False) -> dict[str, Report]:
    """Prepare DIOR: the list ``trainval.txt`` and COCO files of boxes.

    Writes ``ROOT/ImageSets/Main/trainval.txt`` (train, then val; unless it
    is there) and ``ROOT/annotations/SPLIT.json``. DIOR-R needs the list only.

    Args:
        root: The official tree.
        splits: Lists to convert. Defaults to all four.
        one_based: See :func:`voc_to_coco`; DIOR's boxes are taken as edges
            (our choice, as in the oriented files). Defaults to False.

    Returns:
        Counts by split.

    Raises:
        MissingDataError: If a list, an image or an XML file is absent.
    """
    root = Path(root)
    lists = root / 'ImageSets' / 'Main'
    trainval = lists / 'trainval.txt'
    if not trainval.is_file():
        both = [name for part in ('train', 'val')
                for name in _read_list(lists / f'{part}.txt')]
        trainval.write_text(''.join(f'{name}\n' for name in both))
    return {
        split: voc_to_coco(
            root / DIOR_SPLITS[split],
            root / 'Annotations' / 'Horizontal Bounding Boxes',
            root / 'annotations' / f'{split}.json',
            DIORDataset.METAINFO['classes'],
            names=_read_list(lists / f'{split}.txt'), one_based=one_based)
        for split in splits
    }


def _read_list(path: Path) -> list[str]:
    if not path.is_file():
        raise MissingDataError(
            f'{path}, a list of image names, does not exist. Unpack '
            'ImageSets.zip of DIOR; see docs/en/datasets_detection.md.')
    return path.read_text().split()
