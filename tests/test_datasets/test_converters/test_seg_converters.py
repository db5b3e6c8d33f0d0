# Copyright (c) mmeo contributors. All rights reserved.
"""Official trees of iSAID, LoveDA and UAVid in small, there and back."""

import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mmeo.datasets import ISAIDDataset, LoveDADataset, UAVidDataset
from mmeo.datasets.converters import isaid, loveda, uavid
from mmeo.datasets.converters.colours import ids_to_colours, write_png
from mmeo.errors import DataError, MissingDataError

RNG = np.random.default_rng(0)
READ = [dict(type='LoadImage'), dict(type='LoadGeoAnnotations')]


def photo(height, width):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def blocks(classes, height, width):
    """A label map of 5 px blocks, each class present."""
    grid = np.arange(-(-height // 5) * -(-width // 5)) % classes
    grid = grid.reshape(-(-height // 5), -1)
    return np.kron(grid, np.ones((5, 5)))[:height, :width].astype(np.uint8)


@pytest.fixture
def isaid_tree(tmp_path):
    labels = {}
    for split, name, shape in (('train', 'P0002', (61, 83)),
                               ('val', 'P0003', (40, 20)),
                               ('val', 'P0004', (77, 41))):
        folder = tmp_path / 'iSAID' / split / 'images'
        labels[name] = blocks(16, *shape)
        write_png(folder / f'{name}.png', photo(*shape))
        write_png(folder / f'{name}_instance_id_RGB.png', photo(*shape))
        write_png(folder / f'{name}_instance_color_RGB.png',
                  ids_to_colours(labels[name], isaid.PALETTE))
    return tmp_path / 'iSAID', labels


def test_isaid_there_and_back(isaid_tree, tmp_path):
    source, labels = isaid_tree
    out = tmp_path / 'out'
    counts = isaid.convert(source, out, size=32, overlap=12)
    assert counts == {'train images': 1, 'train tiles': 12,
                      'val images': 2, 'val tiles': 10}
    data = ISAIDDataset(data_root=str(out), splits=('train', 'val'),
                        pipeline=READ)
    assert len(data) == 22
    for sample in data:
        assert sample['img'].shape[:2] == sample['gt_seg_map'].shape
    # The label tiles stand in for perfect predictions.
    assert isaid.merge(out / 'ann_dir' / 'val', tmp_path / 'merged') == dict(
        tiles=10, images=2)
    for name in ('P0003', 'P0004'):
        with Image.open(tmp_path / 'merged' / f'{name}.png') as picture:
            np.testing.assert_array_equal(np.asarray(picture), labels[name])
    perfect = isaid.score(tmp_path / 'merged', source / 'val')
    assert perfect['mIoU'] == perfect['mIoU_foreground'] == 100
    isaid.merge(out / 'ann_dir' / 'val', tmp_path / 'colours', colour=True)
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / 'colours' / 'P0003.png')),
        ids_to_colours(labels['P0003'], isaid.PALETTE))


def test_isaid_score_counts_pixels(isaid_tree, tmp_path):
    source, labels = isaid_tree
    for name, label in labels.items():
        pred = np.where(label == 3, 0, label)  # class 3 is missed
        write_png(tmp_path / 'm' / f'{name}.png', pred.astype(np.uint8))
    scores = isaid.score(tmp_path / 'm', source / 'val')
    both = np.concatenate([labels[n].flatten() for n in ('P0003', 'P0004')])
    zero, three = (both == 0).sum(), (both == 3).sum()
    background = 100 * zero / (zero + three)
    assert scores['IoU.baseball_diamond'] == 0
    assert scores['IoU.background'] == pytest.approx(background)
    assert scores['mIoU'] == pytest.approx((14 * 100 + background) / 16)
    assert scores['mIoU_foreground'] == pytest.approx(14 * 100 / 15)


def test_isaid_errors_name_the_file(isaid_tree, tmp_path):
    source, _ = isaid_tree
    mask = source / 'val' / 'images' / 'P0004_instance_color_RGB.png'
    colours = np.asarray(Image.open(mask)).copy()
    colours[70, 40] = (1, 2, 3)
    write_png(mask, colours)
    with pytest.raises(DataError, match=r'P0004_instance_color_RGB.png.*'
                                        r'\[1, 2, 3\] at row 70, column 40'):
        isaid.convert(source, tmp_path / 'out', size=32, overlap=12)
    mask.unlink()
    with pytest.raises(MissingDataError, match='1 of 2.*P0004_instance_color'):
        isaid.convert(source, tmp_path / 'out', splits=['val'])
    with pytest.raises(MissingDataError, match='no predicted tile'):
        isaid.merge(tmp_path / 'nothing', tmp_path / 'm')


def test_loveda_there_and_back(tmp_path):
    source, out = tmp_path / 'LoveDA', tmp_path / 'out'
    number = 0
    for split in ('Train', 'Val', 'Test'):
        for area in loveda.AREAS:
            folder = source / split / area
            write_png(folder / 'images_png' / f'{number}.png', photo(20, 30))
            if split != 'Test':
                write_png(folder / 'masks_png' / f'{number}.png',
                          blocks(8, 20, 30))
            number += 1
    assert loveda.convert(source, out) == {
        f'{s} {a}': 1 for s in ('Train', 'Val', 'Test')
        for a in ('Urban', 'Rural')}
    both = LoveDADataset(data_root=str(out), splits=('train', 'val'),
                         pipeline=READ)
    assert len(both) == 4
    assert set(np.unique(both[0]['gt_seg_map'])) == {*range(7), 255}
    test = LoveDADataset(data_root=str(out), splits='test',
                         data_prefix=dict(img_path='img_dir'))
    assert len(test) == 2

    ids = blocks(7, 20, 30) + 1
    write_png(tmp_path / 'pred' / '4.png', ids)
    assert loveda.submit(tmp_path / 'pred', tmp_path / 's.zip') == dict(
        images=1)
    with zipfile.ZipFile(tmp_path / 's.zip') as archive:
        assert archive.namelist() == ['4.png']
        sent = np.asarray(Image.open(BytesIO(archive.read('4.png'))))
    np.testing.assert_array_equal(sent, ids - 1)
    write_png(tmp_path / 'pred' / '5.png', ids - 1)
    with pytest.raises(DataError, match='5.png holds ids 0 to 6'):
        loveda.submit(tmp_path / 'pred', tmp_path / 's.zip')


def test_loveda_errors_name_the_file(tmp_path):
    with pytest.raises(MissingDataError, match='Train.zip'):
        loveda.convert(tmp_path, tmp_path / 'out')
    urban = tmp_path / 'Train' / 'Urban'
    write_png(urban / 'images_png' / '7.png', photo(4, 4))
    with pytest.raises(MissingDataError, match=r'masks_png/7\.png'):
        loveda.convert(tmp_path, tmp_path / 'out')
    write_png(urban / 'masks_png' / '7.png', np.full((4, 4), 8, np.uint8))
    with pytest.raises(DataError, match=r'7\.png holds the value 8'):
        loveda.convert(tmp_path, tmp_path / 'out')
    write_png(urban / 'masks_png' / '7.png', np.ones((4, 4), np.uint8))
    write_png(tmp_path / 'Train/Rural/images_png/7.png', photo(4, 4))
    with pytest.raises(DataError, match='same name'):
        loveda.convert(tmp_path, tmp_path / 'out')


def test_loveda_real_tiles(real_sample, tmp_path):
    """The three real tiles in the official tree and back out."""
    sample = real_sample('semseg/loveda')
    for area, name in (('Urban', '0'), ('Rural', '1')):
        for kind, folder in (('img_dir', 'images_png'),
                             ('ann_dir', 'masks_png')):
            target = tmp_path / 'Train' / area / folder / f'{name}.png'
            target.parent.mkdir(parents=True)
            target.write_bytes((sample / kind / f'{name}.png').read_bytes())
    counts = loveda.convert(tmp_path, tmp_path / 'out')
    assert counts == {'Train Urban': 1, 'Train Rural': 1}
    data = LoveDADataset(data_root=str(tmp_path / 'out'), splits='train',
                         pipeline=READ)
    assert data[0]['img'].shape == (1024, 1024, 3)
    assert set(np.unique(data[0]['gt_seg_map'])) <= {*range(7), 255}


def test_uavid_there_and_back(tmp_path):
    source, out, labels = tmp_path / 'UAVid', tmp_path / 'out', {}
    for split, seq in (('train', 'seq1'), ('val', 'seq16'), ('test', 'seq21')):
        for frame in ('000000', '000100'):
            folder = source / f'uavid_{split}' / seq
            write_png(folder / 'Images' / f'{frame}.png', photo(54, 96))
            if split != 'test':
                label = RNG.permuted(blocks(8, 54, 96), axis=0)
                labels[f'{seq}_{frame}'] = label
                write_png(folder / 'Labels' / f'{frame}.png',
                          ids_to_colours(label, uavid.PALETTE))
    assert uavid.convert(source, out, tile=32) == {
        'train frames': 2, 'train tiles': 12, 'val frames': 2,
        'val tiles': 12, 'test frames': 2}
    frames = UAVidDataset(data_root=str(out), splits='val', pipeline=READ)
    np.testing.assert_array_equal(frames[1]['gt_seg_map'],
                                  labels['seq16_000100'])
    tiles = UAVidDataset(data_root=str(out), pipeline=READ,
                         splits=('train_tiles', 'val_tiles'))
    assert len(tiles) == 24 and tiles[0]['img'].shape == (32, 32, 3)

    # Labels stand in for predictions: what is sent equals the official files.
    assert uavid.submit(out / 'ann_dir' / 'val', tmp_path / 's') == dict(
        frames=2, sequences=1)
    for frame in ('000000', '000100'):
        sent = np.asarray(Image.open(
            tmp_path / 's' / 'seq16' / 'Labels' / f'{frame}.png'))
        official = np.asarray(Image.open(
            source / 'uavid_val' / 'seq16' / 'Labels' / f'{frame}.png'))
        np.testing.assert_array_equal(sent, official)


def test_uavid_errors_name_the_file(tmp_path):
    with pytest.raises(MissingDataError, match='uavid_'):
        uavid.convert(tmp_path, tmp_path / 'out')
    folder = tmp_path / 'uavid_train' / 'seq3'
    write_png(folder / 'Images' / '000000.png', photo(8, 8))
    with pytest.raises(MissingDataError, match='seq3/Labels/000000.png'):
        uavid.convert(tmp_path, tmp_path / 'out')
    write_png(folder / 'Labels' / '000000.png', photo(8, 8))
    with pytest.raises(DataError, match='seq3/Labels/000000.png.*RGB'):
        uavid.convert(tmp_path, tmp_path / 'out')
    write_png(tmp_path / 'pred' / '000000.png', blocks(8, 8, 8))
    with pytest.raises(DataError, match='seqNN_FRAME'):
        uavid.submit(tmp_path / 'pred', tmp_path / 's')
