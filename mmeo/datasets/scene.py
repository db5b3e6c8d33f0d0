# Copyright (c) mmeo contributors. All rights reserved.
"""Scene classification: one class per picture or raster."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from mmpretrain.datasets import BaseDataset

from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import DATASETS

from .checks import require_any, require_files, require_folders
from .scene_splits import read_split

EXTENSIONS = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff')


@DATASETS.register_module()
class SceneDataset(BaseDataset):
    """Images with one class each: a folder for each class, or a list.

    Pictures are read by ``LoadImage``, rasters of any number of bands by
    ``LoadRaster``. Without a list all images below ``ROOT/CLASS`` are taken.
    A list has one image a line, relative to the image folder, alone (its
    first folder is its class) or followed by the class, a name or a number::

        Airport/airport_3.jpg
        a/1.tif 0
        a/2.tif forest

    Args:
        data_root (str): Defaults to ''.
        data_prefix (str | dict): Image folder below ``data_root``. Defaults
            to ''.
        ann_file (str): List file below ``data_root``. Defaults to '', none.
        split (str, optional): Instead of ``ann_file``, a list that comes
            with mmeo ('aid/train20_seed0'), or the path of one of that form;
            see :mod:`mmeo.datasets.scene_splits`. Defaults to None.
        extensions (Sequence[str]): Endings of images, in any case. Defaults
            to those of JPEG, PNG, BMP and TIFF.
        check_files (bool): Look for each listed image before training.
            Defaults to True.
        prepare (str, optional): Command that makes or converts the data,
            shown where it is missing. Defaults to None.
        **kwargs: As for mmpretrain's ``BaseDataset``: ``metainfo``,
            ``classes``, ``pipeline``, ``test_mode``, ``indices``, ...

    Raises:
        ConfigError: If both ``ann_file`` and ``split`` are given.
        MissingDataError: If the folder, the list, a listed image or the
            folder of a class is absent.
        DataError: If there is no image, or a class is unknown.
    """

    def __init__(self,
                 data_root: str = '',
                 data_prefix: Any = '',
                 ann_file: str = '',
                 split: Optional[str] = None,
                 extensions: Sequence[str] = EXTENSIONS,
                 check_files: bool = True,
                 prepare: Optional[str] = None,
                 **kwargs: Any) -> None:
        if ann_file and split:
            raise ConfigError(f'{type(self).__name__}: `ann_file` and `split` '
                              'both choose the images; give one of them')
        self.split = split
        self.extensions = tuple(e.lower() for e in extensions)
        self.check_files = check_files
        self.prepare = prepare
        super().__init__(ann_file=ann_file, data_root=data_root,
                         data_prefix=data_prefix, **kwargs)

    @property
    def tree(self) -> str:
        """The expected layout."""
        names = list(self.CLASSES or ('CLASS', ))
        shown = ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
        return (f'  {self.img_prefix or "."}/\n    CLASS/NAME'
                f'{{{",".join(self.extensions)}}}   CLASS: {shown}')

    def load_data_list(self) -> list[dict]:
        """List the images.

        Returns:
            list[dict]: ``img_path`` and ``gt_label`` (int).
        """
        require_folders(type(self).__name__,
                        {'data_prefix.img_path': self.img_prefix or '.'},
                        self.tree, self.prepare)
        if self.ann_file or self.split:
            return self._listed()
        return self._found()

    def _found(self) -> list[dict]:
        """All images of the folders of classes."""
        root = Path(self.img_prefix or '.')
        folders = sorted(p.name for p in root.iterdir()
                         if p.is_dir() and not p.name.startswith('.'))
        if self.CLASSES is None:
            self._metainfo['classes'] = tuple(folders)
        self._check_folders(folders)
        entries = [
            dict(img_path=str(path), gt_label=label)
            for label, name in enumerate(self.CLASSES)
            for path in sorted((root / name).rglob('*'))
            if path.suffix.lower() in self.extensions
        ]
        require_any(type(self).__name__, entries, str(root),
                    ', '.join(self.extensions))
        return entries

    def _check_folders(self, folders: Sequence[str]) -> None:
        name, root = type(self).__name__, self.img_prefix
        absent = sorted(set(self.CLASSES) - set(folders))
        if absent:
            raise MissingDataError(
                f'{name}: {len(absent)} of {len(self.CLASSES)} classes have '
                f'no folder in {root}; first: {absent[0]}. Expected layout:\n'
                f'{self.tree}\nUnpack the data again, or give `classes`.')
        unknown = sorted(set(folders) - set(self.CLASSES))
        if unknown:
            raise DataError(
                f'{name}: {root} has {len(unknown)} folders that are no '
                f'class; first: {unknown[0]}. Take them out, or give '
                '`classes`.')

    def _listed(self) -> list[dict]:
        """The images of the list."""
        name = type(self).__name__
        if self.CLASSES is None:
            raise ConfigError(f'{name}: a list needs the class names in '
                              '`metainfo=dict(classes=(...))`')
        source = self.split or self.ann_file
        root = Path(self.img_prefix)
        entries = [
            dict(img_path=str(root / path), gt_label=label)
            for path, label in self._samples(self.class_to_idx)
        ]
        require_any(name, entries, source, ', '.join(self.extensions))
        if self.check_files:
            require_files(
                name, [(source, e['img_path']) for e in entries], 'image',
                'The list names images that the folder lacks: correct '
                '`data_root` or `data_prefix`, or complete the download.')
        return entries

    def _samples(self, ids: dict[str, int]) -> Iterator[tuple[str, int]]:
        """Path and class of each listed image; the hook of other lists."""
        source = self.split or self.ann_file
        lines = (read_split(self.split) if self.split
                 else self._lines(self.ann_file))
        for number, line in enumerate(lines, 1):
            if line.lower().endswith(self.extensions):
                path, label = line, line.replace('\\', '/').split('/')[0]
            else:
                path, _, label = line.rpartition(' ')
            index = ids.get(label, int(label) if label.isdecimal() else -1)
            if not path or not 0 <= index < len(ids):
                raise DataError(
                    f'{source}, image {number}: {label!r} in {line!r} is none '
                    f'of the {len(ids)} classes. A line is "CLASS/NAME.jpg" '
                    'or "PATH LABEL".')
            yield path.strip(), index

    def _lines(self, path: str) -> list[str]:
        """Lines of a list that are not empty."""
        if not Path(path).is_file():
            message = (f'{type(self).__name__}: the list {path} (`ann_file`) '
                       'does not exist. Correct `data_root` or `ann_file`')
            if self.prepare:
                message += f', or make the data with:\n  {self.prepare}'
            raise MissingDataError(message)
        lines = (line.strip() for line in Path(path).read_text().splitlines())
        return [line for line in lines if line]
