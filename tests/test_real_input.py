# Copyright (c) mmeo contributors. All rights reserved.
"""The quick start configs on real samples, by another ``data_root``.

Fast: a few steps lower the loss. Slow (``pytest -m slow``): each sample is
overfitted through the real dataset classes until its metric is high, which a
reader that shifts, flips or mislabels anything cannot reach.
"""

import copy
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmeo.apis.training import build_runner

CONFIGS = 'configs/quickstart/vit-adapter-tiny_{}.py'
# name: config, folder below the real samples
SAMPLES = {
    'loveda': ('upernet_synthearth-semseg', 'semseg/loveda'),
    'dota': ('oriented-rcnn_synthearth-dota', 'oriented/dota_yolo_demo'),
    'levir': ('siamese-upernet_synthearth-change', 'change/levir_cd'),
    'sen1floods11': ('upernet_synthearth-water', 'ms_sar/sen1floods11'),
}


def load(name: str, root: Path, real_sample: Callable[[str], Path],
         work_dir: Path) -> Config:
    """A quick start config on a real sample: only `data_root` differs."""
    config, folder = SAMPLES[name]
    data = real_sample(folder)
    cfg = Config.fromfile(root / CONFIGS.format(config))
    for loader in ('train', 'val', 'test'):
        cfg[f'{loader}_dataloader'].dataset.data_root = str(data)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = work_dir.name
    cfg.log_level = 'WARNING'
    cfg.custom_hooks = []
    init_default_scope('mmeo')
    return cfg


def train_steps(cfg: Config, steps: int) -> list[float]:
    """Losses of a few steps on the same two crops.

    Fixed crops make the fall of the loss a matter of learning, not of luck.
    """
    runner = build_runner(cfg)
    model = runner.model
    model.init_weights()
    model.train()
    batch = next(iter(runner.build_dataloader(cfg.train_dataloader, seed=0)))
    optim = runner.build_optim_wrapper(cfg.optim_wrapper)
    return [float(model.train_step(copy.deepcopy(batch), optim)['loss'])
            for _ in range(steps)]


@pytest.mark.parametrize('name', SAMPLES)
def test_a_few_steps_lower_the_loss(name, repo_root, real_sample, tmp_path):
    cfg = load(name, repo_root, real_sample, tmp_path)
    np.random.seed(0)
    torch.manual_seed(0)
    losses = train_steps(cfg, 6)
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0], losses


def overfit(cfg: Config, iters: int, lr: float) -> dict[str, float]:
    """Train on the sample without augmentation, evaluate on the same.

    A decaying learning rate for early layers serves pretrained weights; these
    are random.
    """
    pipeline = cfg.train_dataloader.dataset.pipeline
    drop = ('RandomCrop', 'RandomFlip', 'ExchangeTime', 'ForEachDate')
    cfg.train_dataloader.dataset.pipeline = [
        t for t in pipeline if t['type'].split('.')[-1] not in drop]
    cfg.train_cfg.update(max_iters=iters, val_interval=iters)
    cfg.param_scheduler[1].end = iters
    cfg.optim_wrapper.optimizer.update(lr=lr, weight_decay=0.0)
    cfg.optim_wrapper.paramwise_cfg.layer_decay_rate = 1.0
    cfg.default_hooks.checkpoint.interval = iters
    started = time.time()
    runner = build_runner(cfg)
    runner.train()
    metrics = runner.test()
    print(f'{cfg.experiment_name}: {time.time() - started:.0f} s, {metrics}')
    return metrics


def cut(source: Path, target: Path, row: int, col: int, size: int) -> None:
    """Save a square window of a picture, palette and all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as picture:
        picture.crop((col, row, col + size, row + size)).save(target)


def cut_labels(source: Path, target: Path, row: int, col: int,
               size: int) -> int:
    """Shift DOTA labels into a window; those it cuts get difficulty 2.

    Returns:
        Number of boxes that lie wholly inside.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lines, inside = [], 0
    for line in source.read_text().splitlines():
        words = line.split()
        if len(words) != 10:
            lines.append(line)  # imagesource, gsd
            continue
        points = np.array(words[:8], float).reshape(4, 2) - (col, row)
        if points.max(0).min() <= 0 or points.min(0).max() >= size:
            continue
        whole = points.min() >= 0 and points.max() <= size
        inside += whole
        coords = ' '.join(f'{v:.1f}' for v in points.flatten())
        lines.append(f'{coords} {words[8]} {words[9] if whole else 2}')
    target.write_text('\n'.join(lines))
    return inside


def use(cfg: Config, folder: Path) -> None:
    for loader in ('train', 'val', 'test'):
        cfg[f'{loader}_dataloader'].dataset.data_root = str(folder)


@pytest.mark.slow
def test_overfit_segmentation(repo_root, real_sample, tmp_path):
    cfg = load('loveda', repo_root, real_sample, tmp_path)
    source = Path(cfg.train_dataloader.dataset.data_root)
    for name, row, col in (('0', 0, 0), ('2', 0, 512)):
        for kind in ('img_dir', 'ann_dir'):
            cut(source / kind / f'{name}.png',
                tmp_path / 'data' / kind / f'{name}.png', row, col, 256)
    use(cfg, tmp_path / 'data')
    assert overfit(cfg, 200, 8e-3)['mIoU'] >= 90


@pytest.mark.slow
def test_overfit_oriented(repo_root, real_sample, tmp_path):
    cfg = load('dota', repo_root, real_sample, tmp_path)
    source = Path(cfg.train_dataloader.dataset.data_root)
    for i, (name, row, col) in enumerate((
            ('P0005', 256, 384), ('P0005', 512, 256), ('P0004', 768, 64))):
        cut(source / 'images' / f'{name}.png',
            tmp_path / 'data' / 'images' / f'{i}.png', row, col, 256)
        assert cut_labels(
            source / 'labelTxt' / f'{name}.txt',
            tmp_path / 'data' / 'labelTxt' / f'{i}.txt', row, col,
            256) >= 10
    use(cfg, tmp_path / 'data')
    for loader in ('train', 'val', 'test'):
        cfg[f'{loader}_dataloader'].dataset.diff_thr = 1
    cfg.train_dataloader.batch_size = 3
    assert overfit(cfg, 350, 1e-3)['dota/AP50'] >= 0.8


@pytest.mark.slow
def test_overfit_change(repo_root, real_sample, tmp_path):
    cfg = load('levir', repo_root, real_sample, tmp_path)
    for loader in ('train', 'val', 'test'):
        cfg[f'{loader}_dataloader'].dataset.indices = 4
    assert overfit(cfg, 200, 5e-3)['change/F1'] >= 90


@pytest.mark.slow
def test_overfit_multi_band(repo_root, real_sample, tmp_path):
    cfg = load('sen1floods11', repo_root, real_sample, tmp_path)
    for loader in ('train', 'val', 'test'):
        reader = cfg[f'{loader}_dataloader'].dataset.pipeline[0]
        reader.window = (64, 320, 128, 128)
    cfg.train_dataloader.batch_size = 2
    assert overfit(cfg, 500, 5e-3)['mIoU'] >= 90
