# Copyright (c) mmeo contributors. All rights reserved.
"""Segmentation, change and DOTA datasets: content and bad folders."""

import numpy as np
import pytest
from PIL import Image

from mmeo.datasets import (
    ADE20KDataset,
    ChangePairDataset,
    DOTADataset,
    GeoSegDataset,
    ISAIDDataset,
    LoveDADataset,
    UAVidDataset,
)
from mmeo.errors import ConfigError, DataError, MissingDataError

META = dict(classes=('a', 'b'), palette=[[0, 0, 0], [1, 1, 1]])
LINE = '10.0 20.0 40.0 20.0 40.0 30.0 10.0 30.0'


def picture(path, channels=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (8, 8, 3) if channels == 3 else (8, 8)
    Image.fromarray(np.zeros(shape, np.uint8)).save(path)


def seg(root, **kwargs):
    kwargs.setdefault('metainfo', META)
    return GeoSegDataset(data_root=str(root), **kwargs)


def test_seg_pairs_by_name_and_suffix(tmp_path):
    for name in ('x', 'y'):
        picture(tmp_path / 'img_dir' / f'{name}_S2.png')
        picture(tmp_path / 'ann_dir' / f'{name}_L.png', 1)
    data = seg(tmp_path, img_suffix='_S2.png', seg_map_suffix='_L.png')
    assert len(data) == 2
    info = data.get_data_info(1)
    assert info['img_path'].endswith('y_S2.png')
    assert info['seg_map_path'].endswith('ann_dir/y_L.png')
    assert info['num_classes'] == 2


def test_missing_folder_shows_tree_and_command(tmp_path):
    with pytest.raises(MissingDataError) as error:
        seg(tmp_path / 'no', prepare='python make.py --out x')
    for word in ('img_dir', 'ann_dir', 'python make.py --out x',
                 '`data_root`'):
        assert word in str(error.value)


def test_image_without_label_and_empty_folder(tmp_path):
    picture(tmp_path / 'img_dir' / 'x.png')
    (tmp_path / 'ann_dir').mkdir()
    with pytest.raises(MissingDataError, match=r'1 of 1.*ann_dir/x\.png'):
        seg(tmp_path)
    with pytest.raises(DataError, match=r"no file ending in '\.tif'"):
        seg(tmp_path, img_suffix='.tif')
    with pytest.raises(ConfigError, match='metainfo'):
        seg(tmp_path, metainfo=None)


def test_list_that_names_an_absent_image(tmp_path):
    picture(tmp_path / 'img_dir' / 'x.png')
    picture(tmp_path / 'ann_dir' / 'x.png', 1)
    picture(tmp_path / 'ann_dir' / 'z.png', 1)
    (tmp_path / 'list.txt').write_text('x\nz\n')
    with pytest.raises(MissingDataError, match=r'img_dir/z\.png'):
        seg(tmp_path, ann_file='list.txt')


def test_loveda_counts_classes_of_the_legend():
    data = LoveDADataset(lazy_init=True, metainfo=dict(
        classes=('road', 'water')))
    assert data.reduce_zero_label
    assert data.label_map == {0: 255, 1: 255, 2: 0, 3: 1, 4: 255, 5: 255,
                              6: 255}


def test_splits_are_folders_below_each_prefix(tmp_path):
    for split in ('train', 'val', 'test'):
        picture(tmp_path / 'img_dir' / split / f'{split}.png')
        if split != 'test':
            picture(tmp_path / 'ann_dir' / split / f'{split}.png', 1)
    one = seg(tmp_path, splits='train')
    assert [d['img_path'] for d in one] == [
        str(tmp_path / 'img_dir' / 'train' / 'train.png')]
    both = seg(tmp_path, splits=('train', 'val'))
    assert [d['seg_map_path'][-14:] for d in both] == [
        'rain/train.png', 'ir/val/val.png']
    with pytest.raises(MissingDataError, match=r"ann_dir/test.*'test'"):
        seg(tmp_path, splits='test')
    with pytest.raises(MissingDataError, match='img_dir/extra'):
        seg(tmp_path, splits=('train', 'extra'))
    with pytest.raises(ConfigError, match='give one of them'):
        seg(tmp_path, splits='train', ann_file='list.txt')


def test_list_with_suffixes_and_absent_list(tmp_path):
    for name in ('x', 'y', 'z'):
        picture(tmp_path / 'img_dir' / f'{name}.png')
        picture(tmp_path / 'ann_dir' / f'{name}.png', 1)
    (tmp_path / 'list.txt').write_text('z.png\n\nx\n')
    data = seg(tmp_path, ann_file='list.txt')
    assert [d['img_path'][-5:] for d in data] == ['z.png', 'x.png']
    with pytest.raises(MissingDataError, match=r'list/train\.txt'):
        seg(tmp_path, ann_file='list/train.txt')


@pytest.mark.parametrize('dataset, classes', [
    (ISAIDDataset, 16), (UAVidDataset, 8), (LoveDADataset, 7),
    (ADE20KDataset, 150)])
def test_legends(dataset, classes):
    meta = dataset.METAINFO
    assert len(meta['classes']) == len(set(meta['classes'])) == classes
    colours = {tuple(colour) for colour in meta['palette']}
    # ADE20K's palette repeats a colour
    assert len(meta['palette']) == classes and len(colours) >= classes - 1


def test_legends_agree_with_mmseg():
    from mmseg.datasets import LoveDADataset as LoveDA
    from mmseg.datasets import iSAIDDataset
    assert ISAIDDataset.METAINFO['palette'] == iSAIDDataset.METAINFO['palette']
    assert LoveDADataset.METAINFO == LoveDA.METAINFO
    theirs = [c.lower() for c in iSAIDDataset.METAINFO['classes']]
    ours = [c.lower() for c in ISAIDDataset.METAINFO['classes']]
    assert [a for a, b in zip(ours, theirs) if a != b] == ['storage_tank']


def make_pairs(root, names=('x', 'y')):
    for name in names:
        for folder in ('A', 'B', 'label'):
            picture(root / folder / f'{name}.png', 1 + 2 * (folder != 'label'))


def test_change_pairs(tmp_path):
    make_pairs(tmp_path)
    data = ChangePairDataset(data_root=str(tmp_path))
    info = data.get_data_info(0)
    assert [info[k].split('/')[-2:] for k in
            ('img_path', 'img_path2', 'seg_map_path')] == [
                ['A', 'x.png'], ['B', 'x.png'], ['label', 'x.png']]
    assert data.metainfo['classes'] == ('unchanged', 'changed')


@pytest.mark.parametrize('folder', ['A', 'B', 'label'])
def test_missing_counterpart(tmp_path, folder):
    make_pairs(tmp_path)
    (tmp_path / folder / 'y.png').unlink()
    with pytest.raises(MissingDataError, match=r'y\.png'):
        ChangePairDataset(data_root=str(tmp_path))


def test_pairs_without_labels(tmp_path):
    make_pairs(tmp_path)
    data = ChangePairDataset(
        data_root=str(tmp_path), test_mode=True,
        data_prefix=dict(img_path='A', img_path2='B'))
    assert 'seg_map_path' not in data.get_data_info(0)


def dota(root, text, name='P1', **kwargs):
    picture(root / 'images' / f'{name}.png')
    (root / 'labelTxt').mkdir(exist_ok=True)
    (root / 'labelTxt' / f'{name}.txt').write_text(text)
    return DOTADataset(data_root=str(root), **kwargs)


@pytest.mark.parametrize('header, gsd', [
    ('imagesource:GoogleEarth\ngsd:0.25\n', 0.25),
    ('imagesource:GoogleEarth\ngsd:null\n', None),
    ('', None),
    ('\ufeffimagesource:\ngsd: 1\n', 1.0),
])
def test_dota_headers(tmp_path, header, gsd):
    data = dota(tmp_path, f'{header}{LINE} ship 1\n\n{LINE} plane 0\n')
    info = data.get_data_info(0)
    assert info['gsd'] == gsd
    assert [i['bbox_label'] for i in info['instances']] == [6, 0]
    assert info['instances'][0]['bbox'] == [10, 20, 40, 20, 40, 30, 10, 30]
    assert info['img_id'] == 'P1'


def test_dota_equals_mmrotate_without_headers(tmp_path):
    from mmrotate.datasets import DOTADataset as Theirs
    ours = dota(tmp_path, f'{LINE} ship 1\n{LINE} harbor 2\n', diff_thr=1)
    theirs = Theirs(data_root=str(tmp_path), ann_file='labelTxt', diff_thr=1,
                    data_prefix=dict(img_path='images'))
    mine, other = ours.get_data_info(0), theirs.get_data_info(0)
    assert mine['instances'] == other['instances']
    assert {k: mine[k] for k in ('img_id', 'file_name', 'img_path')} == {
        k: other[k] for k in ('img_id', 'file_name', 'img_path')}
    assert ours.metainfo == theirs.metainfo


@pytest.mark.parametrize('line, words', [
    ('10 20 30 ship 0', ('5 words', )),
    (f'{LINE.replace("40.0", "x", 1)} ship 0', ("'x'", )),
    (f'{LINE} ship hard', ("'hard'", )),
    (f'{LINE.replace("40.0", "nan", 1)} ship 0', ('not finite', )),
    (f'{LINE} boat 0', ("unknown class 'boat'", "'ship'")),
    ('gsd:wide', ('metres per pixel', )),
])
def test_dota_bad_line_names_file_and_line(tmp_path, line, words):
    with pytest.raises(DataError) as error:
        dota(tmp_path, f'imagesource:x\ngsd:1\n{LINE} ship 0\n{line}\n')
    for word in ('P1.txt:4', *words):
        assert word in str(error.value)


def test_dota_subset_of_classes_and_slivers(tmp_path):
    sliver = '1.0 187.0 1.0 187.0 1.0 219.0 1.0 219.0 ship 2'
    data = dota(tmp_path, f'{LINE} ship 0\n{LINE} plane 0\n{sliver}\n',
                metainfo=dict(classes=('ship', )))
    instances = data.get_data_info(0)['instances']
    assert [i['bbox_label'] for i in instances] == [0, 0]
    assert [i['ignore_flag'] for i in instances] == [0, 1]


def test_dota_missing_files(tmp_path):
    dota(tmp_path, '')  # an image without objects is fine
    picture(tmp_path / 'images' / 'P2.png')
    with pytest.raises(MissingDataError, match=r'labelTxt/P2\.txt'):
        DOTADataset(data_root=str(tmp_path))
    (tmp_path / 'labelTxt' / 'P2.txt').write_text('')
    (tmp_path / 'labelTxt' / 'P3.txt').write_text('')
    with pytest.raises(MissingDataError, match=r'P3\.txt'):
        DOTADataset(data_root=str(tmp_path))
    with pytest.raises(MissingDataError, match='labelTxt'):
        DOTADataset(data_root=str(tmp_path / 'no'), prepare='make it')
    images = DOTADataset(data_root=str(tmp_path), ann_file='')
    assert len(images) == 2 and images.get_data_info(0)['instances'] == []
