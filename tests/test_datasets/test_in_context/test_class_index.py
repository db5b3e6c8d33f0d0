# Copyright (c) mmeo contributors. All rights reserved.
"""Counts equal a loop over the files, and are made again when these change."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from episode_places import CLASSES, source_cfg

from mmeo.datasets.in_context import class_index
from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATASETS


def build(root: Path, **kwargs):
    cfg = source_cfg(root, **kwargs)
    cfg.pop('modality')
    return DATASETS.build(cfg)


@pytest.fixture
def copy(places: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(places, tmp_path / 'copy'))


def test_counts_equal_a_loop(places: Path, tmp_path: Path) -> None:
    counts = class_index.load_class_index(build(places), 'x', str(tmp_path))
    for n, row in enumerate(counts):
        label = cv2.imread(str(places / f'labels/{n:03d}.png'), -1)
        assert row.tolist() == [(label == c + 1).sum()
                                for c in range(len(CLASSES))]


def test_the_cache_is_read(copy: Path, monkeypatch) -> None:
    first = class_index.load_class_index(build(copy), 'x')
    assert len(list(copy.glob('class_index_*.json'))) == 1
    monkeypatch.setattr(class_index, 'scan', None)
    assert (class_index.load_class_index(build(copy), 'x') == first).all()


def test_a_changed_label_is_counted_again(copy: Path) -> None:
    class_index.load_class_index(build(copy), 'x')
    cv2.imwrite(str(copy / 'labels/003.png'), np.full((64, 64), 2, np.uint8))
    counts = class_index.load_class_index(build(copy), 'x')
    assert counts[3].tolist() == [0, 64 * 64, 0, 0, 0, 0]
    assert len(list(copy.glob('class_index_*.json'))) == 1


def test_other_settings_are_another_file(copy: Path) -> None:
    one = class_index.load_class_index(build(copy), 'x')
    fewer = build(copy, metainfo=dict(classes=CLASSES))
    fewer.pipeline.transforms[2].value_map = {1: 2}
    two = class_index.load_class_index(fewer, 'x')
    assert not two[:, 0].any()
    assert (two[:, 1] == one[:, 0] + one[:, 1]).all()
    assert len(list(copy.glob('class_index_*.json'))) == 2


@pytest.mark.parametrize('content', ['{', '[]', '{"version": 1}'])
def test_a_broken_cache_is_made_again(copy: Path, content: str) -> None:
    first = class_index.load_class_index(build(copy), 'x')
    (file, ) = copy.glob('class_index_*.json')
    file.write_text(content)
    assert (class_index.load_class_index(build(copy), 'x') == first).all()
    assert json.loads(file.read_text())['classes'] == list(CLASSES)


def test_a_folder_that_cannot_be_written_is_reported(
        copy: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / 'file').write_text('')
    said = []
    monkeypatch.setattr(class_index, 'print_log',
                        lambda text, *args: said.append(text))
    counts = class_index.load_class_index(
        build(copy), 'x', str(tmp_path / 'file'))
    assert counts.any() and 'cannot be kept' in said[-1]


def test_a_pipeline_without_labels_is_refused(places: Path) -> None:
    dataset = build(places)
    del dataset.pipeline.transforms[2]
    with pytest.raises(ConfigError, match='LoadGeoAnnotations'):
        class_index.load_class_index(dataset, 'x')


def test_a_wrong_label_is_named(copy: Path) -> None:
    cv2.imwrite(str(copy / 'labels/003.png'), np.full((64, 64), 99, np.uint8))
    with pytest.raises(DataError, match='003.png holds the class id'):
        class_index.load_class_index(build(copy), 'x')
