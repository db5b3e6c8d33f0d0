# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V2's dense configs, run: train, validate, test at several views.

Data are written small in the form that each converter leaves; of a config
only folders and sizes change.
"""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmeo.apis import test as run_test
from mmeo.apis.training import build_runner
from mmeo.datasets.converters.colours import write_png
from mmeo.datasets.converters.rasters import write_tif
from mmeo.registry import DATASETS

ROOT = Path(__file__).resolve().parent.parent / 'configs' / 'skysense_v2'
RNG = np.random.default_rng(0)
SIZE = (80, 96)
CROP = 64


def picture() -> np.ndarray:
    return RNG.integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def labels(low: int, high: int) -> np.ndarray:
    """Every id from low to high, in blocks."""
    ids = np.arange(SIZE[0] * SIZE[1] // 64) % (high - low + 1) + low
    blocks = ids.reshape(SIZE[0] // 8, SIZE[1] // 8)
    return np.kron(blocks, np.ones((8, 8))).astype(np.uint8)


def write_folders(root: Path, splits: tuple, image, suffix: str,
                  label: np.ndarray) -> None:
    """``img_dir`` and ``ann_dir``; ``image`` is called for each file."""
    for split in splits:
        for name in 'ab':
            path = root / 'img_dir' / split / f'{name}{suffix}'
            if suffix == '.png':
                write_png(path, image())
            else:
                write_tif(path, image(), ['1', '2', '3', '4'])
            write_png(root / 'ann_dir' / split / f'{name}.png', label)


def write_isaid(root: Path) -> None:
    write_folders(root, ('train', 'val'), picture, '.png', labels(0, 15))


def write_potsdam(root: Path) -> None:
    write_folders(root, ('train', 'test'), picture, '.png', labels(0, 6))


def write_fbp(root: Path) -> None:
    write_folders(root, ('train', 'test'), lambda: RNG.integers(
        0, 256, (*SIZE, 4), dtype=np.uint8), '.tif', labels(0, 24))


def write_air_polsar_seg(root: Path) -> None:
    label = labels(0, 6)
    label[label == 6] = 255
    write_folders(root, ('train', 'test'), lambda: RNG.normal(
        40, 8, (*SIZE, 4)).astype(np.float32), '.tif', label)


def write_sparcs(root: Path) -> None:
    for split in ('train', 'val'):
        write_tif(root / 'sending' / f'{split}_data.tif', RNG.integers(
            5000, 30000, (*SIZE, 10), dtype=np.uint16), list('abcdefghij'))
        write_png(root / 'sending' / f'{split}_mask.png', labels(0, 6))
        (root / 'list').mkdir(exist_ok=True)
        (root / 'list' / f'{split}.txt').write_text(f'{split}\n')


def write_levircd(root: Path) -> None:
    for folder in ('tiles_256', 'val', 'test'):
        write_png(root / folder / 'A' / 'a.png', picture())
        write_png(root / folder / 'B' / 'a.png', picture())
        write_png(root / folder / 'label' / 'a.png', labels(0, 1) * 255)
    (root / 'tiles_256' / 'list').mkdir()
    (root / 'tiles_256' / 'list' / 'train.txt').write_text('a.png\n')


def write_oscd(root: Path) -> None:
    for split in ('train', 'test'):
        for date in 'AB':
            write_tif(root / date / f'{split}.tif', RNG.integers(
                500, 3000, (*SIZE, 10), dtype=np.uint16), list('abcdefghij'))
        write_png(root / 'label' / f'{split}.png', labels(0, 1) * 255)
        (root / 'list').mkdir(exist_ok=True)
        (root / 'list' / f'{split}.txt').write_text(f'{split}.tif\n')


def small(path: Path, root: Path, work_dir: Path) -> Config:
    """The config with a narrow model and small windows."""
    cfg = Config.fromfile(path)
    widths = [32, 64, 128, 256]
    cfg.model.backbone.update(arch=dict(
        embed_dims=32, depths=(1, 1, 1, 1), head_dim=16))
    cfg.model.decode_head.update(in_channels=widths, channels=16)
    cfg.model.auxiliary_head.update(in_channels=widths[2], channels=16)
    cfg.model.data_preprocessor.size = (CROP, CROP)
    cfg.model.test_cfg.update(crop_size=(CROP, CROP), stride=(48, 48))
    for name in ('train', 'val', 'test'):
        loader = cfg[f'{name}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = str(root)
        for transform in loader.dataset.pipeline:
            if 'crop_size' in transform:
                transform.crop_size = (CROP, CROP)
            if 'scale' in transform and transform.type != 'LoadRaster':
                transform.scale = (CROP, CROP)
    cfg.train_dataloader.batch_size = 2
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.update(work_dir=str(work_dir), log_level='ERROR', custom_hooks=[])
    return cfg


@pytest.fixture(autouse=True)
def _plain_config_text(monkeypatch: pytest.MonkeyPatch) -> None:
    # mmengine formats each config several times, for longer than a run takes.
    monkeypatch.setattr(Config, 'pretty_text', property(repr))


WRITERS = dict(
    isaid=write_isaid, potsdam=write_potsdam, fbp=write_fbp,
    sparcs=write_sparcs, air_polsar_seg=write_air_polsar_seg,
    levircd=write_levircd, oscd=write_oscd)
CASES = [
    pytest.param(path, id=path.stem, marks=() if folder in (
        'fbp', 'sparcs', 'oscd') else pytest.mark.slow)
    for folder in WRITERS for path in sorted((ROOT / folder).glob('*.py'))]


@pytest.mark.parametrize('path', CASES)
def test_train_validate_and_test(path: Path, tmp_path: Path) -> None:
    root = tmp_path / 'data'
    root.mkdir()
    WRITERS[path.parent.name](root)
    cfg = small(path, root, tmp_path / 'run')
    runner = build_runner(copy.deepcopy(cfg))
    runner.train()
    assert runner.iter == 2
    assert all(torch.isfinite(p).all() for p in runner.model.parameters())
    checkpoint = str(tmp_path / 'run' / 'iter_2.pth')
    key = 'change/F1' if 'siamese' in path.stem else \
        'mFscore' if 'potsdam' in path.stem else 'mIoU'
    for tta in (False, True):
        metrics = run_test(copy.deepcopy(cfg), checkpoint, tta=tta)
        assert 0 <= metrics[key] <= 100 or np.isnan(metrics[key])


def test_fair1m_reads_patches(tmp_path: Path) -> None:
    for split in ('trainval', 'val', 'test'):
        write_png(tmp_path / split / 'images' / '1__1.0__0___0.png',
                  np.zeros((1024, 1024, 3), np.uint8))
        if split != 'test':
            (tmp_path / split / 'annfiles').mkdir()
            (tmp_path / split / 'annfiles' / '1__1.0__0___0.txt').write_text(
                '10 10 50 10 50 30 10 30 Roundabout 0\n'
                '90 10 150 10 150 30 90 30 Boeing737 0\n')
    path, = (ROOT / 'fair1m').glob('*.py')
    cfg = Config.fromfile(path)
    init_default_scope('mmeo')
    for split in ('train', 'val', 'test'):
        section = cfg[f'{split}_dataloader'].dataset
        data = DATASETS.build(dict(section, data_root=str(tmp_path)))
        sample = data[0]
        assert sample['inputs'].shape == (3, 1024, 1024)
        assert len(data.metainfo['classes']) == 37
        if split != 'test':
            found = sample['data_samples'].gt_instances.labels.tolist()
            assert found == [35, 0]
    rotate, = (t for t in cfg.train_dataloader.dataset.pipeline
               if t.type == 'mmrotate.RandomRotate')
    assert [data.metainfo['classes'][i] for i in rotate.rect_obj_labels] == [
        'Roundabout']
