# Copyright (c) mmeo contributors. All rights reserved.
"""Configs of DynamicEarthNet, PASTIS and triplets, run on small trees."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from PIL import Image
from series_trees import dynamic_earthnet_tree, pastis_tree

from mmeo.apis import browse
from mmeo.apis.training import build_runner
from mmeo.datasets.converters import dynamicearthnet
from mmeo.registry import MODELS

ROOT = Path(__file__).resolve().parents[2] / 'configs' / 'skysense_v2'
EARTHNET = sorted(p.stem for p in ROOT.glob('dynamicearthnet/*.py'))
PASTIS = 'skysense-v2-h-mm_upernet_20k_pastis-128'
ARCH = dict(embed_dims=32, depths=(1, 1, 1, 1), head_dim=16, mlp_ratio=1.0)


@pytest.fixture(autouse=True)
def _plain_config_text(monkeypatch):
    # mmengine formats each config several times, for longer than a run takes.
    monkeypatch.setattr(Config, 'pretty_text', property(repr))


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    earthnet = tmp_path_factory.mktemp('dynamicearthnet')
    dynamic_earthnet_tree(earthnet)
    dynamicearthnet.convert(earthnet)
    pastis = tmp_path_factory.mktemp('pastis')
    pastis_tree(pastis, side=32)
    return dict(dynamicearthnet=earthnet, pastis=pastis)


def shrink(name: str, roots: dict, work_dir: Path) -> Config:
    """The same config with a tiny backbone, on patches of 64 or 32 px."""
    path, = ROOT.glob(f'*/{name}.py')
    cfg = Config.fromfile(path)
    widths = [32, 64, 128, 256]
    backbone = cfg.model.backbone
    if 'fusion' in backbone:
        backbone.fusion.update(in_channels=256, embed_dims=32, num_layers=1,
                               num_heads=2)
        widths[-1] += 32
        backbone = backbone.backbone
    else:
        cfg.model.data_preprocessor.size = (64, 64)
        cfg.model.auxiliary_head.update(in_channels=128, channels=16)
        if cfg.model.test_cfg.mode == 'slide':
            cfg.model.test_cfg.update(crop_size=(48, 48), stride=(16, 16))
    backbone.arch = ARCH
    cfg.model.decode_head.update(in_channels=widths, channels=16)
    size = dict(hr=256) if path.parent.name == 'pastis' else dict(s2=16, s1=16)
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = str(roots[path.parent.name])
        for transform in loader.dataset.pipeline:
            if transform.type == 'MultiModalResize':
                transform.size = size
            elif transform.type == 'mmseg.RandomCrop':
                transform.crop_size = (64, 64)
    cfg.train_dataloader.batch_size = 2  # SyncBN on one device
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.visualization.update(
        draw=True, test_out_dir=str(work_dir / 'shown'))
    cfg.work_dir = str(work_dir)
    cfg.log_level = 'ERROR'
    cfg.custom_hooks = []
    return cfg


@pytest.mark.parametrize('name', [*EARTHNET, PASTIS])
def test_train_validate_and_test(name, roots, tmp_path):
    runner = build_runner(shrink(name, roots, tmp_path))
    runner.train()
    assert runner.iter == 2
    scores = runner.test()
    assert 0 <= scores['mIoU'] <= 100 and 0 <= scores['aAcc'] <= 100
    assert ('change/SCS' in scores) == name.endswith('-change')
    batch = next(iter(runner.test_dataloader))
    with torch.no_grad():
        sample, = runner.model.test_step(batch)
    side = 32 if name == PASTIS else 64
    assert sample.pred_sem_seg.data.shape == (1, side, side)
    # One picture each, although files of areas have equal names.
    assert len(list((tmp_path / 'shown').glob('*.png'))) == len(
        runner.test_dataloader.dataset)


def test_absent_sensors_leave_all_parameters_with_a_gradient(roots,
                                                             tmp_path):
    """Several processes wait for each other's gradients in DDP."""
    cfg = shrink(PASTIS, roots, tmp_path)
    cfg.train_dataloader.dataset.folds = (5, )  # no SPOT image
    cfg.model.backbone.fusion.drop_path_rate = 0.0
    runner = build_runner(cfg)
    batch = next(iter(runner.build_dataloader(cfg.train_dataloader, seed=0)))
    assert all('hr' not in sample['inputs'] for sample in batch)
    model = runner.model.train()
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize('name', [EARTHNET[0], PASTIS])
def test_samples_of_several_sensors_can_be_browsed(name, roots, tmp_path):
    cfg = shrink(name, roots, tmp_path)
    files = browse(cfg, output_dir=str(tmp_path / 'seen'), number=2)
    assert len(files) == 2
    with Image.open(files[0]) as picture:
        assert picture.width > picture.height  # panels in a row


def test_steps_of_the_paper_add_one_sensor_each():
    stem = 'skysense-v2-h-mm_upernet_20k_dynamicearthnet-planet'
    seen = []
    for name in (f'{stem}-s2', f'{stem}-s2-s1'):
        cfg = Config.fromfile(ROOT / 'dynamicearthnet' / f'{name}.py')
        seen.append((
            tuple(cfg.train_dataloader.dataset.modalities),
            tuple(cfg.model.backbone.backbone.modalities),
            tuple(cfg.model.data_preprocessor.modalities)))
        with torch.device('meta'):
            model = MODELS.build(cfg.model)
        strides = model.backbone.backbone.apm_modes
        assert strides['hr'] == (True, True, True)
        assert not any(strides['s2'])
    assert seen == [(('hr', 's2'), ) * 3, (('hr', 's2', 's1'), ) * 3]


def test_synthearth_triplets_with_and_without_sentinel(synthearth, tmp_path):
    frames = []
    for suffix in ('', '-hr'):
        name = f'skysense-v2-tiny-mm_upernet_synthearth-triplets{suffix}'
        cfg = Config.fromfile(ROOT / f'synthearth/{name}.py')
        for split in ('train', 'val', 'test'):
            cfg[f'{split}_dataloader'].dataset.data_root = str(synthearth)
        cfg.model.backbone.backbone.arch = ARCH
        cfg.model.backbone.fusion.in_channels = 256
        cfg.model.decode_head.in_channels = [32, 64, 128, 256 + 128]
        cfg.train_cfg.update(max_iters=1, val_interval=2)
        cfg.update(work_dir=str(tmp_path / name), log_level='ERROR')
        runner = build_runner(cfg)
        runner.train()
        assert 0 <= runner.test()['mIoU'] <= 100
        frames.append(sorted(runner.test_dataloader.dataset[0]['inputs']))
    assert frames == [['hr', 's1', 's2'], ['hr']]


# Pairs (`*_align.py`) are left out without both sensors: nothing can be lost.
@pytest.mark.parametrize('path', [
    *(path for path in ROOT.parent.glob('_base_/datasets/*triplets*.py')
      if not path.stem.endswith('_align')),
    *ROOT.glob('pretrain/*.py')], ids=lambda p: p.stem)
def test_samples_that_lack_a_sensor_stay_apart(path):
    cfg = Config.fromfile(path)
    for split in ('train', 'val', 'test'):
        if cfg.get(f'{split}_dataloader'):
            collate = cfg[f'{split}_dataloader'].collate_fn
            assert collate == dict(type='list_collate')
