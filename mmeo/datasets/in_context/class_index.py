# Copyright (c) mmeo contributors. All rights reserved.
"""Which image holds which class: label maps counted once, kept in a file."""

import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import BaseDataset
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log
from rasterio.errors import NotGeoreferencedWarning
from tqdm import tqdm

from mmeo.errors import ConfigError, UserError
from mmeo.geo import open_raster

# Of the file; a change makes all of them stale.
_VERSION = 1


def label_loader(dataset: BaseDataset, name: str) -> BaseTransform:
    """The transform of a data set's pipeline that reads label maps.

    Raises:
        ConfigError: If there is none.
    """
    for transform in _opened(dataset.pipeline):
        if 'Annotations' in type(transform).__name__:
            return transform
    raise ConfigError(f'{name}: the pipeline reads no label maps; put '
                      '`LoadGeoAnnotations` into it')


def _opened(pipeline: Any) -> Iterator[Any]:
    """Transforms, those inside of wrappers as well."""
    for transform in pipeline.transforms:
        inner = getattr(transform, 'transforms', None)
        if hasattr(inner, 'transforms'):
            yield from _opened(inner)
        yield transform


def count_pixels(info: dict, loader: BaseTransform,
                 num_classes: int) -> np.ndarray:
    """Labelled pixels of each class in one image, int64 ``(C, )``.

    The image itself is not read: the label's own size stands in for it.
    """
    with open_raster(info['seg_map_path']) as source:
        shape = (source.height, source.width)
    label = loader(dict(info, ori_shape=shape, file_shape=shape,
                        img_shape=shape))['gt_seg_map']
    return np.bincount(label.ravel(), minlength=256)[:num_classes]


def scan(dataset: BaseDataset, name: str, workers: int = 4) -> np.ndarray:
    """Read all label maps of a data set.

    Args:
        dataset (BaseDataset): Of label maps.
        name (str): For the progress bar and messages.
        workers (int): Threads. Defaults to 4.

    Returns:
        np.ndarray: int64 ``(images, classes)``, numbers of pixels.
    """
    loader = label_loader(dataset, name)
    num_classes = len(dataset.metainfo['classes'])

    def count(index: int) -> np.ndarray:
        return count_pixels(dataset.get_data_info(index), loader, num_classes)

    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        # Pictures have no georeference. `open_raster` says so to the filters
        # of the process, which threads would put back in each other's order.
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        rows = list(tqdm(pool.map(count, range(len(dataset))),
                         total=len(dataset), unit='label',
                         desc=f'Classes of {name}'))
    return np.stack(rows)


def load_class_index(dataset: BaseDataset, name: str,
                     cache_dir: Optional[str] = None,
                     workers: int = 4) -> np.ndarray:
    """Counts of a data set, from the cache where it is not stale.

    The file is ``class_index_<hash>.json`` in ``cache_dir``, by default the
    data set's ``data_root``. The hash is that of its images, classes and
    settings of the label loader; inside are sizes and times of all label
    files, and if one has changed all are counted again. Where the folder
    cannot be written nothing is kept, and the log says so.

    In distributed runs one process counts for all.

    Args:
        dataset (BaseDataset): Of label maps.
        name (str): For logs and messages.
        cache_dir (str, optional): Folder of the file.
        workers (int): Threads. Defaults to 4.

    Returns:
        np.ndarray: int64 ``(images, classes)``, numbers of pixels.

    Raises:
        UserError: What is wrong with a label map.
    """
    found: list[Any] = [None]
    if is_main_process():
        try:
            found = [_load_or_scan(dataset, name, cache_dir, workers)]
        except UserError as error:
            found = [error]
    broadcast_object_list(found)
    if isinstance(found[0], UserError):
        raise found[0]
    return found[0]


def _load_or_scan(dataset: BaseDataset, name: str, cache_dir: Optional[str],
                  workers: int) -> np.ndarray:
    files = [dataset.get_data_info(i)['seg_map_path']
             for i in range(len(dataset))]
    root = dataset.data_root or '.'
    file = Path(cache_dir or root) / (
        f'class_index_{_identity(dataset, name, files, root)}.json')
    state = _digest([(stat.st_size, stat.st_mtime_ns)
                     for stat in map(os.stat, files)])
    num_classes = len(dataset.metainfo['classes'])
    counts = _read(file, state, (len(files), num_classes))
    if counts is None:
        counts = scan(dataset, name, workers)
        _write(file, state, counts, name, dataset.metainfo['classes'])
    return counts


def _identity(dataset: BaseDataset, name: str, files: Sequence[str],
              root: str) -> str:
    """Hash of what is counted, the same wherever the data lie."""
    loader = label_loader(dataset, name)
    settings = {key: repr(value)
                for key, value in sorted(vars(loader).items())}
    info = dataset.get_data_info(0) if files else {}
    return _digest([
        [os.path.relpath(file, root) for file in files],
        list(dataset.metainfo['classes']), type(loader).__name__, settings,
        repr(info.get('label_map')), bool(info.get('reduce_zero_label'))])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _read(file: Path, state: str, shape: tuple[int, int]
          ) -> Optional[np.ndarray]:
    """Counts of a file that is there, whole and up to date."""
    try:
        data = json.loads(file.read_text())
        if (data['version'], data['state']) != (_VERSION, state):
            print_log(f'{file}: label files have changed since; they are '
                      'counted again', 'current')
            return None
        counts = np.zeros(shape, np.int64)
        for image, row in enumerate(data['pixels']):
            for index, pixels in row.items():
                counts[image, int(index)] = pixels
        return counts
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, IndexError, TypeError,
            AttributeError) as error:
        print_log(f'{file} cannot be used ({error}); label maps are counted '
                  'again', 'current')
        return None


def _write(file: Path, state: str, counts: np.ndarray, name: str,
           classes: Sequence[str]) -> None:
    rows = [{str(c): int(row[c]) for c in np.flatnonzero(row)}
            for row in counts]
    data = dict(version=_VERSION, state=state, dataset=name,
                classes=list(classes), pixels=rows)
    # Another run may read it: it appears as a whole or not at all.
    part = file.with_suffix(f'.{os.getpid()}.part')
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(data))
        part.replace(file)
    except OSError as error:
        print_log(f'{name}: the class index cannot be kept ({error}) and is '
                  'made again by every run; name a folder in `cache_dir`',
                  'current')


