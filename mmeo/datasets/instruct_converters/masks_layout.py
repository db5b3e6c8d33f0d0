# Copyright (c) mmeo contributors. All rights reserved.
"""Where images and their label rasters lie."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mmeo.datasets.converters.potsdam import SPLITS as POTSDAM_SCENES
from mmeo.datasets.instruct_converters.files import (
    find_image,
    first_existing,
    listed,
    walk_images,
)
from mmeo.datasets.instruct_converters.items import Dropped
from mmeo.errors import ConfigError, DataError, MissingDataError

LAYOUTS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name('mask_layouts.json').read_text(encoding='utf-8'))
FOLDERS = 'folders'
_SCENES = dict(potsdam=POTSDAM_SCENES)


@dataclass(frozen=True)
class LabelledImage:
    """An image and its label raster.

    Attributes:
        key (str): Unique in the set.
        image (Path): The image.
        label (Path): Its label.
    """

    key: str
    image: Path
    label: Path


def find_labelled(root: Path, layout: str, split: str
                  ) -> Iterator[LabelledImage | Dropped]:
    """Images and labels of an official tree, paired by a key of their names.

    Args:
        root (Path): Where the download was unpacked.
        layout (str): Key of :data:`LAYOUTS`.
        split (str): Of the set, e.g. 'train'.

    Yields:
        LabelledImage or Dropped: In the order of their keys.

    Raises:
        MissingDataError: If there is no image.
        DataError: If two files have one key.
    """
    rule = LAYOUTS[layout]
    folder = rule.get('splits', {}).get(split, split)
    images = _keyed(root, rule['images'], rule['image_key'], folder)
    labels = _keyed(root, rule['labels'], rule['label_key'], folder)
    if not images:
        raise MissingDataError(
            f'{root} holds no {rule["images"].format(split=folder)}. '
            f'{rule["title"]} is expected as\n{rule["tree"]}')
    wanted = _wanted(root, rule, split)
    for key, image in sorted(images.items()):
        if wanted is not None and key not in wanted:
            yield Dropped('image is not of this split', str(image),
                          flaw=False)
        elif key not in labels:
            yield Dropped('label missing', str(image))
        else:
            yield LabelledImage(key, image, labels[key])
    for key in sorted((wanted or set()) - set(images)):
        yield Dropped('image of the list is missing', key)


def find_in_folders(root: Path, images: str, labels: str, image_end: str,
                    label_end: str) -> Iterator[LabelledImage | Dropped]:
    """Images and labels of two folders, paired by name.

    Args:
        root (Path): Folder of both.
        images (str): Folder of images below it.
        labels (str): Folder of labels below it; may be the same.
        image_end (str): What image names end in, '' for any image.
        label_end (str): What stands there in the name of the label; '' is
            the same name, with any extension.
    """
    folder = first_existing(root, (images, ), 'image folder (--img-dir)')
    places = first_existing(root, (labels, ), 'label folder (--ann-dir)')
    for name in walk_images(folder):
        if label_end and name.endswith(label_end) and folder == places:
            continue  # a label
        if not name.endswith(image_end):
            yield Dropped('name does not end as --image-end says', name,
                          flaw=False)
            continue
        stem = name[:len(name) - len(image_end)] if image_end else str(
            Path(name).with_suffix(''))
        label = places / (f'{stem}{label_end}' if label_end else
                          find_image(places, name)[0])
        if not label.is_file():
            yield Dropped('label missing', str(label))
            continue
        yield LabelledImage(stem.replace('/', '_'), folder / name, label)


def chosen_by_list(found: Iterator[LabelledImage | Dropped],
                   path: Optional[str]
                   ) -> Iterator[LabelledImage | Dropped]:
    """Keep the images that a list names, with or without extension."""
    names = listed(path)
    if names is None:
        yield from found
        return
    wanted = {Path(name).with_suffix('').name if '.' in name else
              Path(name).name for name in names}
    met = set()
    for item in found:
        if isinstance(item, Dropped):
            yield item
        elif {item.key, item.image.stem} & wanted:
            met |= {item.key, item.image.stem}
            yield item
        else:
            yield Dropped('image is not on the list (--only)',
                          str(item.image), flaw=False)
    for name in sorted(wanted - met):
        yield Dropped('image of the list is missing', name)


def _keyed(root: Path, pattern: str, key: str,
           split: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(root.glob(pattern.format(split=split))):
        match = re.search(key, path.relative_to(root).as_posix())
        if match is None or not path.is_file():
            continue
        name = '_'.join(match.groups())
        if name in found:
            raise DataError(f'{found[name]} and {path} are the same image: '
                            'remove one, or give a folder that holds one')
        found[name] = path
    return found


def _wanted(root: Path, rule: dict, split: str) -> Optional[set[str]]:
    """Keys of a split; None where folders say it."""
    if 'scenes' in rule:
        scenes = _SCENES[rule['scenes']]
        if split not in scenes:
            raise ConfigError(f'--split {split}: choose one of '
                              f'{", ".join(scenes)}')
        return set(scenes[split])
    if 'list' not in rule:
        return None
    path = root / rule['list'].format(split=split)
    names = listed(str(path))
    return {re.sub(r'\.(tif|tiff|jpg|png)$', '', Path(name).name)
            for name in names}
