# Copyright (c) mmeo contributors. All rights reserved.
"""Official trees of the water, flood and landslide sets in small."""

from collections import Counter

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import Affine

from mmeo.datasets import (
    C2SFloodDataset,
    ETCIFloodDataset,
    FloodNetDataset,
    GLHWaterDataset,
    GVLMDataset,
    VaihingenDataset,
)
from mmeo.datasets.converters import (
    c2s_sar,
    etci_flood,
    floodnet,
    glh_water,
    gvlm,
    vaihingen,
)
from mmeo.datasets.converters.band_stack import write_stack
from mmeo.datasets.converters.colours import ids_to_colours, write_png
from mmeo.errors import DataError, MissingDataError

RNG = np.random.default_rng(0)
RASTER = [dict(type='LoadRaster'), dict(type='LoadGeoAnnotations')]
PICTURE = [dict(type='LoadImage'), dict(type='LoadGeoAnnotations')]


def grey(height=8, width=8):
    return RNG.integers(0, 255, (height, width)).astype(np.uint8)


def mask(height=8, width=8):
    half = np.zeros((height, width), np.uint8)
    half[:, :width // 2] = 1
    return half


# -- ETCI 2021 ----------------------------------------------------------


def write_etci(root, split, region, number, vv=None, vh=None, flood=None):
    tiles = root / split / region / 'tiles'
    name = f'{region}_x-{number}_y-0'
    for kind, pixels, ending in (
            ('vv', grey() if vv is None else vv, '_vv'),
            ('vh', grey() if vh is None else vh, '_vh'),
            ('flood_label', 255 * mask() if flood is None else flood, '')):
        if pixels.ndim == 2 and kind != 'flood_label':
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        write_png(tiles / kind / f'{name}{ending}.png', pixels)


@pytest.fixture
def etci_tree(tmp_path):
    root = tmp_path / 'etci'
    white = np.full((8, 8), 255, np.uint8)
    write_etci(root, 'train', 'bangladesh_20170314t115609', 0)
    write_etci(root, 'train', 'nebraska_20170309t002110', 0,
               flood=np.zeros((8, 8), np.uint8))
    write_etci(root, 'train', 'nebraska_20170309t002110', 1, white, white)
    write_etci(root, 'test', 'florence_20180510t231343', 3)
    return root


def test_etci_stacks_and_leaves_out_empty_tiles(etci_tree, tmp_path):
    report, lines = etci_flood.convert(etci_tree, tmp_path / 'out')
    assert report.counts == Counter({
        'train tiles': 2, 'train tiles with flood': 1, 'val tiles': 1,
        'val tiles with flood': 1})
    assert report.dropped == {'train tiles outside the swath': 1}
    assert lines['statistics'].startswith("dict(type='NormalizeBands'")
    data = ETCIFloodDataset(data_root=str(tmp_path / 'out'), splits='val',
                            pipeline=RASTER)
    sample = data[0]
    vv = np.asarray(Image.open(
        etci_tree / 'test/florence_20180510t231343/tiles/vv/'
        'florence_20180510t231343_x-3_y-0_vv.png'))[..., 0]
    np.testing.assert_array_equal(sample['img'][..., 0], vv)
    np.testing.assert_array_equal(sample['gt_seg_map'], mask())
    with rasterio.open(data.get_data_info(0)['img_path']) as src:
        assert src.descriptions == ('VV', 'VH')


def test_etci_says_what_is_wrong(etci_tree, tmp_path):
    tiles = etci_tree / 'train' / 'bangladesh_20170314t115609' / 'tiles'
    (tiles / 'vh').rename(tiles / 'vh_')
    with pytest.raises(MissingDataError, match='1 of 1 vh tiles are absent'):
        etci_flood.convert(etci_tree, tmp_path / 'out')
    (tiles / 'vh_').rename(tiles / 'vh')
    colour = np.zeros((8, 8, 3), np.uint8)
    colour[2, 5] = 7, 8, 9
    write_etci(etci_tree, 'train', tiles.parent.name, 0, vv=colour)
    with pytest.raises(DataError, match='coloured at row 2, column 5'):
        etci_flood.convert(etci_tree, tmp_path / 'out')
    with pytest.raises(MissingDataError, match='Unpack train.zip'):
        etci_flood.convert(tmp_path, tmp_path / 'out')


# -- Cloud to Street - Microsoft ----------------------------------------


def write_chip(root, event, chip, image=None, label=None):
    image = RNG.normal(-15, 3, (8, 8, 2)) if image is None else image
    folder = root / 'chips' / event / 's1' / chip
    label = mask() if label is None else label
    grid = dict(crs='EPSG:32646', transform=Affine(10, 0, 5e5, 0, -10, 2e6))
    for name, pixels in (('VV', image[..., 0].astype(np.float32)),
                         ('VH', image[..., 1].astype(np.float32)),
                         ('LabelWater', label)):
        write_stack(folder / f'{name}.tif', pixels[None], grid, (name, ))


@pytest.fixture
def c2s_tree(tmp_path):
    root = tmp_path / 'c2s'
    for event in 'abcd':
        for chip in ('S1A_0', 'S1A_1'):
            write_chip(root, f'event-{event}', chip)
    return root


def test_c2s_draws_whole_floods(c2s_tree, tmp_path):
    hole = RNG.normal(-15, 3, (8, 8, 2))
    hole[0, :3] = 0
    for event in 'abcd':
        write_chip(c2s_tree, f'event-{event}', 'S1A_1', hole)
    report, lines = c2s_sar.convert(c2s_tree, tmp_path / 'out')
    assert report.counts['val floods'] == 1
    assert report.counts['train chips'] == 6
    assert 'std' in lines['statistics']
    read = [dict(type='LoadRaster', fill=-9.0),
            dict(type='LoadGeoAnnotations')]
    parts = {split: C2SFloodDataset(data_root=str(tmp_path / 'out'),
                                    splits=split, pipeline=read)
             for split in ('train', 'val')}
    events = {split: {str(parts[split].get_data_info(i)['img_path']).split(
        '/')[-1].split('_')[0] for i in range(len(parts[split]))}
        for split in parts}
    assert not events['train'] & events['val']
    sample = parts['val'][1]
    assert (sample['gt_seg_map'][0, :3] == 255).all()
    assert (sample['img'][0, :3] == -9).all()
    np.testing.assert_array_equal(sample['gt_seg_map'][1:], mask()[1:])
    again, _ = c2s_sar.convert(c2s_tree, tmp_path / 'again')
    assert again.counts == report.counts


@pytest.mark.parametrize('image, message', [
    (10**RNG.normal(-1.5, .3, (8, 8, 2)), 'no backscatter in decibels'),
    (RNG.normal(-1500, 300, (8, 8, 2)), 'no backscatter in decibels')])
def test_c2s_refuses_other_units(c2s_tree, tmp_path, image, message):
    write_chip(c2s_tree, 'event-a', 'S1A_0', image)
    with pytest.raises(DataError, match=message):
        c2s_sar.convert(c2s_tree, tmp_path / 'out')


def test_c2s_refuses_other_labels(c2s_tree, tmp_path):
    write_chip(c2s_tree, 'event-a', 'S1A_0', label=mask() * 3)
    with pytest.raises(DataError, match=r'LabelWater.tif holds \[3\]'):
        c2s_sar.convert(c2s_tree, tmp_path / 'out')
    (c2s_tree / 'chips' / 'event-a' / 's1' / 'S1A_0' / 'VH.tif').unlink()
    with pytest.raises(MissingDataError, match=r"lacks \['VH.tif'\]"):
        c2s_sar.convert(c2s_tree, tmp_path / 'out')


def test_c2s_keeps_a_chip_of_no_data(c2s_tree, tmp_path):
    write_chip(c2s_tree, 'event-a', 'S1A_0', np.zeros((8, 8, 2)))
    report, _ = c2s_sar.convert(c2s_tree, tmp_path / 'out')
    assert sum(report.dropped.values()) == 1


# -- GLH-water, Vaihingen, FloodNet, GVLM -------------------------------


def test_glh_water(tmp_path, monkeypatch):
    monkeypatch.setitem(glh_water.SPLITS, 'test', 1)
    root = tmp_path / 'glh' / 'test'
    picture = RNG.integers(0, 255, (12, 12, 3)).astype(np.uint8)
    write_png(root / 'img' / '7.png', picture)
    with pytest.raises(MissingDataError, match='1 of 1 labels are absent: 7'):
        glh_water.convert(tmp_path / 'glh', tmp_path / 'out', 6, ['test'])
    write_png(root / 'label' / '7.png', 255 * mask(12, 12))
    counts = glh_water.convert(tmp_path / 'glh', tmp_path / 'out', 6,
                               ['test'])
    assert counts == {'test images': 1, 'test tiles': 4,
                      'test tiles with water': 2}
    data = GLHWaterDataset(data_root=str(tmp_path / 'out'), splits='test',
                           pipeline=PICTURE)
    names = [data.get_data_info(i)['img_path'].split('/')[-1]
             for i in range(4)]
    sample = data[names.index('7_0_6_0_6.png')]
    np.testing.assert_array_equal(sample['img'][..., ::-1],
                                  picture[:6, :6])
    assert sample['gt_seg_map'].all()
    write_png(root / 'label' / '7.png', 9 * mask(12, 12))
    with pytest.raises(DataError, match='a mask of 0 and 255'):
        glh_water.convert(tmp_path / 'glh', tmp_path / 'out', 6, ['test'])
    with pytest.raises(MissingDataError, match='there are 25'):
        glh_water.convert(tmp_path / 'glh', tmp_path / 'out')


def test_vaihingen(tmp_path):
    root = tmp_path / 'Vaihingen'
    classes = np.arange(120).reshape(10, 12).astype(np.uint8) % 6
    for areas in vaihingen.SPLITS.values():
        for area in areas:
            name = f'top_mosaic_09cm_area{area}'
            picture = RNG.integers(0, 255, (10, 12, 3)).astype(np.uint8)
            write_png(root / vaihingen.ARCHIVE / 'top' / f'{name}.tif',
                      picture)
            # The labels of participants lie in the same archive; not ours.
            write_png(root / vaihingen.ARCHIVE / 'gts_for_participants' /
                      f'{name}.tif', picture)
            write_png(root / f'{vaihingen.ARCHIVE}_ground_truth_COMPLETE' /
                      f'{name}.tif',
                      ids_to_colours(classes, vaihingen.PALETTE[1:]))
    counts = vaihingen.convert(root, tmp_path / 'out', 8, 4)
    assert counts == {'train scenes': 16, 'train tiles': 16 * 4,
                      'test scenes': 17, 'test tiles': 17}
    data = VaihingenDataset(data_root=str(tmp_path / 'out'), splits='test',
                            pipeline=PICTURE)
    assert len(data) == 17
    np.testing.assert_array_equal(data[0]['gt_seg_map'], classes)
    assert not set(vaihingen.SPLITS['train']) & set(vaihingen.SPLITS['test'])
    with pytest.raises(MissingDataError, match='33 of 33 labels'):
        vaihingen.convert(root, tmp_path / 'out', labels='no-boundary')


def test_floodnet_reduces_by_votes(tmp_path, monkeypatch):
    monkeypatch.setitem(floodnet.SPLITS, 'val', 1)
    root = tmp_path / 'FloodNet' / 'val'
    ids = np.zeros((9, 8), np.uint8)
    ids[:4, :4] = [[1, 1, 4, 9], [1, 1, 4, 9], [2, 3, 7, 7], [2, 3, 7, 5]]
    picture = np.repeat(np.repeat(grey(2, 2), 4, 0), 4, 1)
    picture = np.concatenate((picture, picture[-1:]))
    (root / 'val-org-img').mkdir(parents=True)
    Image.fromarray(picture).convert('RGB').save(
        root / 'val-org-img' / '6281.jpg', quality=100)
    write_png(root / 'val-label-img' / '6281_lab.png', ids)
    counts = floodnet.convert(tmp_path / 'FloodNet', tmp_path / 'out', 2,
                              ['val'])
    assert counts == {'val images': 1}
    data = FloodNetDataset(data_root=str(tmp_path / 'out'), splits='val',
                           pipeline=PICTURE)
    sample = data[0]
    assert sample['img'].shape == (4, 4, 3)
    # Of equal votes (4 and 9, 2 and 3) the smaller id; 7 has three of four.
    np.testing.assert_array_equal(sample['gt_seg_map'][:2, :2],
                                  [[1, 4], [2, 7]])
    assert np.abs(sample['img'][::2, ::2, 0].astype(int) -
                  picture[:8:4, ::4]).max() <= 3
    write_png(root / 'val-label-img' / '6281_lab.png', ids + 5)
    with pytest.raises(DataError, match='not the coloured ones'):
        floodnet.convert(tmp_path / 'FloodNet', tmp_path / 'out', 2, ['val'])


def test_gvlm_takes_the_later_image(tmp_path):
    root = tmp_path / 'GVLM'
    sites = [*gvlm.SUPPORT, *(f'Site {i}_Land' for i in range(13))]
    after = {}
    for site in sites:
        after[site] = RNG.integers(0, 255, (8, 8, 3)).astype(np.uint8)
        write_png(root / site / 'im1.png', np.zeros((8, 8, 3), np.uint8))
        write_png(root / site / 'im2.png', after[site])
        write_png(root / site / 'ref.png', 255 * mask())
    report = gvlm.convert(root, tmp_path / 'out', 4)
    assert report.counts == Counter({
        'train sites': 4, 'train tiles': 16, 'train tiles with landslide': 8,
        'test sites': 13, 'test tiles': 52, 'test tiles with landslide': 26})
    data = GVLMDataset(data_root=str(tmp_path / 'out'), splits='test',
                       pipeline=PICTURE)
    info = data.get_data_info(0)['img_path']
    assert info.endswith('Site-0_Land_0_4_0_4.png')
    np.testing.assert_array_equal(data[0]['img'][..., ::-1],
                                  after['Site 0_Land'][:4, :4])
    (root / 'Site 3_Land' / 'ref.png').unlink()
    with pytest.raises(MissingDataError, match='holds 16 sites'):
        gvlm.convert(root, tmp_path / 'out')


# -- real samples -------------------------------------------------------


def test_c2s_takes_a_real_chip(real_sample, tmp_path):
    """A chip of Sen1Floods11, in the layout of C2S-MS."""
    folder = real_sample('ms_sar/sen1floods11')
    image = next(folder.rglob('*S1Hand.tif'))
    label = next(folder.rglob('*LabelHand.tif'))
    with rasterio.open(image) as src, rasterio.open(label) as ids:
        bands, grid = src.read(), dict(crs=src.crs, transform=src.transform)
        water = ids.read(1)
    water = np.where(water < 0, 255, water).astype(np.uint8)
    for event in ('here', 'there'):
        chip = tmp_path / 'c2s' / 'chips' / event / 's1' / 'S1A_0'
        for name, pixels in zip(('VV', 'VH', 'LabelWater'),
                                (*bands, water)):
            write_stack(chip / f'{name}.tif', pixels[None], grid, (name, ))
    report, lines = c2s_sar.convert(tmp_path / 'c2s', tmp_path / 'out', 0.5)
    assert report.counts['val chips'] == report.counts['train chips'] == 1
    line = eval(lines['statistics'])
    assert -20 < line['mean'][1] < line['mean'][0] < -5  # VH below VV
    data = C2SFloodDataset(
        data_root=str(tmp_path / 'out'), splits='val', pipeline=[
            dict(type='LoadRaster', num_bands=2),
            dict(type='NormalizeBands', preset='s1'),
            dict(type='LoadGeoAnnotations', ignore_nodata=True)])
    sample = data[0]
    assert sample['img'].shape == (512, 512, 2)
    known = sample['gt_seg_map'] != 255
    np.testing.assert_array_equal(sample['gt_seg_map'][known], water[known])
    power = (10**(bands[:, known & (water == 1)] / 10)).mean()
    assert power < (10**(bands[:, known & (water == 0)] / 10)).mean()
