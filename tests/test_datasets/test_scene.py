# Copyright (c) mmeo contributors. All rights reserved.
"""Readers of scene classification, and the splits that are shipped."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmeo.builder import build
from mmeo.datasets.converters.scene_lists import (
    BENCHMARKS,
    compare,
    stratified,
    write_lists,
)
from mmeo.datasets.scene_splits import (
    SHIPPED,
    format_numbers,
    format_split,
    parse_split,
    read_split,
)
from mmeo.errors import ConfigError, DataError, MissingDataError

PIPELINE = [dict(type='LoadImage'), dict(type='mmpretrain.PackInputs')]


def make_folder(root: Path, names: list[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (8, 6)).save(path)
    return root


# -- lists ---------------------------------------------------------------
def test_numbers_are_written_as_runs() -> None:
    assert format_numbers([7, 1, 2, 3, 5]) == '1-3 5 7'
    assert format_numbers([2, 1]) == '1 2'


@pytest.mark.parametrize('names', [
    ['A/a_1.jpg', 'A/a_10.jpg', 'A/a_9.jpg'],
    ['b/b_001.jpg', 'b/b_002.jpg', 'b/b_700.jpg'],
    ['A/a_01.jpg', 'A/a_12.jpg', 'B/b.x_3.tif'],
])
def test_lists_round_trip(names: list[str]) -> None:
    text = format_split(names, ['a remark'])
    assert text.startswith('# a remark\n')
    assert sorted(parse_split(text)) == sorted(names)


def test_list_says_which_line_is_wrong() -> None:
    with pytest.raises(DataError, match=r'my\.txt, line 2.*airport_\{\}'):
        parse_split('A/a_{}.jpg 1\nA/a_1.jpg\nB 2-x', 'my.txt')
    with pytest.raises(DataError, match='line 1'):
        parse_split('A/{}.jpg 1-x')
    with pytest.raises(DataError, match='number'):
        format_split(['A/one.jpg'])
    with pytest.raises(ConfigError, match='aid/train20_seed0'):
        read_split('aid/train30_seed0')


@pytest.mark.parametrize('name', sorted(BENCHMARKS))
def test_shipped_splits_are_those_of_the_tool(name: str) -> None:
    known = BENCHMARKS[name]
    total = set(known.names())
    assert len(total) == dict(aid=10_000, resisc45=31_500)[name]
    folders = dict(zip(known.classes, known.counts))
    previous: dict[int, set[str]] = {}
    for percent in known.percents:
        draws = []
        for seed in (0, 1, 2):
            train, test = (read_split(f'{name}/{part}{percent}_seed{seed}')
                           for part in ('train', 'test'))
            assert set(train) | set(test) == total
            assert len(train) + len(test) == len(total)
            assert Counter(n.split('/')[0] for n in train) == {
                label: count * percent // 100
                for label, count in folders.items()}
            assert previous.get(seed, set()) <= set(train)
            previous[seed] = set(train)
            draws.append(frozenset(train))
            assert (train, test) == tuple(
                map(sorted_as_listed, stratified(total, percent, seed)))
        assert len(set(draws)) == 3
    assert all(f.stat().st_size < 300_000 for f in SHIPPED.rglob('*.txt'))


def sorted_as_listed(names: list[str]) -> list[str]:
    return parse_split(format_split(names))


def test_a_class_is_drawn_without_regard_to_others() -> None:
    names = [f'{c}/{i}.jpg' for c in 'ab' for i in range(10)]
    alone = stratified([n for n in names if n[0] == 'a'], 30, 0)[0]
    assert stratified(names, 30, 0)[0][:3] == alone
    with pytest.raises(DataError, match='class c'):
        stratified([*names, 'c/1.jpg'], 50, 0)


def test_folder_is_compared_with_names(tmp_path: Path) -> None:
    expected = ['A/a_1.jpg', 'A/a_2.jpg']
    assert compare(expected, expected) == []
    assert compare(expected, ['A/a_1.jpg', 'A/b.jpg']) == [
        '1 images are absent; first: A/a_2.jpg',
        '1 images are not among the published names; first: A/b.jpg']


# -- SceneDataset --------------------------------------------------------
def test_real_rsscn7(real_sample) -> None:
    dataset = build('SceneDataset', data_root=str(
        real_sample('scene/rsscn7')), pipeline=PIPELINE)
    assert dataset.metainfo['classes'] == (
        'aGrass', 'bField', 'cIndustry', 'dRiverLake', 'eForest',
        'fResident', 'gParking')
    assert Counter(dataset.get_gt_labels().tolist()) == {
        i: 6 for i in range(7)}
    item = dataset[41]
    assert item['inputs'].shape == (3, 400, 400)
    assert item['data_samples'].gt_label.tolist() == [6]


def test_real_rasters(real_sample) -> None:
    """13 bands of EuroSAT, and TIFF pictures of UC Merced."""
    load = dict(type='LoadRaster', bands=[2, 3, 4, 5, 6, 7, 8, 9, 12, 13],
                num_bands=13)
    sentinel = build(
        'SceneDataset', data_root=str(real_sample('scene/eurosat_ms')),
        pipeline=[load, dict(type='NormalizeBands', preset='s2'),
                  PIPELINE[1]])
    assert len(sentinel) == 3
    assert sentinel[0]['inputs'].shape == (10, 64, 64)
    aerial = build('SceneDataset', data_root=str(
        real_sample('scene/ucmerced')), pipeline=PIPELINE)
    assert aerial.metainfo['classes'] == ('airplane', 'forest')
    assert [aerial[i]['inputs'].shape for i in range(4)] == [
        (3, 256, 256)] * 4


def test_lists_and_splits_choose_the_images(tmp_path: Path) -> None:
    root = make_folder(tmp_path, ['x y/1.jpg', 'x y/2.jpg', 'z/1.JPG'])
    classes = ('x y', 'z')
    (root / 'list.txt').write_text('x y/2.jpg\n\nz/1.JPG z\nx y/1.jpg 1\n')
    dataset = build('SceneDataset', data_root=str(root), classes=classes,
                    ann_file='list.txt', extensions=('.jpg', ))
    assert [(Path(dataset.get_data_info(i)['img_path']).name,
             dataset.get_data_info(i)['gt_label']) for i in range(3)] == [
        ('2.jpg', 0), ('1.JPG', 1), ('1.jpg', 1)]
    (root / 'split.txt').write_text('z/{}.JPG 1\n')
    dataset = build('SceneDataset', data_root=str(root), classes=classes,
                    split=str(root / 'split.txt'))
    assert len(dataset) == 1 and dataset.get_cat_ids(0) == [1]
    with pytest.raises(ConfigError, match='both choose'):
        build('SceneDataset', split='a.txt', ann_file='b.txt')


def test_shipped_split_of_an_incomplete_folder(tmp_path: Path) -> None:
    first = read_split('aid/train20_seed0')[0]
    make_folder(tmp_path, [first])
    with pytest.raises(MissingDataError, match=r'1999 of 2000 files have no '
                       r'image; first: aid/train20_seed0 needs .*airport'):
        build('AIDDataset', data_root=str(tmp_path),
              split='aid/train20_seed0')
    dataset = build('AIDDataset', data_root=str(tmp_path),
                    split='aid/train20_seed0', check_files=False)
    assert len(dataset) == 2000
    assert dataset.get_cat_ids(1999) == [29]


def test_problems_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r'(?s)nowhere.*Airport, Bare'
                       r'Land, BaseballField, \.\.\..*unpack it'):
        build('AIDDataset', data_root=str(tmp_path / 'nowhere'),
              prepare='unpack it')
    root = make_folder(tmp_path, ['a/1.jpg', 'b/1.jpg'])
    with pytest.raises(MissingDataError, match='1 of 3 .*first: c'):
        build('SceneDataset', data_root=str(root), classes=['a', 'b', 'c'])
    with pytest.raises(DataError, match='no class; first: b'):
        build('SceneDataset', data_root=str(root), classes=['a'])
    (root / 'list.txt').write_text('a/1.jpg 7\n')
    with pytest.raises(DataError, match="image 1: '7'"):
        build('SceneDataset', data_root=str(root), classes=['a', 'b'],
              ann_file='list.txt')
    with pytest.raises(ConfigError, match='class names'):
        build('SceneDataset', data_root=str(root), ann_file='list.txt')
    with pytest.raises(MissingDataError, match='absent.txt'):
        build('SceneDataset', data_root=str(root), classes=['a', 'b'],
              ann_file='absent.txt')
    (tmp_path / 'empty' / 'a').mkdir(parents=True)
    with pytest.raises(DataError, match='no file ending'):
        build('SceneDataset', data_root=str(tmp_path / 'empty'))


def test_benchmarks_have_their_classes() -> None:
    for name, count in (('AIDDataset', 30), ('RESISC45Dataset', 45),
                        ('FMoWSentinelDataset', 62),
                        ('BigEarthNetDataset', 19)):
        from mmeo.registry import DATASETS
        classes = DATASETS.get(name).METAINFO['classes']
        assert len(set(classes)) == len(classes) == count
        if name != 'BigEarthNetDataset':
            assert list(classes) == sorted(classes)


# -- fMoW-Sentinel -------------------------------------------------------
def fmow(root: Path, rows: str) -> Path:
    (root / 'val.csv').write_text(
        ',category,location_id,image_id,timestamp,polygon\n' + rows)
    return root


def test_fmow_table(tmp_path: Path) -> None:
    import rasterio
    from rasterio.transform import from_origin
    root = fmow(tmp_path, '0,zoo,12,100,2016-03-31T12:00:00Z,'
                '"POLYGON ((1 2, 3 4))"\n')
    path = root / 'val/zoo/zoo_12/zoo_12_100.tif'
    path.parent.mkdir(parents=True)
    bands = np.arange(13)[:, None, None] + np.full((13, 45, 52), 1000)
    with rasterio.open(path, 'w', driver='GTiff', count=13, height=45,
                       width=52, dtype='uint16', crs='EPSG:4326',
                       transform=from_origin(0, 0, 1e-4, 1e-4)) as dst:
        dst.write(bands.astype('uint16'))
    dataset = build(
        'FMoWSentinelDataset', data_root=str(root), ann_file='val.csv',
        data_prefix='val', pipeline=[
            dict(type='LoadRaster', num_bands=13,
                 bands=[2, 3, 4, 5, 6, 7, 8, 9, 12, 13]),
            dict(type='mmpretrain.PackInputs')])
    item = dataset[0]
    assert item['data_samples'].gt_label.tolist() == [61]
    # B2 to B8, B8A, B11, B12 of 13 bands in order of wavelength
    assert item['inputs'][:, 0, 0].tolist() == [
        1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1011, 1012]


def test_fmow_problems(tmp_path: Path) -> None:
    (tmp_path / 'val').mkdir()
    root = fmow(tmp_path, '0,zoo,12,100,x,y\n')
    kwargs = dict(data_root=str(root), ann_file='val.csv', data_prefix='val')
    with pytest.raises(MissingDataError, match='zoo_12_100.tif'):
        build('FMoWSentinelDataset', **kwargs)
    fmow(tmp_path, '0,zebra,12,100,x,y\n')
    with pytest.raises(DataError, match="line 2: category 'zebra'"):
        build('FMoWSentinelDataset', **kwargs)
    (root / 'val.csv').write_text('category,image_id\nzoo,1\n')
    with pytest.raises(DataError, match='location_id'):
        build('FMoWSentinelDataset', **kwargs)


def test_lists_of_the_tool_can_be_plain(tmp_path: Path) -> None:
    names = [f'{c}/{i}.jpg' for c in 'ab' for i in range(10)]
    files = write_lists(names, tmp_path, 'mine', [50], [3], plain=True)
    assert [f.name for f in files] == ['train50_seed3.txt',
                                       'test50_seed3.txt']
    assert sorted(''.join(f.read_text() for f in files).split()) == names
