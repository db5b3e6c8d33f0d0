# Copyright (c) mmeo contributors. All rights reserved.
"""UAVid: sequences of colour-coded frames to flat folders, and back."""

import shutil
from pathlib import Path
from typing import Union

import numpy as np

from mmeo.datasets.seg_benchmarks import UAVidDataset
from mmeo.datasets.transforms.load_annotations import read_label
from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import DataError, MissingDataError

from .colours import colours_to_ids, ids_to_colours, write_png
from .tiles import iter_tiles

PathLike = Union[str, Path]
PALETTE = UAVidDataset.METAINFO['palette']


def convert(source: PathLike, out: PathLike, tile: int = 1024
            ) -> dict[str, int]:
    """Bring ``uavid_train/seq1/Images/000000.png`` to
    ``img_dir/train/seq1_000000.png``, labels from colours to ids.

    Args:
        source: Folder with ``uavid_train``, ``uavid_val`` and ``uavid_test``;
            those that are absent are left out.
        out: Target folder. Whole frames go to ``{img,ann}_dir/SPLIT``, tiles
            to train on to ``{img,ann}_dir/SPLIT_tiles``.
        tile: Side of the tiles in pixels; 0 writes none. Defaults to 1024.

    Returns:
        Counts of frames and tiles per split.

    Raises:
        MissingDataError: If there is no frame, or one has no label.
        DataError: If a label holds a colour of no class.
    """
    counts: dict[str, int] = {}
    for split in ('train', 'val', 'test'):
        frames = sorted(
            Path(source).glob(f'uavid_{split}/seq*/Images/*.png'))
        if not frames:
            continue
        tiles = 0
        for frame in frames:
            tiles += _convert_frame(frame, Path(out), split, tile)
        counts[f'{split} frames'] = len(frames)
        if split != 'test' and tile:
            counts[f'{split} tiles'] = tiles
    if not counts:
        raise MissingDataError(
            f'no frame in {source}/uavid_{{train,val,test}}/seq*/Images. Give '
            'the folder where UAVid was unpacked.')
    return counts


def _convert_frame(frame: Path, out: Path, split: str, size: int) -> int:
    sequence = frame.parent.parent
    name = f'{sequence.name}_{frame.stem}'
    target = out / 'img_dir' / split / f'{name}.png'
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(frame, target)
    if split == 'test':  # its labels are kept by the server
        return 0
    label = sequence / 'Labels' / frame.name
    if not label.is_file():
        raise MissingDataError(f'frame {frame} has no label {label}.')
    colours = np.asarray(read_picture(str(label)).convert('RGB'))
    ids = colours_to_ids(colours, PALETTE, label)
    write_png(out / 'ann_dir' / split / f'{name}.png', ids)
    if not size:
        return 0
    tiles = 0
    for part, pixels in iter_tiles(frame, size):
        tile_name = f'{part.name(name)}.png'
        write_png(out / 'img_dir' / f'{split}_tiles' / tile_name,
                  pixels[..., :3])
        write_png(out / 'ann_dir' / f'{split}_tiles' / tile_name,
                  ids[part.row:part.row + part.height,
                      part.col:part.col + part.width])
        tiles += 1
    return tiles


def submit(predictions: PathLike, out: PathLike) -> dict[str, int]:
    """Draw predictions in the official colours and tree.

    Args:
        predictions: Folder of label maps ``seq21_000000.png``, as
            ``IoUMetric(output_dir=...)`` writes them.
        out: Folder of ``seq21/Labels/000000.png``, to be zipped and sent to
            the evaluation server.

    Returns:
        Counts of frames and sequences.

    Raises:
        MissingDataError: If there is no prediction.
        DataError: If a name or an id does not fit.
    """
    paths = sorted(Path(predictions).glob('*.png'))
    if not paths:
        raise MissingDataError(f'no prediction (*.png) in {predictions}.')
    sequences = set()
    for path in paths:
        sequence, _, frame = path.stem.rpartition('_')
        if not sequence.startswith('seq'):
            raise DataError(f'{path}: predictions of frames are named '
                            'seqNN_FRAME.png, as the converter names frames.')
        ids = read_label(str(path))
        write_png(Path(out) / sequence / 'Labels' / f'{frame}.png',
                  ids_to_colours(ids, PALETTE, path))
        sequences.add(sequence)
    return dict(frames=len(paths), sequences=len(sequences))
