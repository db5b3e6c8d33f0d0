# Copyright (c) mmeo contributors. All rights reserved.
"""The images of a dialogue: reading, and cutting into tiles."""

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from mmeo.datasets.transforms.load_image import read_picture
from mmeo.errors import ConfigError, DataError
from mmeo.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadDialogueImages(BaseTransform):
    """Read all images of a dialogue as 8-bit RGB.

    Required keys: ``img_paths``, ``source``. Added keys: ``images`` (list of
    ``PIL.Image``), ``ori_shapes`` (height and width of each).

    Args:
        jpeg_quality (tuple[int, int], optional): Recompress with a quality
            drawn from this range, its ends included, the images of samples
            that ask for it (``data_augment`` of their meta entry). InternVL:
            (75, 100), which is the default; None never does.
    """

    def __init__(
            self,
            jpeg_quality: Optional[tuple[int, int]] = (75, 100)) -> None:
        self.jpeg_quality = jpeg_quality

    def transform(self, results: dict) -> dict:
        images = [self._load(p, results['source'])
                  for p in results['img_paths']]
        if self.jpeg_quality and results.get('jpeg_augment', False):
            images = [self._recompress(image) for image in images]
        results['images'] = images
        results['ori_shapes'] = [(im.height, im.width) for im in images]
        return results

    def _load(self, path: str, source: str) -> Image.Image:
        try:
            picture = read_picture(path)
        except DataError as error:
            raise type(error)(f'{source}: {error}') from None
        if picture.mode.startswith(('I', 'F')):
            raise DataError(
                f'{source}: image {path} has pixel mode {picture.mode!r}; '
                'dialogues take 8-bit colour or grey. Stretch it to 8 bit.')
        return picture.convert('RGB')

    def _recompress(self, image: Image.Image) -> Image.Image:
        low, high = self.jpeg_quality
        buffer = io.BytesIO()
        quality = int(np.random.randint(low, high + 1))
        image.save(buffer, 'JPEG', quality=quality)
        return Image.open(buffer).convert('RGB')

    def __repr__(self) -> str:
        return f'{type(self).__name__}(jpeg_quality={self.jpeg_quality})'


def choose_grid(size: tuple[int, int], min_tiles: int, max_tiles: int,
                tile_size: int) -> tuple[int, int]:
    """Columns and rows of tiles for an image (InternVL's rule).

    The grid whose aspect ratio is nearest; of equally near ones the larger,
    as long as the image has more than half of its pixels.

    Args:
        size (tuple[int, int]): Image height and width in pixels.
        min_tiles (int): Least number of tiles.
        max_tiles (int): Greatest number of tiles.
        tile_size (int): Side of a tile in pixels.

    Returns:
        tuple[int, int]: Columns, rows.
    """
    height, width = size
    best, best_gap = (1, 1), float('inf')
    for cols, rows in _grids(min_tiles, max_tiles):
        gap = abs(width / height - cols / rows)
        large = width * height > 0.5 * tile_size**2 * cols * rows
        if gap < best_gap or (gap == best_gap and large):
            best, best_gap = (cols, rows), gap
    return best


@lru_cache
def _grids(min_tiles: int, max_tiles: int) -> list[tuple[int, int]]:
    """All grids with so many tiles, the smaller ones first."""
    return sorted(((cols, rows) for cols in range(1, max_tiles + 1)
                   for rows in range(1, max_tiles + 1)
                   if min_tiles <= cols * rows <= max_tiles),
                  key=lambda grid: (grid[0] * grid[1], grid))


@TRANSFORMS.register_module()
class DynamicTiling(BaseTransform):
    """Cut each image into square tiles of one size (InternVL 2.5).

    The image is resized (bicubic, aspect of the chosen grid) and cut
    row-major; with more than one tile a thumbnail of the whole image follows
    as the last tile. The images of a sample share ``max_tiles``.

    Required keys: ``images``; optional ``max_tiles`` (overrides the
    argument). Added keys: ``tiles`` ``(T, 3, S, S)`` uint8 RGB, ``num_tiles``
    (list, one per image).

    Args:
        image_size (int): Side S of a tile in pixels. Defaults to 448.
        min_tiles (int): Least tiles of an image, thumbnail not counted.
            Defaults to 1.
        max_tiles (int): Greatest number of tiles of a sample, thumbnails not
            counted. Defaults to 6.
        use_thumbnail (bool): Defaults to True.
    """

    def __init__(self,
                 image_size: int = 448,
                 min_tiles: int = 1,
                 max_tiles: int = 6,
                 use_thumbnail: bool = True) -> None:
        if not 1 <= min_tiles <= max_tiles:
            raise ConfigError(f'DynamicTiling: 1 <= min_tiles={min_tiles} <= '
                              f'max_tiles={max_tiles} must hold')
        self.image_size = image_size
        self.min_tiles = min_tiles
        self.max_tiles = max_tiles
        self.use_thumbnail = use_thumbnail

    def transform(self, results: dict) -> dict:
        images = results['images']
        grids = self.grids([(image.height, image.width) for image in images],
                           results.get('max_tiles'))
        parts = [self._cut(*pair) for pair in zip(images, grids)]
        size = self.image_size
        results['num_tiles'] = [len(part) for part in parts]
        results['tiles'] = np.stack(
            [tile for part in parts for tile in part]) if parts else \
            np.zeros((0, 3, size, size), np.uint8)
        return results

    def grids(self,
              sizes: Sequence[tuple[int, int]],
              max_tiles: Optional[int] = None) -> list[tuple[int, int]]:
        """Columns and rows of each image of a sample.

        Args:
            sizes (Sequence[tuple[int, int]]): Heights and widths in pixels.
            max_tiles (int, optional): Of this sample, all images together;
                the transform's own by default.

        Returns:
            list[tuple[int, int]]: One grid per image.
        """
        most = self.max_tiles if max_tiles is None else max_tiles
        most = max(self.min_tiles, most // max(len(sizes), 1))
        return [choose_grid(size, self.min_tiles, most, self.image_size)
                for size in sizes]

    def measure(self, sizes: Sequence[tuple[int, int]],
                max_tiles: Optional[int] = None) -> dict:
        """What :meth:`transform` adds, as far as sizes alone say it."""
        return dict(num_tiles=self.count_tiles(sizes, max_tiles))

    def count_tiles(self,
                    sizes: Sequence[tuple[int, int]],
                    max_tiles: Optional[int] = None) -> list[int]:
        """Tiles of each image, thumbnail counted, without any pixel.

        Args:
            sizes (Sequence[tuple[int, int]]): As of :meth:`grids`.
            max_tiles (int, optional): As of :meth:`grids`.

        Returns:
            list[int]: One number per image.
        """
        return [n + int(self.use_thumbnail and n > 1) for n in
                (cols * rows for cols, rows in self.grids(sizes, max_tiles))]

    def _cut(self, image: Image.Image,
             grid: tuple[int, int]) -> list[np.ndarray]:
        size = self.image_size
        cols, rows = grid
        whole = _pixels(image, (cols * size, rows * size))
        tiles = [
            whole[:, y * size:(y + 1) * size, x * size:(x + 1) * size]
            for y in range(rows) for x in range(cols)
        ]
        if self.use_thumbnail and len(tiles) > 1:
            tiles.append(_pixels(image, (size, size)))
        return tiles

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(image_size={self.image_size}, '
                f'min_tiles={self.min_tiles}, max_tiles={self.max_tiles}, '
                f'use_thumbnail={self.use_thumbnail})')


def _pixels(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """``(3, H, W)`` uint8 of an image resized to ``(W, H)``."""
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(image).transpose(2, 0, 1)
