# Copyright (c) mmeo contributors. All rights reserved.
"""Fixtures of places that episodes are made of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from episode_places import TREE, source_cfg, write_places

from mmeo.datasets import InContextDataset


@pytest.fixture(scope='session')
def places(tmp_path_factory) -> Path:
    """Twelve places."""
    root = tmp_path_factory.mktemp('places')
    write_places(root, range(12))
    (root / 'tree.json').write_text(TREE)
    return root


@pytest.fixture
def make_dataset(places: Path, tmp_path: Path
                 ) -> Callable[..., InContextDataset]:
    """Episodes of the places; keywords of the data set and the source."""
    def make(source: dict | None = None, **kwargs: Any) -> InContextDataset:
        kwargs.setdefault('datasets', dict(
            places=source_cfg(places, **(source or {}))))
        kwargs.setdefault('cache_dir', str(tmp_path / 'cache'))
        return InContextDataset(**kwargs)
    return make
