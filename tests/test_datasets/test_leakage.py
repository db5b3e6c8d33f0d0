# Copyright (c) mmeo contributors. All rights reserved.
"""Planted copies are found, unrelated images are not."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from mmeo.datasets.instruct_converters.report import ExcludeList
from mmeo.datasets.leakage import (
    NearSettings,
    Tiles,
    audit_leakage,
    pair_sheet,
    read_image_set,
)
from mmeo.datasets.leakage.matching import _close
from mmeo.datasets.leakage.pixels import read_pixels
from mmeo.datasets.leakage.prints import (
    ORIENTATIONS,
    fingerprints,
    oriented,
    perceptual_hash,
)
from mmeo.datasets.leakage.shared_pixels import chosen_blocks
from mmeo.errors import ConfigError, DataError, MissingDataError


def scene(seed: int, size: int = 200) -> Image.Image:
    """Smooth hills of random colours with some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 9, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((size, size),
                                                       Image.BICUBIC))
    noise = rng.integers(-12, 13, smooth.shape)
    return Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture
def sets(tmp_path) -> tuple[Path, Path]:
    """Eight scenes to train on; test images made of some of them."""
    train, test = tmp_path / 'train', tmp_path / 'test'
    (train / 'a').mkdir(parents=True)
    test.mkdir()
    for number in range(8):
        scene(number).save(train / 'a' / f'{number}.png')
    (test / 'same.png').write_bytes((train / 'a/0.png').read_bytes())
    scene(1).save(test / 'format.tif', description='other metadata')
    scene(2).save(test / 'jpeg.jpg', quality=30)
    scene(3).resize((90, 120)).save(test / 'resized.png')
    ImageOps.mirror(scene(4)).rotate(90).save(test / 'turned.jpg')
    for number in range(20, 26):
        scene(number).save(test / f'new_{number}.png')
    return train, test


EXPECTED = {
    'same.png': ('a/0.png', 'file'), 'format.tif': ('a/1.png', 'pixels'),
    'jpeg.jpg': ('a/2.png', 'near'), 'resized.png': ('a/3.png', 'near'),
    'turned.jpg': ('a/4.png', 'near')}


@pytest.mark.parametrize('workers', [1, 2])
def test_planted_copies(sets, workers):
    report = audit_leakage(*map(read_image_set, sets), workers=workers)
    assert {p.test: (p.train, p.kind) for p in report.pairs} == EXPECTED
    assert len(report.pairs) == 5
    turned = next(p for p in report.pairs if p.test == 'turned.jpg')
    assert turned.orientation.endswith('flipped')
    assert report.excluded() == [f'a/{i}.png' for i in range(5)]


def test_upright_and_exact_find_less(sets):
    images = tuple(map(read_image_set, sets))
    upright = audit_leakage(*images, NearSettings(orientations=False))
    assert {p.test for p in upright.pairs} == set(EXPECTED) - {'turned.jpg'}
    exact = audit_leakage(*images, near=None)
    assert {p.test for p in exact.pairs} == {'same.png', 'format.tif'}


def test_real_images_are_unrelated(real_sample):
    """No false positive among 8 x 1764 real pairs, incl. equal classes."""
    images = read_image_set(real_sample('scene/rsscn7'))
    report = audit_leakage(images, images, NearSettings())
    assert all(p.kind == 'file' and p.train == p.test for p in report.pairs)
    assert len(report.pairs) == 42


def test_two_dates_are_two_images(real_sample):
    root = real_sample('change/levir_cd')
    report = audit_leakage(read_image_set(root / 'A'),
                           read_image_set(root / 'B'))
    assert not report.pairs


def test_real_copies(real_sample, tmp_path):
    names = sorted(real_sample('scene/rsscn7').rglob('*.jpg'))
    for path in names:
        picture = Image.open(path).resize((256, 256))
        picture.transpose(Image.ROTATE_90).save(
            tmp_path / path.name, quality=40)
    report = audit_leakage(read_image_set(real_sample('scene/rsscn7')),
                           read_image_set(tmp_path))
    assert {(Path(p.train).name, p.test) for p in report.pairs} == {
        (path.name, path.name) for path in names}
    assert {p.orientation for p in report.pairs} == {'turned 270'}


def test_windows_of_a_grid(tmp_path):
    large = scene(0, 512)
    for name in ('train', 'test'):
        (tmp_path / name).mkdir()
    large.save(tmp_path / 'train/large.png')
    large.crop((128, 256, 384, 512)).save(tmp_path / 'test/crop.jpg',
                                          quality=60)
    images = [read_image_set(tmp_path / n) for n in ('train', 'test')]
    assert not audit_leakage(*images).pairs
    pair, = audit_leakage(*images, tiles=Tiles(256, 128)).pairs
    assert pair.train_window == (128, 256, 256, 256)
    assert pair.test_window is None


def test_crops_at_any_place(tmp_path):
    large = scene(0, 400)
    for name in ('train', 'test'):
        (tmp_path / name).mkdir()
    large.crop((0, 0, 300, 300)).save(tmp_path / 'train/left.png')
    scene(9, 400).save(tmp_path / 'train/other.png')
    large.crop((37, 91, 293, 347)).save(tmp_path / 'test/crop.png')
    scene(10, 256).save(tmp_path / 'test/new.png')
    images = [read_image_set(tmp_path / n) for n in ('train', 'test')]
    pair, = audit_leakage(*images, crops=True).pairs
    assert (pair.kind, pair.train, pair.test) == (
        'shared', 'left.png', 'crop.png')
    assert pair.offset == (37, 91)
    assert 0.5 < pair.share < 0.95  # 84 % of the crop lies in the other


def test_blocks_follow_the_content():
    pixels = np.asarray(scene(3, 256))
    _, x, y = chosen_blocks(pixels)
    _, x2, y2 = chosen_blocks(pixels[5:, 11:])
    inside = {(a - 11, b - 5) for a, b in zip(x, y) if a >= 11 and b >= 5}
    assert inside == set(zip(x2, y2)) and len(inside) > 20
    assert not len(chosen_blocks(np.full((64, 64, 3), 7, np.uint8))[0])


def test_distance_equals_bit_by_bit():
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 2**63, n, np.uint64) for n in (5000, 70))
    close = {(i, j): d for block in _close(first, second, 20)
             for i, j, d in zip(*block)}
    for j in range(0, 70, 23):
        for i in range(0, 5000, 13):
            distance = bin(int(first[i]) ^ int(second[j])).count('1')
            assert close.get((i, j), None) == (
                distance if distance <= 20 else None)


def test_hash_ignores_brightness_and_contrast(tmp_path):
    thumb = np.random.default_rng(1).integers(0, 200, (1, 32, 32))
    assert perceptual_hash(thumb) == perceptual_hash(0.5 * thumb + 31)
    views = {perceptual_hash(oriented(thumb, *o))[0] for o in ORIENTATIONS}
    assert len(views) == 8


def test_constant_images_match_nothing(tmp_path):
    black = Image.new('RGB', (64, 64))
    for name in ('train', 'test'):
        (tmp_path / name).mkdir()
        black.save(tmp_path / name / 'black.png')
    report = audit_leakage(*(read_image_set(tmp_path / n)
                             for n in ('train', 'test')))
    assert not report.pairs and report.flat == dict(train=1, test=1)
    assert 'too little contrast' in '\n'.join(report.lines())


def test_grey_and_palette_are_the_same_image(tmp_path):
    grey = scene(0).convert('L')
    grey.save(tmp_path / 'grey.png')
    grey.convert('RGB').save(tmp_path / 'rgb.png')
    grey.convert('RGBA').save(tmp_path / 'alpha.png')
    prints = {next(fingerprints(str(path))).pixels
              for path in tmp_path.iterdir()}
    assert len(prints) == 1
    assert read_pixels(str(tmp_path / 'rgb.png')).shape == (200, 200, 1)


def test_unreadable_images_are_counted(sets):
    train, test = sets
    (train / 'broken.jpg').write_bytes(b'no picture')
    report = audit_leakage(read_image_set(train), read_image_set(test))
    assert list(report.unreadable) == [str(train / 'broken.jpg')]
    assert len(report.pairs) == 5


def test_cache_is_used_until_a_file_changes(sets, tmp_path, monkeypatch):
    train, test = map(read_image_set, sets)
    cache = tmp_path / 'cache'
    first = audit_leakage(train, test, cache=cache)
    assert len(list(cache.iterdir())) == 2
    with monkeypatch.context() as patch:
        patch.setattr('mmeo.datasets.leakage.scan.fingerprints',
                      lambda *args: pytest.fail('the cache was not used'))
        assert audit_leakage(train, test, cache=cache).pairs == first.pairs
    scene(99).save(sets[1] / 'same.png')
    changed = audit_leakage(train, test, cache=cache)
    assert {p.test for p in changed.pairs} == set(EXPECTED) - {'same.png'}


def test_tool_writes_what_the_converter_reads(sets, tmp_path, monkeypatch,
                                              capsys, repo_root):
    train, test = sets
    records = tmp_path / 'train.jsonl'
    records.write_text('\n'.join(json.dumps(dict(
        id=str(i), image=[f'a/{i}.png', f'a/{i + 1}.png'],
        conversations=[])) for i in range(7)))
    out = tmp_path / 'audit'
    monkeypatch.syspath_prepend(str(repo_root / 'tools/analysis_tools'))
    import leakage
    monkeypatch.setattr(sys, 'argv', [
        'leakage.py', str(records), str(test), '--train-root', str(train),
        '--out', str(out), '--workers', '1'])
    leakage.main()
    assert 'train: 8 images' in capsys.readouterr().out
    excluded = ExcludeList(str(out / 'exclude.txt'))
    assert 'a/3.png' in excluded and 'a/6.png' not in excluded
    rows = [json.loads(line)
            for line in (out / 'pairs.jsonl').read_text().splitlines()]
    assert [row['kind'] for row in rows] == [
        'file', 'pixels', 'near', 'near', 'near']
    width, height = Image.open(out / 'sheet.png').size
    assert width > 3 * 2 * 192 and height > 2 * 192


def test_sheet_of_nothing(tmp_path):
    assert pair_sheet([], tmp_path / 'sheet.png') == 0
    assert not (tmp_path / 'sheet.png').exists()


def test_errors(tmp_path):
    with pytest.raises(MissingDataError, match='does not exist'):
        read_image_set(tmp_path / 'nothing')
    with pytest.raises(DataError, match='names no image'):
        read_image_set(tmp_path)
    (tmp_path / 'list.csv').write_text('a.png')
    with pytest.raises(DataError, match='one image a line'):
        read_image_set(tmp_path / 'list.csv')
    with pytest.raises(ConfigError, match='chance alone'):
        NearSettings(max_distance=40).check()
    with pytest.raises(ConfigError, match='at least 32'):
        Tiles(16, 8).check()
