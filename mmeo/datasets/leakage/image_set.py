# Copyright (c) mmeo contributors. All rights reserved.
"""The images of a set: a folder, an annotation file or a list of names."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

from mmeo.datasets.instruct_converters.files import listed, walk_images
from mmeo.datasets.instruct_records import image_names, read_records
from mmeo.datasets.instruct_targets import file_target
from mmeo.errors import DataError, MissingDataError


@dataclass(frozen=True)
class ImageSet:
    """Files of a training or test set.

    Attributes:
        source (str): What the user gave.
        names (tuple[str, ...]): As the set writes them, each once; lines of
            an exclude list.
        paths (tuple[str, ...]): Where they lie.
    """

    source: str
    names: tuple[str, ...]
    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def read_image_set(source: Union[str, Path],
                   root: Optional[Union[str, Path]] = None) -> ImageSet:
    """Find the images of a set.

    Args:
        source (str or Path): A folder (all images below it); a ``.jsonl``,
            a LLaVA list or an InternVL meta (``.json``); or a ``.txt`` with
            one image a line.
        root (str or Path, optional): Folder of relative paths. Defaults to
            the folder of the file.

    Returns:
        ImageSet: In the order of the source.

    Raises:
        MissingDataError: If the source is absent.
        DataError: If it names no image, or is of another kind.
    """
    path = Path(source)
    if path.is_dir():
        found = [(name, path / name) for name in walk_images(path)]
    elif path.suffix in ('.jsonl', '.json'):
        found = list(_annotated(path, root))
    elif path.suffix == '.txt':
        base = Path(root or path.parent)
        found = [(line, base / line) for line in listed(str(path))]
    elif path.exists():
        raise DataError(f'{source}: give a folder, a .jsonl, a .json or a '
                        '.txt with one image a line')
    else:
        raise MissingDataError(f'{source} does not exist: give a folder of '
                               'images, an annotation file or a list')
    places = {str(place): name for name, place in found}
    if not places:
        raise DataError(f'{source} names no image')
    return ImageSet(str(source), tuple(places.values()), tuple(places))


def _annotated(path: Path, root: Optional[Union[str, Path]]
               ) -> Iterator[tuple[str, Path]]:
    for source in file_target(str(path), str(root or '')).sources:
        for where, record in read_records(Path(source.ann_file)):
            try:
                names = image_names(record)
            except DataError as error:
                raise DataError(f'{where}: {error}') from None
            for name in names:
                yield name, Path(source.img_root, name)
