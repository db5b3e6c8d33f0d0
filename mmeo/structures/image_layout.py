# Copyright (c) mmeo contributors. All rights reserved.
"""How the views of one image become a row of tokens."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ImageLayout:
    """Views of an image and the tokens they leave.

    Source: LLaVA-OneVision (arXiv 2408.03326), `anyres_max_9` with
    `spatial_unpad`; RSUniVLM inherits it.

    Attributes:
        size (tuple[int, int]): Height and width of the image in pixels.
        views (tuple[int, int]): Rows and columns of views on the canvas;
            ``(0, 0)`` where one view shows the whole image. A canvas comes
            with a view of the whole image in front.
        grid (int): Tokens along the side of a view.
        max_views (int): A canvas of more tokens than so many views have is
            shrunk.
        newline (bool): A learned token ends each row of the canvas, or the
            only view.
    """

    size: tuple[int, int]
    views: tuple[int, int] = (0, 0)
    grid: int = 27
    max_views: int = 9
    newline: bool = True

    @property
    def num_views(self) -> int:
        """Views that the encoder sees."""
        return 1 + self.views[0] * self.views[1]

    def crop(self) -> tuple[int, int, int, int]:
        """Top, bottom, left and right token of the canvas that show image.

        The image lies in the middle of the canvas, as large as it fits.
        """
        height, width = self.size
        rows, cols = (n * self.grid for n in self.views)
        if width * rows > height * cols:  # wider than the canvas
            inner = int(round(height * cols / width, 7))
            margin = (rows - inner) // 2
            return margin, rows - margin, 0, cols
        inner = int(round(width * rows / height, 7))
        margin = (cols - inner) // 2
        return 0, rows, margin, cols - margin

    def canvas(self) -> tuple[int, int]:
        """Rows and columns of tokens kept of the canvas."""
        top, bottom, left, right = self.crop()
        rows, cols = bottom - top, right - left
        excess = math.sqrt(rows * cols / (self.max_views * self.grid**2))
        if excess > 1.1:
            rows, cols = int(rows // excess), int(cols // excess)
        return rows, cols

    @property
    def num_tokens(self) -> int:
        """Tokens in the sequence of the language model."""
        whole = self.grid**2
        if self.num_views == 1:
            return whole + self.newline
        rows, cols = self.canvas()
        return whole + rows * (cols + self.newline)
