# Copyright (c) mmeo contributors. All rights reserved.
"""The images of a dialogue as views of one size (LLaVA family)."""

import math
from collections.abc import Sequence
from typing import Optional

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from mmeo.errors import ConfigError
from mmeo.registry import TRANSFORMS
from mmeo.structures import ImageLayout

MODES = ('single', 'pad', 'anyres')
_GREY = (127, 127, 127)


@TRANSFORMS.register_module()
class ImageViews(BaseTransform):
    """Bring each image into one or several square views.

    Source: LLaVA-OneVision's public code; RSUniVLM does not say which mode it
    was trained with, one view is our default. Where the public demo shows
    pairs in another mode than training had, here the mode is the same in
    both.

    Required key: ``images`` (list of ``PIL.Image`` RGB). Added keys:
    ``tiles`` ``(T, 3, S, S)`` uint8, ``num_tiles`` (views of each image),
    ``image_layouts`` (list of :class:`~mmeo.structures.ImageLayout`),
    ``image_mode``.

    Args:
        mode (str): 'single' resizes to the square, whatever the aspect
            ratio; 'pad' adds grey on two sides first; 'anyres' lays the image
            on the canvas of views that keeps most of its pixels, with a view
            of the whole in front. Defaults to 'single'.
        image_size (int): Side of a view in pixels. Defaults to 384.
        patch_size (int): Of the vision tower. Defaults to 14.
        newline (bool): See :class:`~mmeo.structures.ImageLayout`; as the
            model's ``image_newline``. Defaults to False.
        max_views (int): Canvases of more views are shrunk to the tokens of
            so many. Defaults to 9.
        max_side (int): Views along a side of the largest canvas. Defaults to
            6.
        pair_mode (str): Mode of samples with several images. Defaults to
            ``mode``, but 'pad' for 'anyres', as LLaVA-OneVision trains.
    """

    def __init__(self,
                 mode: str = 'single',
                 image_size: int = 384,
                 patch_size: int = 14,
                 newline: bool = False,
                 max_views: int = 9,
                 max_side: int = 6,
                 pair_mode: Optional[str] = None) -> None:
        self.mode = mode
        self.pair_mode = pair_mode or ('pad' if mode == 'anyres' else mode)
        for name in (self.mode, self.pair_mode):
            if name not in MODES:
                raise ConfigError(f'ImageViews: mode {name!r} is none of '
                                  f'{MODES}')
        self.image_size = image_size
        self.grid = image_size // patch_size
        self.newline = newline
        self.max_views = max_views
        self.max_side = max_side

    def transform(self, results: dict) -> dict:
        images = results['images']
        layouts = self.layouts([(im.height, im.width) for im in images])
        tiles = [view for image, layout in zip(images, layouts)
                 for view in self.views(image, layout, len(images) > 1)]
        side = self.image_size
        results['tiles'] = np.stack([
            np.asarray(tile).transpose(2, 0, 1) for tile in tiles
        ]) if tiles else np.zeros((0, 3, side, side), np.uint8)
        results['num_tiles'] = [layout.num_views for layout in layouts]
        results['image_layouts'] = layouts
        results['image_mode'] = self.mode
        return results

    def layouts(self, sizes: Sequence[tuple[int, int]]) -> list[ImageLayout]:
        """Layouts of the images of a sample.

        Args:
            sizes (Sequence[tuple[int, int]]): Height and width of each.
        """
        mode = self.mode if len(sizes) < 2 else self.pair_mode
        return [
            ImageLayout(
                tuple(size),
                choose_canvas(size, self.image_size, self.max_side)
                if mode == 'anyres' else (0, 0), self.grid, self.max_views,
                self.newline) for size in sizes
        ]

    def measure(self, sizes: Sequence[tuple[int, int]],
                max_tiles: Optional[int] = None) -> dict:
        """What :meth:`transform` adds, as far as sizes alone say it.

        Args:
            sizes (Sequence[tuple[int, int]]): Height and width of each image.
            max_tiles (int, optional): Not used; see ``DynamicTiling``.
        """
        layouts = self.layouts(sizes)
        return dict(image_layouts=layouts,
                    num_tiles=[layout.num_views for layout in layouts])

    def views(self, image: Image.Image, layout: ImageLayout,
              is_pair: bool) -> list[Image.Image]:
        """The views of an image."""
        rows, cols = layout.views
        if not rows:
            mode = self.pair_mode if is_pair else self.mode
            return [self._whole(
                pad_to_square(image) if mode == 'pad' else image)]
        side = self.image_size
        canvas = lay_on_canvas(image, rows * side, cols * side)
        parts = [canvas.crop((x, y, x + side, y + side))
                 for y in range(0, rows * side, side)
                 for x in range(0, cols * side, side)]
        return [self._whole(image), *parts]

    def _whole(self, image: Image.Image) -> Image.Image:
        return image.resize((self.image_size, self.image_size),
                            Image.Resampling.BICUBIC)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(mode={self.mode!r}, '
                f'pair_mode={self.pair_mode!r}, '
                f'image_size={self.image_size}, newline={self.newline})')


def pad_to_square(image: Image.Image) -> Image.Image:
    """Grey on two opposite sides, the image in the middle."""
    side = max(image.size)
    square = Image.new('RGB', (side, side), _GREY)
    square.paste(image, ((side - image.width) // 2,
                         (side - image.height) // 2))
    return square


def choose_canvas(size: tuple[int, int], side: int,
                  max_side: int = 6) -> tuple[int, int]:
    """Rows and columns of views that keep most pixels and waste least.

    Args:
        size (tuple[int, int]): Image height and width in pixels.
        side (int): Of a view, in pixels.
        max_side (int): Views along a side at most. Defaults to 6.
    """
    height, width = size

    def merit(canvas: tuple[int, int]) -> tuple[int, int]:
        rows, cols = (n * side for n in canvas)
        scale = min(rows / height, cols / width)
        kept = min(int(width * scale) * int(height * scale), width * height)
        return kept, kept - rows * cols

    sides = range(1, max_side + 1)
    return max(((rows, cols) for rows in sides for cols in sides), key=merit)


def lay_on_canvas(image: Image.Image, height: int,
                  width: int) -> Image.Image:
    """The image as large as it fits, on black, in the middle."""
    if width * image.height < height * image.width:
        new = (width, min(math.ceil(image.height * width / image.width),
                          height))
    else:
        new = (min(math.ceil(image.width * height / image.height), width),
               height)
    canvas = Image.new('RGB', (width, height))
    canvas.paste(image.resize(new, Image.Resampling.BICUBIC),
                 ((width - new[0]) // 2, (height - new[1]) // 2))
    return canvas
