# Copyright (c) mmeo contributors. All rights reserved.
"""Grids of labels as ``[SEG]`` samples."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from mmeo.codecs import encode_mask
from mmeo.datasets.instruct_converters.items import Option, Sample
from mmeo.datasets.instruct_converters.legend import Legend
from mmeo.datasets.instruct_converters.masks_grid import TileGrid
from mmeo.datasets.instruct_converters.wording import Wording
from mmeo.errors import ConfigError

OTHERS = 'others'

GRID_OPTIONS = (
    Option('--grid', 'cells along a side of a mask', 24, type=int),
    Option('--dialect', 'how masks are spelt', 'rsunivlm',
           choices=('rsunivlm', 'text4seg')),
    Option('--multi-class', 'yes: one question for several classes; no: one '
           'class a question, as published', 'no', choices=('no', 'yes')))


@dataclass(frozen=True)
class MaskWriter:
    """Makes samples of grids.

    Attributes:
        table (Legend): Classes.
        wording (Wording): Chooses prompts.
        dialect (str): How masks are spelt.
        images (Path): Image root, that paths are relative to.
        values (list[int] or None): Label value of each class; None where
            metrics read id maps.
        id_dir (str): Folder of id maps below the image root.
    """

    table: Legend
    wording: Wording
    dialect: str
    images: Path
    values: Optional[list[int]]
    id_dir: str = ''

    def sample(self, grid: TileGrid, pictures: Sequence[Path],
               classes: Sequence[int], template: str = 'segment') -> Sample:
        """A question for one class or several, and its answer.

        Args:
            grid (TileGrid): The label.
            pictures (Sequence[Path]): One, or two dates.
            classes (Sequence[int]): What is asked for.
            template (str): Of the prompt. Defaults to 'segment'.
        """
        names = [self.table.entries[i].name for i in classes]
        key = f'{grid.key}_{"-".join(map(str, classes))}' if len(
            classes) < 5 else f'{grid.key}_{len(classes)}-classes'
        return Sample(
            key, tuple(relative(path, self.images) for path in pictures),
            ((self.wording.say(template, key, name=in_words(names)),
              mask_text(grid.grid, classes, names, self.dialect)), ),
            task='SEG', truth=self._truth(grid, classes, names,
                                          len(pictures) > 1))

    def _truth(self, grid: TileGrid, classes: Sequence[int],
               names: list[str], change: bool) -> dict:
        values = self.values
        mask = relative(grid.source.label, self.images) if values else \
            f'{self.id_dir}/{grid.source.key}.png'
        fields = dict(mask=mask, image_id=grid.source.key, change=change,
                      classes=[entry.name for entry in self.table.entries])
        if len(classes) == 1:
            fields.update(
                class_name=names[0],
                class_index=values[classes[0]] if values else classes[0])
        if grid.tile is not None:
            fields['tile'] = [grid.tile.col, grid.tile.row, grid.tile.width,
                              grid.tile.height]
        return fields


def mask_text(grid: np.ndarray, classes: Sequence[int],
              names: Sequence[str], dialect: str) -> str:
    """The grid in words; everything that was not asked for is others."""
    ids = np.zeros(grid.shape, np.int64)
    for number, index in enumerate(classes, 1):
        ids[grid == index] = number
    return encode_mask(ids, [OTHERS, *names], dialect)


def in_words(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return ' and '.join([', '.join(names[:-1]), names[-1]]
                        if len(names) > 1 else names)


def relative(path: Path, folder: Path) -> str:
    """A path as records write it."""
    return Path(os.path.relpath(path, folder)).as_posix()


def check_style(wording: Wording) -> None:
    """Raise ConfigError unless the style has prompts for masks."""
    if 'segment' not in wording.templates:
        raise ConfigError('masks in words come with the prompts of RSUniVLM: '
                          'add --style rsunivlm')


def plain_values(table: Legend) -> Optional[list[int]]:
    """Label value of each class; None if a class has several, or colours."""
    if table.colours or any(len(e.keys) != 1 for e in table.entries):
        return None
    return [entry.keys[0] for entry in table.entries]
