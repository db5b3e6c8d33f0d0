# Copyright (c) mmeo contributors. All rights reserved.
"""What `tools/check_hierarchy.py` says of trees."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmeo.apis.hierarchy import (
    check_against_config,
    check_hierarchy_file,
    format_schedule,
    format_tree,
)
from mmeo.datasets.hierarchy import read_hierarchy, shipped_hierarchies
from mmeo.errors import ConfigError, DataError
from mmeo.models.in_context import GranularitySchedule
from mmeo.visualization.granularity import draw_schedule


def config(**dataset) -> Config:
    return Config(dict(train_dataloader=dict(dataset=dataset)))


@pytest.mark.parametrize('name', ['isaid', 'synthearth', 'sky_vt'])
def test_each_class_has_a_line_below_its_parent(name: str) -> None:
    tree = read_hierarchy(name)
    *lines, last = format_tree(tree).splitlines()
    said = [line.split('  [')[0].split('  = ')[0] for line in lines]
    expected = {'  ' * depth + said for path in tree.paths.values()
                for depth, said in enumerate(dict.fromkeys(path))}
    assert len(said) == len(set(said)) and set(said) == expected
    counts = [len(tree.names(level)) for level in range(3)]
    assert last == f'3 levels of {", ".join(map(str, counts))} classes'


def test_raw_names_and_synonyms_are_shown() -> None:
    text = format_tree(read_hierarchy('isaid'))
    assert ('    ground track field  [Ground_Track_Field]  = running track, '
            'athletics track') in text.splitlines()


@pytest.mark.parametrize('name', [
    'potsdam', 'isaid', 'loveda', 'fbp', 'sparcs', 'air_polsar_seg',
    'dynamicearthnet', 'uavid', 'ade20k', 'pastis', 'vaihingen', 'floodnet'])
def test_trees_fit_the_configs_of_their_data_sets(name: str,
                                                  repo_root: Path) -> None:
    base = repo_root / 'configs/_base_/datasets'
    path = next(p for p in (base / f'{name}.py', base / f'{name}_mm.py',
                            base / f'incontext_{name}.py') if p.is_file())
    cfg = Config.fromfile(path)
    if 'train_dataloader' not in cfg:
        cfg.train_dataloader = cfg.test_dataloader
    check_against_config(read_hierarchy(name), cfg, 'train')


def test_classes_of_a_config_are_compared() -> None:
    tree = read_hierarchy('buildings')
    check_against_config(tree, config(
        type='GeoSegDataset',
        metainfo=dict(classes=('building', 'background'))), 'train')
    # Five of Potsdam's six classes: the sixth leaf is no mistake.
    check_against_config(read_hierarchy('potsdam'), config(
        type='PotsdamDataset', metainfo=dict(classes=('tree', 'car'))),
        'train')
    with pytest.raises(DataError, match=r"no leaf for \['pool'\]"):
        check_against_config(tree, config(
            type='GeoSegDataset',
            metainfo=dict(classes=('building', 'background', 'pool'))),
            'train')
    with pytest.raises(DataError, match=r"\['background'\] are no class"):
        check_against_config(tree, config(
            type='GeoSegDataset', metainfo=dict(classes=('building', ))),
            'train')
    with pytest.raises(ConfigError, match='metainfo'):
        check_against_config(tree, config(type='GeoSegDataset'), 'train')
    with pytest.raises(ConfigError, match='no single data set'):
        check_against_config(tree, config(
            type='InContextDataset', datasets=dict()), 'train')


def test_schedule_in_numbers() -> None:
    lines = format_schedule(GranularitySchedule(3), [0, 0.4]).splitlines()
    assert lines[1].split() == ['0.00', '1.00', '0.867', '0.117', '0.016']
    assert lines[2].split()[:2] == ['0.40', '2.00']


@pytest.mark.parametrize('levels', [1, 3])
def test_picture_shows_the_shares(tmp_path: Path, levels: int) -> None:
    path = tmp_path / 'new' / 'p.png'
    draw_schedule(GranularitySchedule(levels), path)
    pixels = np.asarray(Image.open(path).convert('RGB')).astype(int)
    # Left is mostly the first colour, right mostly the last one.
    height, width = pixels.shape[:2]
    left = pixels[height // 2, width // 8]
    right = pixels[height // 2, -width // 8]
    assert (abs(left - right).sum() > 60) == (levels > 1)


def test_tool_ends_with_what_is_wrong(tmp_path: Path,
                                      repo_root: Path) -> None:
    path = tmp_path / 'tree.json'
    path.write_text('{"name": "a", "children": [{"name": ""}]}')
    result = subprocess.run(
        [sys.executable, str(repo_root / 'tools/check_hierarchy.py'),
         str(path)], capture_output=True, text=True)
    assert result.returncode == 2
    assert str(path) in result.stderr and 'Traceback' not in result.stderr
    assert check_hierarchy_file('buildings').name in shipped_hierarchies()
