# Copyright (c) mmeo contributors. All rights reserved.
"""Data sets as one index, on SynthEarth and on real samples."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from rasterio import open as open_tif

from mmeo.datasets.converters.sky_vt import convert
from mmeo.datasets.converters.unified_classes import read_unified
from mmeo.datasets.hierarchy import read_hierarchy
from mmeo.datasets.hierarchy_check import plain
from mmeo.datasets.synthetic import make_synthearth
from mmeo.errors import ConfigError
from mmeo.registry import DATASETS

UNIFIED = read_unified()
CROP = dict(type='EpisodeCrop', crop_size=32)
PIPELINE = [dict(type='LoadImage'), dict(type='LoadGeoAnnotations'), CROP,
            dict(type='NormalizeBands', preset='hr')]


def write_config(path: Path, **datasets: dict) -> Path:
    Config(dict(datasets=datasets)).dump(path)
    return path


@pytest.fixture(scope='module')
def synth(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('synth')
    return make_synthearth(root, 3, size=256, val_fraction=0, seed=1,
                           progress=False, in_context=True)


@pytest.fixture(scope='module')
def leaves(synth: Path) -> dict[str, dict]:
    source = dict(type='SynthEarthLeavesDataset',
                  data_root=str(synth / 'train/incontext'),
                  hierarchy='synthearth')
    raster = dict(type='LoadRaster', nodata=None)
    return dict(
        optical=dict(
            source, modality='hr', paired='sar', platform='plane',
            pipeline=[dict(raster, num_bands=3), *PIPELINE[1:]]),
        sar=dict(
            source, modality='s1', paired='optical', platform='radar',
            data_prefix=dict(img_path='sar', seg_map_path='labels'),
            pipeline=[dict(raster, num_bands=2), *PIPELINE[1:3],
                      dict(type='NormalizeBands', preset='s1')]),
        coarse=dict(
            type='LoveDADataset', data_root=str(synth / 'train/semseg'),
            hierarchy='loveda', platform='plane', pipeline=PIPELINE))


@pytest.fixture(scope='module')
def index(leaves: dict, tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp('index') / 'all.json'
    convert(write_config(out.with_name('config.py'), **leaves), out)
    return out, json.loads(out.read_text())


def test_records_say_what_the_labels_hold(index: tuple, synth: Path) -> None:
    _, data = index
    assert data['statistics']['records'] == len(data['records']) == 9
    assert data['statistics']['modalities'] == dict(optical=6, SAR=3)
    assert data['statistics']['platforms'] == dict(plane=6, radar=3)
    names = read_hierarchy('synthearth').leaves
    for record in data['records']:
        info = data['datasets'][record['dataset']]
        root = Path(info['data_root'])
        assert (root / record['image']).is_file()
        if record['dataset'] == 'coarse':
            continue
        with open_tif(root / record['label']) as file:
            label = file.read(1)
        ids, pixels = np.unique(label[label > 0], return_counts=True)
        assert record['labelled'] == pixels.sum()
        assert record['shares'] == pytest.approx(
            {names[i - 1]: n / pixels.sum() for i, n in zip(ids, pixels)},
            abs=1e-6)


def test_classes_are_those_of_the_tree(index: tuple) -> None:
    _, data = index
    water = data['classes']['water']
    assert (water['path'], water['leaf']) == (['water'], False)
    assert water['datasets'].keys() == {'coarse'}
    for name, entry in data['classes'].items():
        assert entry['path'] == list(UNIFIED.lineage(name))
        assert entry['names'][0] == name
        assert entry['images'] == sum(entry['platforms'].values())
    maize = data['classes']['maize']
    assert maize['leaf'] and 'corn' in maize['names']
    assert maize['modalities'].keys() == {'optical', 'SAR'}
    # What has no meaning across data sets is no class of the tree.
    assert data['datasets']['coarse']['classes']['background'] is None
    found = data['statistics']['classes']
    assert found['leaves'] + found['coarser'] + len(
        found['without_images']) == len(data['classes'])
    assert found['of'] == 176


def test_exemplars_are_the_images_with_the_largest_shares(
        index: tuple) -> None:
    _, data = index
    seen = 0
    for name, entry in data['classes'].items():
        for source in entry['datasets']:
            classes = data['datasets'][source]['classes']
            own = next(c for c, node in classes.items() if node == name)
            listed = [r for r in entry['exemplars']
                      if data['records'][r]['dataset'] == source]
            shares = [data['records'][r]['shares'][own] for r in listed]
            assert shares == sorted(shares, reverse=True)
            enough = [
                i for i, r in enumerate(data['records'])
                if r['dataset'] == source
                and round(r['shares'].get(own, 0) * r['labelled']) >= 64]
            assert sorted(listed) == enough
            seen += len(listed)
    assert seen > 20


def test_episodes_come_out_of_the_written_config(index: tuple) -> None:
    out, data = index
    path = out.with_name('training.py')
    path.write_text("_base_ = './all.py'\n"
                    'train_dataloader = dict(dataset=_base_.sky_vt)\n')
    cfg = Config.fromfile(path)
    assert cfg.train_dataloader.dataset == cfg.sky_vt
    stamps = {p: p.stat().st_mtime_ns
              for p in Path(cfg.sky_vt.cache_dir).glob('class_index_*.json')}
    # Optical and radar images have the same labels.
    assert len(stamps) == 2
    dataset = DATASETS.build(dict(cfg.sky_vt, num_classes=6))
    # The counts of the index are taken, not made again.
    assert stamps == {p: p.stat().st_mtime_ns for p in Path(
        cfg.sky_vt.cache_dir).glob('class_index_*.json')}
    for i in (0, len(dataset) - 1):
        sample = dataset[i]['data_samples']
        name = sample.dataset
        tree = read_hierarchy(data['datasets'][name]['tree'])
        assert sample.class_paths == tree.class_paths(sample.dataset_classes)
        assert len(sample.class_paths[0]) == 3
    # One name for one class, whatever the data sets call it.
    by_name = {s.name: s.names.paths for s in dataset.sources}
    tops = {path[0] for paths in by_name.values() for path in paths}
    assert tops <= {*UNIFIED.tree.names(0), 'background'}


@pytest.mark.parametrize('name', UNIFIED.maps)
def test_each_map_gives_a_tree_of_the_data_set(name: str,
                                               tmp_path: Path) -> None:
    shipped = read_hierarchy(name)
    mapped = UNIFIED.maps[name]
    path = tmp_path / 'tree.json'
    path.write_text(json.dumps(UNIFIED.own_tree(
        mapped, {c: shipped.path(c)[-1] for c in mapped}, shipped.synonyms,
        'tree')))
    tree = read_hierarchy(path)
    tree.check_classes(shipped.leaves)
    assert tree.levels == 3
    for leaf, node in mapped.items():
        names = tree.path(leaf)
        assert node is None or node in names
        # Nothing that a class was called by is lost.
        said = (names[-1], *tree.synonyms.get(names[-1], ()))
        own = plain(shipped.path(leaf)[-1])
        above = {plain(n) for path in tree.paths.values() for n in path[:-1]}
        assert own in above or own in map(plain, said)


def test_shared_nodes_keep_their_classes_apart() -> None:
    tree = UNIFIED.own_tree(
        dict(a='car', b='car', c='water', d='lake', e=None),
        dict(a='parked car', b='car', c='water', d='lake', e='clutter'),
        {}, 'tree')
    names = json.dumps(tree)
    assert '"other car"' in names and '"parked car"' in names
    assert '"other water"' in names
    cars, water, clutter = tree['children']
    assert [c['name'] for c in cars['children']] == ['car']
    assert clutter == dict(name='clutter', id='e')
    assert {c['name'] for c in water['children']} == {
        'other water', 'still water'}


def test_real_samples(real_sample: Callable[[str], Path],
                      tmp_path: Path) -> None:
    raster = [dict(type='LoadRaster', num_bands=2), dict(
        type='LoadGeoAnnotations', value_map={-1: 255}), CROP]
    config = write_config(
        tmp_path / 'config.py',
        land=dict(type='LoveDADataset', hierarchy='loveda',
                  data_root=str(real_sample('semseg/loveda')),
                  platform='Google Earth', pipeline=PIPELINE),
        town=dict(type='PotsdamDataset', hierarchy='potsdam',
                  data_root=str(real_sample('semseg/potsdam')),
                  platform='aircraft', pipeline=PIPELINE),
        flood=dict(type='GeoSegDataset', hierarchy='sen1floods11',
                   data_root=str(real_sample('ms_sar/sen1floods11')),
                   data_prefix=dict(img_path='S1', seg_map_path='Labels'),
                   img_suffix='_S1Hand.tif', modality='s1',
                   seg_map_suffix='_LabelHand.tif', platform='Sentinel-1',
                   metainfo=dict(classes=('dry', 'water')), pipeline=raster))
    statistics = convert(config, tmp_path / 'real.json')
    assert statistics['platforms'] == {
        'Google Earth': 3, 'aircraft': 1, 'Sentinel-1': 1}
    data = json.loads((tmp_path / 'real.json').read_text())
    water = data['classes']['water']
    assert water['modalities'] == dict(optical=3, SAR=1)
    assert 'surface water' in water['names']
    sample = DATASETS.build(dict(
        Config.fromfile(tmp_path / 'real.py').sky_vt, num_classes=4))[0]
    assert sample['inputs']['target'].shape[1:] == (32, 32)


@pytest.mark.parametrize('change, words', [
    (dict(platform=None), ["datasets['land']", '`platform`']),
    (dict(unified='nowhere'), ['land', "'nowhere'", 'loveda']),
    (dict(unified=dict(building='building')), ['land', "'background'"]),
    (dict(unified=dict.fromkeys(read_hierarchy('loveda').leaves, 'moon')),
     ["'moon'", '`unified`']),
])
def test_configs_that_lack_something(tmp_path: Path, change: dict,
                                     words: list[str]) -> None:
    for folder, pixels in (('img_dir', (8, 8, 3)), ('ann_dir', (8, 8))):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / '0.png'),
                    np.ones(pixels, np.uint8))
    cfg: dict[str, Any] = dict(
        type='LoveDADataset', data_root=str(tmp_path), pipeline=PIPELINE,
        hierarchy='loveda', platform='plane')
    config = write_config(tmp_path / 'config.py', land=dict(cfg, **change))
    with pytest.raises(ConfigError) as error:
        convert(config, tmp_path / 'out.json')
    for word in words:
        assert word in str(error.value)


def test_where_nothing_is_to_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='does not exist'):
        convert(tmp_path / 'no.py', tmp_path / 'out.json')
    with pytest.raises(ConfigError, match='.json'):
        convert(tmp_path / 'no.py', tmp_path / 'out')
    with pytest.raises(ConfigError, match='`datasets`'):
        convert(write_config(tmp_path / 'c.py'), tmp_path / 'out.json')
