# Copyright (c) mmeo contributors. All rights reserved.
"""iSAID: tiles of 896 px with class ids; predictions back to whole images."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np

from mmeo.datasets.seg_benchmarks import ISAIDDataset
from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.errors import DataError, MissingDataError
from mmeo.evaluation.metrics.change_metric import confusion

from .colours import colours_to_ids, ids_to_colours, write_png
from .tiles import iter_tiles, merge_tiles, parse_name

PathLike = Union[str, Path]
PALETTE = ISAIDDataset.METAINFO['palette']
LABEL_SUFFIX = '_instance_color_RGB.png'


def find_images(folder: PathLike) -> dict[str, Path]:
    """Images below a folder of the official tree by stem, without masks.

    Raises:
        MissingDataError: If there is none.
        DataError: If two have the same name.
    """
    images: dict[str, Path] = {}
    for path in sorted(Path(folder).rglob('*.png')):
        if '_instance_' in path.name:
            continue
        if path.stem in images:
            raise DataError(f'{images[path.stem]} and {path} have the same '
                            'name: remove the copy.')
        images[path.stem] = path
    if not images:
        raise MissingDataError(
            f'no image (P0000.png, ...) below {folder}. Unpack the images of '
            'DOTA-v1.0 and the masks of iSAID there; see '
            'docs/en/datasets_segmentation.md.')
    return images


def convert(source: PathLike, out: PathLike, size: int = 896,
            overlap: int = 384, splits: Sequence[str] = ('train', 'val')
            ) -> dict[str, int]:
    """Cut the official tree into ``img_dir`` and ``ann_dir``.

    Args:
        source: Folder with ``train``, ``val`` and ``test``.
        out: Target folder.
        size: Side of a tile in pixels (mmseg's convention: 896). Images that
            are smaller stay as they are.
        overlap: Pixels that neighbours share (mmseg's convention: 384).
        splits: Those to convert; ``test`` has no labels.

    Returns:
        Counts per split, of images and of tiles.

    Raises:
        MissingDataError: If images or masks are absent.
        DataError: If a mask holds a colour of no class.
    """
    counts = {}
    for split in splits:
        images = find_images(Path(source) / split)
        labels = {} if split == 'test' else _find_labels(
            Path(source) / split, images)
        tiles = 0
        for stem, image in images.items():
            tiles += _cut_image(image, Path(out) / 'img_dir' / split, size,
                                overlap)
            if labels:
                _cut_label(labels[stem], stem, Path(out) / 'ann_dir' / split,
                           size, overlap)
        counts[f'{split} images'] = len(images)
        counts[f'{split} tiles'] = tiles
    return counts


def _find_labels(folder: Path, images: dict[str, Path]) -> dict[str, Path]:
    labels = {path.name.removesuffix(LABEL_SUFFIX): path
              for path in folder.rglob(f'*{LABEL_SUFFIX}')}
    missing = sorted(set(images) - set(labels))
    if missing:
        raise MissingDataError(
            f'{len(missing)} of {len(images)} images below {folder} have no '
            f'mask; first: {missing[0]}{LABEL_SUFFIX}. Unpack '
            '`Semantic_masks/images/images.zip` of iSAID.')
    return labels


def _cut_image(path: Path, out: Path, size: int, overlap: int) -> int:
    tiles = 0
    for tile, pixels in iter_tiles(path, size, overlap):
        if pixels.shape[2] < 3:  # some images of DOTA are grey
            pixels = np.repeat(pixels[..., :1], 3, axis=2)
        write_png(out / f'{tile.name(path.stem)}.png', pixels[..., :3])
        tiles += 1
    return tiles


def _cut_label(path: Path, stem: str, out: Path, size: int,
               overlap: int) -> None:
    for tile, colours in iter_tiles(path, size, overlap):
        write_png(out / f'{tile.name(stem)}.png',
                  colours_to_ids(colours, PALETTE, path, tile[:2]))


def merge(predictions: PathLike, out: PathLike,
          colour: bool = False) -> dict[str, int]:
    """Join predictions on tiles to whole images.

    Args:
        predictions: Folder of label maps named as the tiles are, as
            ``IoUMetric(output_dir=...)`` writes them.
        out: Folder of the whole label maps, ``P0000.png``, ...
        colour: Write the official colours instead of ids. Defaults to False.

    Returns:
        Counts of tiles and images.

    Raises:
        MissingDataError: If there is no tile.
        DataError: If the tiles of an image do not cover it.
    """
    groups = defaultdict(list)
    for path in sorted(Path(predictions).glob('*.png')):
        stem, tile = parse_name(path.stem)
        groups[stem].append((tile, path))
    if not groups:
        raise MissingDataError(f'no predicted tile (*.png) in {predictions}.')
    for stem, members in groups.items():
        try:
            merged = merge_tiles((tile, read_label(str(path)).astype(np.uint8))
                                 for tile, path in members)
        except DataError as error:
            raise DataError(f'{predictions}, image {stem}: {error}') from None
        write_png(Path(out) / f'{stem}.png',
                  ids_to_colours(merged, PALETTE, stem) if colour else merged)
    return dict(tiles=sum(map(len, groups.values())), images=len(groups))


def score(merged: PathLike, source: PathLike) -> dict[str, float]:
    """mIoU of whole images, each pixel counted once.

    Args:
        merged: Folder written by :func:`merge` with ids.
        source: A split of the official tree, e.g. ``iSAID/val``.

    Returns:
        ``mIoU`` of 16 classes with background, ``mIoU_foreground`` of the 15,
        and ``IoU.NAME`` of each, in percent; a class in neither map is nan
        and left out of the means.
    """
    names = ISAIDDataset.METAINFO['classes']
    images = find_images(source)
    labels = _find_labels(Path(source), images)
    total = np.zeros((len(names), len(names)), np.int64)
    for stem, path in labels.items():
        pred = read_label(str(Path(merged) / f'{stem}.png'))
        for tile, colours in iter_tiles(path, max(pred.shape)):
            label = colours_to_ids(colours, PALETTE, path, tile[:2])
            total += confusion(pred[tile.row:tile.row + tile.height], label,
                               len(names))
    hit = np.diag(total).astype(float)
    union = total.sum(0) + total.sum(1) - hit
    iou = 100 * np.divide(hit, union, out=np.full_like(hit, np.nan),
                          where=union > 0)
    return dict(mIoU=float(np.nanmean(iou)),
                mIoU_foreground=float(np.nanmean(iou[1:])),
                **{f'IoU.{n}': float(v) for n, v in zip(names, iou)})
