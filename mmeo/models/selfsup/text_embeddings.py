# Copyright (c) mmeo contributors. All rights reserved.
"""Names and embeddings of the classes that pixels are aligned with.

How names are embedded and kept is :mod:`mmeo.models.text_encoders`'s.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import torch
from torch import Tensor

from mmeo.datasets.legend import read_legend
from mmeo.errors import ConfigError, DataError

from ..text_encoders.clip import embed_names
from ..text_encoders.name_table import (
    TEMPLATES,
    load_table,
    save_table,
    template_hash,
)

RANDOM = 'random orthogonal rows: no knowledge of language'
OSM_CLASSES = Path(__file__).with_name('osm_classes.json')

__all__ = ['OSM_CLASSES', 'RANDOM', 'TEMPLATES', 'embed_names', 'load_table',
           'random_table', 'read_class_names', 'save_table', 'template_hash']


def read_class_names(source: Union[str, Path, Sequence[str]],
                     level: int = -1) -> list[str]:
    """Class names in the order of their ids.

    Args:
        source (str, Path or Sequence[str]): The names; or a legend, see
            :func:`~mmeo.datasets.legend.read_legend`; or ``'osm'``, the tags
            that mmeo ships.
        level (int): Level of a class tree. Defaults to -1, its leaves.

    Raises:
        MissingDataError: If the file is absent.
        DataError: If it is no legend, or a name occurs twice.
    """
    if isinstance(source, (str, Path)):
        path = OSM_CLASSES if str(source) == 'osm' else Path(source)
        names = list(read_legend(path, level).classes)
    else:
        names = list(source)
    if not names or len(set(names)) < len(names):
        raise DataError(f'class names must be different, got {names[:5]} … '
                        f'from {source}.')
    return names


def random_table(count: int, dims: int, seed: int = 0) -> Tensor:
    """Orthogonal unit rows that stand in where there is no text model.

    They tell classes apart and say nothing about what the names mean.

    Args:
        count (int): K rows.
        dims (int): D, at least K.
        seed (int): Defaults to 0.

    Returns:
        Tensor: ``(K, D)``.

    Raises:
        ConfigError: If D is less than K.
    """
    if dims < count:
        raise ConfigError(f'{count} orthogonal rows need at least {count} '
                          f'dimensions, not {dims}.')
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(dims, dims, generator=generator)
    return torch.linalg.qr(square)[0][:count].contiguous()
