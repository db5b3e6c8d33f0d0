# Copyright (c) mmeo contributors. All rights reserved.
"""Change pairs: tiles put together give the scene; bad trees are named."""

import io

import numpy as np
import pytest
import rasterio
from PIL import Image

from mmeo.datasets import ChangePairDataset
from mmeo.datasets.converters import levircd, whucd
from mmeo.datasets.converters.change_tiles import check, find_pairs
from mmeo.datasets.converters.colours import write_png
from mmeo.errors import ConfigError, DataError, MissingDataError

RNG = np.random.default_rng(0)
READ = [dict(type='LoadChangePair'),
        dict(type='LoadGeoAnnotations', threshold=128)]


def scene(height=64, width=64):
    before = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[10:40, 20:50] = 255
    after = np.where(mask[..., None] > 0, 255 - before, before)
    return before, after, mask


def levir_tree(root, splits=('train', 'val', 'test')):
    scenes = {}
    for split in splits:
        scenes[split] = scene()
        for folder, pixels in zip(('A', 'B', 'label'), scenes[split]):
            write_png(root / split / folder / f'{split}_1.png', pixels)
    return scenes


def joined(data, name, size):
    """Tiles of a scene by the position in their names."""
    canvas = {}
    for sample in data:
        stem = sample['img_path'].rsplit('/', 1)[1].removesuffix('.png')
        base, row, col = stem.rsplit('_', 2)
        if base == name:
            canvas[int(row), int(col)] = sample
    rows = sorted({r for r, _ in canvas})
    cols = sorted({c for _, c in canvas})
    assert rows == cols == list(range(0, rows[-1] + size, size))
    return [np.block([[canvas[r, c]['gt_seg_map'] for c in cols]
                      for r in rows]),
            np.concatenate([np.concatenate([canvas[r, c]['img'] for c in cols],
                                           1) for r in rows], 0)]


def test_levir_tiles_put_together_are_the_scene(tmp_path):
    scenes = levir_tree(tmp_path / 'src')
    counts = levircd.convert(tmp_path / 'src', tmp_path / 'out', size=16)
    assert counts == {f'{s} {what}': n for s in ('train', 'val', 'test')
                      for what, n in (('pairs', 1), ('tiles', 16))}
    for split, (before, after, mask) in scenes.items():
        data = ChangePairDataset(
            data_root=str(tmp_path / 'out'), ann_file=f'list/{split}.txt',
            pipeline=READ)
        assert len(data) == 16
        label, img = joined(data, f'{split}_1', 16)
        np.testing.assert_array_equal(label, mask // 255)
        np.testing.assert_array_equal(img[..., :3], before[..., ::-1])
        np.testing.assert_array_equal(img[..., 3:], after[..., ::-1])


def test_levir_errors_name_the_file(tmp_path):
    levir_tree(tmp_path)
    with pytest.raises(MissingDataError, match=r"'\.png' in .*elsewhere"):
        levircd.convert(tmp_path / 'elsewhere', tmp_path / 'out')
    write_png(tmp_path / 'val' / 'B' / 'val_1.png',
              np.zeros((64, 60, 3), np.uint8))
    with pytest.raises(DataError, match=r'(?s)val/B/val_1.*\(64, 60\)'):
        levircd.convert(tmp_path, tmp_path / 'out', size=16)
    (tmp_path / 'test' / 'label' / 'test_1.png').unlink()
    with pytest.raises(MissingDataError, match=r'test_1\.png'):
        find_pairs(tmp_path, 'test')
    for folder in ('A', 'B', 'label'):
        write_png(tmp_path / 'extra' / folder / 'train_1.png',
                  scene()[('A', 'B', 'label').index(folder)])
    with pytest.raises(DataError, match='train has a pair of this name'):
        levircd.convert(tmp_path, tmp_path / 'o', 16, ('train', 'extra'))


def geotiffs(root, mask_values=(0, 1), size=(70, 100)):
    before, after, mask = scene(*size)
    mask = np.where(mask > 0, *mask_values[::-1]).astype(np.uint8)
    paths = []
    for name, pixels in (('a', before), ('b', after), ('m', mask[..., None])):
        paths.append(root / f'{name}.tif')
        with rasterio.open(paths[-1], 'w', driver='GTiff', height=size[0],
                           width=size[1], count=pixels.shape[2], tiled=True,
                           blockxsize=16, blockysize=16, dtype='uint8') as dst:
            dst.write(pixels.transpose(2, 0, 1))
    return paths, (mask > 0).sum()


@pytest.mark.filterwarnings('ignore::rasterio.errors.NotGeoreferencedWarning')
@pytest.mark.parametrize('values', [(0, 1), (0, 255)])
def test_whu_shares_tiles_among_splits(tmp_path, values):
    paths, changed = geotiffs(tmp_path, values, size=(64, 96))
    out = tmp_path / 'out'
    splits = dict(train=0.5, val=0.25, test=0.25)
    assert whucd.convert(*paths, out, splits, size=16) == {
        'train tiles': 12, 'val tiles': 6, 'test tiles': 6}
    names, pixels = set(), 0
    for split in splits:
        data = ChangePairDataset(data_root=str(out), pipeline=READ,
                                 ann_file=f'list/{split}.txt')
        names |= {sample['img_path'] for sample in data}
        pixels += sum(int(sample['gt_seg_map'].sum()) for sample in data)
    assert len(names) == 24 and pixels == changed
    before = (out / 'list' / 'val.txt').read_text()
    with pytest.raises(ConfigError, match='train.txt exists'):
        whucd.convert(*paths, out, splits, size=16)
    again = tmp_path / 'again'
    whucd.convert(*paths, again, splits, size=16)
    assert (again / 'list' / 'val.txt').read_text() == before  # seeded


@pytest.mark.filterwarnings('ignore::rasterio.errors.NotGeoreferencedWarning')
def test_whu_two_areas(tmp_path):
    paths, _ = geotiffs(tmp_path)
    out = tmp_path / 'out'
    assert whucd.convert(*paths, out, dict(train=1.0), size=32,
                         name='train') == {'train tiles': 12}
    whucd.convert(*paths, out, dict(test=1.0), size=32, name='test')
    assert (out / 'list' / 'test.txt').read_text().startswith('test_0000_0000')
    with pytest.raises(ConfigError, match='sum to 1'):
        whucd.convert(*paths, out, dict(x=0.5))


def jpeg(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=75)


def test_svcd_as_downloaded(tmp_path):
    """JPEG masks blur at outlines; the threshold restores them."""
    _, _, mask = scene()
    for split in ('train', 'val', 'test'):
        for folder, pixels in zip(('A', 'B', 'OUT'), scene()):
            jpeg(tmp_path / split / folder / '00000.jpg', pixels)
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, 'JPEG', quality=75)
    assert len(np.unique(np.asarray(Image.open(buffer)))) > 2
    report = check(tmp_path, ('A', 'B', 'OUT'), '.jpg')
    assert report['train pairs'] == 1
    assert report['test changed %'] == pytest.approx(100 * 900 / 4096, abs=.1)
    data = ChangePairDataset(
        data_root=str(tmp_path), img_suffix='.jpg', seg_map_suffix='.jpg',
        data_prefix=dict(img_path='val/A', img_path2='val/B',
                         seg_map_path='val/OUT'), pipeline=READ)
    assert (data[0]['gt_seg_map'] != mask // 255).mean() < 0.01


def test_check_reads_every_file(tmp_path):
    folders = ('Image1', 'Image2', 'label')
    for folder, pixels in zip(folders, scene()):
        write_png(tmp_path / 'train' / folder / '1.png', pixels)
    assert check(tmp_path, folders, '.png', ('train', )) == {
        'train pairs': 1, 'train changed %': round(100 * 900 / 4096, 3),
        'blurred pixels %': 0.0}
    # three equal bands are a grey mask, red is not
    grey = np.repeat(scene()[2][..., None], 3, 2)
    write_png(tmp_path / 'train' / 'label' / '1.png', grey)
    assert check(tmp_path, folders, '.png', ('train', ))['train pairs'] == 1
    grey[5, 6] = (255, 0, 0)
    write_png(tmp_path / 'train' / 'label' / '1.png', grey)
    with pytest.raises(DataError, match=r'1\.png is coloured.*row 5.*6'):
        check(tmp_path, folders, '.png', ('train', ))
    write_png(tmp_path / 'train' / 'label' / '1.png', scene(64, 60)[2])
    with pytest.raises(DataError, match='differ in size'):
        check(tmp_path, folders, '.png', ('train', ))


def test_levir_real_pairs(real_sample, tmp_path):
    """Real tiles as if they were scenes: quarters give the same pixels."""
    sample = real_sample('change/levir_cd')
    names = [f'{n}.png' for n in ('test_7_0256_0512', 'train_36_0512_0512')]
    for name in names:
        for folder in ('A', 'B', 'label'):
            target = tmp_path / 'train' / folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((sample / folder / name).read_bytes())
    counts = levircd.convert(tmp_path, tmp_path / 'out', 128, ('train', ))
    assert counts == {'train pairs': 2, 'train tiles': 8}
    data = ChangePairDataset(data_root=str(tmp_path / 'out'),
                             ann_file='list/train.txt', pipeline=READ)
    label, img = joined(data, names[0].removesuffix('.png'), 128)
    mask = np.asarray(Image.open(sample / 'label' / names[0]))
    np.testing.assert_array_equal(label, mask >= 128)
    before = np.asarray(Image.open(sample / 'A' / names[0]).convert('RGB'))
    np.testing.assert_array_equal(img[..., :3], before[..., ::-1])
