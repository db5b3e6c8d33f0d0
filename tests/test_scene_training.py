# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V2's configs of scene classification on real samples.

Of a config only data, size of the network and length of the run change.
"""

import shutil
from pathlib import Path
from typing import Union

import numpy as np
import pytest
import rasterio
import torch
from mmengine.config import Config
from rasterio.transform import from_origin

from mmeo.apis import test as run_test
from mmeo.apis.training import build_runner
from mmeo.datasets.converters.bigearthnet import convert
from mmeo.datasets.scene_benchmarks import AIDDataset
from mmeo.models.backbones.skysense_arch import parse_arch
from mmeo.registry import DATASETS, MODELS

ROOT = Path(__file__).resolve().parent.parent / 'configs' / 'skysense_v2'
CONFIGS = sorted(p for name in ('aid', 'resisc45', 'bigearthnet', 'fmow')
                 for p in (ROOT / name).glob('*.py'))
PATCH = 'S2A_MSIL2A_20170617T113321_36_85'
SMALL = dict(embed_dims=32, depths=(2, 2, 2, 2))
RADAR = 'S1A_IW_GRDH_1SDV_20170616T064605_29UPU_36_85'


def config(name: str, work_dir: Path, epochs: int = 1,
           arch: Union[str, dict] = SMALL) -> Config:
    """A config with a small network, on this machine."""
    width = parse_arch(arch)['embed_dims']
    path, = ROOT.glob(f'*/{name}.py')
    cfg = Config.fromfile(path)
    fused = cfg.model.backbone.type == 'MultiModalEncoder'
    if fused:
        cfg.model.backbone.fusion.update(
            in_channels=8 * width, embed_dims=64, num_layers=2, num_heads=2,
            drop_path_rate=0.0, with_cp=False)
    backbone = cfg.model.backbone.backbone if fused else cfg.model.backbone
    backbone.update(arch=arch, with_cp=False, drop_path_rate=0.0)
    cfg.merge_from_dict({
        'model.head.in_channels': 8 * width + 64 * fused,
        'train_cfg.max_epochs': epochs,
        'train_cfg.val_interval': epochs,
        'default_hooks.checkpoint.interval': 10**6,
        'default_hooks.checkpoint.save_last': False,
        'default_hooks.logger.interval': 1,
        'optim_wrapper.optimizer.lr': 3e-4,
        'param_scheduler': [],
        'work_dir': str(work_dir)
    })
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
    return cfg


def losses(runner) -> list[float]:
    history, _ = runner.message_hub.get_scalar('train/loss').data
    return [float(value) for value in history]


def shrink(pipeline: list, size: int) -> None:
    """Other sizes of crops and resized images."""
    for step in pipeline:
        kind = step['type'].split('.')[-1]
        if kind in ('RandomResizedCrop', 'ResizeEdge'):
            step.scale = size
        if kind == 'Resize':
            step.scale = (size, size)
        if kind == 'MultiModalResize':
            step.size = dict(s2=size, s1=size)
        if kind == 'CenterCrop':
            step.crop_size = size


def datasets_of(cfg: Config) -> dict:
    found = {}
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        found[split] = dataset.get('dataset', dataset)
    return found


# -- RGB -----------------------------------------------------------------
@pytest.fixture
def rsscn7(request, real_sample, tmp_path: Path) -> Config:
    """The config of AID, which reads the seven classes of RSSCN7."""
    cfg = config('skysense-v2-h_linear_200e_aid20-224', tmp_path, epochs=6,
                 arch=getattr(request, 'param', SMALL))
    cfg.model.head.num_classes = 7
    for dataset in datasets_of(cfg).values():
        dataset.update(type='SceneDataset', split=None,
                       data_root=str(real_sample('scene/rsscn7')))
        shrink(dataset.pipeline, 64)
    shrink(cfg.tta_pipeline, 64)
    cfg.train_dataloader.batch_size = 14
    return cfg


@pytest.mark.parametrize('rsscn7', [
    pytest.param(SMALL, id='small'),
    pytest.param('tiny', id='tiny', marks=pytest.mark.slow)
], indirect=True)
def test_rsscn7_is_learned(rsscn7: Config) -> None:
    runner = build_runner(rsscn7)
    runner.train()
    found = losses(runner)
    assert len(found) == 18
    assert np.mean(found[-3:]) < 0.8 * np.mean(found[:3])
    accuracy = runner.message_hub.get_scalar('val/accuracy/top1').current()
    assert accuracy > 30  # a guess is 14


def test_test_with_flips_and_pictures(rsscn7: Config) -> None:
    for split in ('val', 'test'):
        rsscn7[f'{split}_dataloader'].dataset.indices = 6
    path = Path(rsscn7.work_dir) / 'small.py'
    rsscn7.dump(path)
    metrics = run_test(path, None, tta=True, show_dir='shown',
                       work_dir=rsscn7.work_dir)
    assert 0 <= metrics['accuracy/top1'] <= metrics['accuracy/top5'] <= 100
    pictures = sorted((Path(rsscn7.work_dir) / 'shown').glob('*.png'))
    assert [p.stem for p in pictures] == ['a033', 'a061', 'a069', 'a131',
                                          'a292', 'a392']


# -- BigEarthNet ---------------------------------------------------------
@pytest.fixture
def bigearthnet(real_sample, tmp_path: Path) -> Path:
    """The real patch, converted, with a made radar image."""
    shutil.copytree(real_sample('ms_sar/bigearthnet_v1_tiny'),
                    tmp_path / 's2')
    rng = np.random.default_rng(0)
    for band, level in (('VV', -11), ('VH', -18)):
        path = tmp_path / 's1' / RADAR / f'{RADAR}_{band}.tif'
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.open(
                path, 'w', driver='GTiff', count=1, height=120, width=120,
                dtype='float32', crs='EPSG:32629',
                transform=from_origin(643200, 5798040, 10, 10)) as dst:
            dst.write(rng.normal(level, 2, (1, 120, 120)).astype('float32'))
    (tmp_path / 'list.csv').write_text(f'{PATCH},{RADAR}\n')
    convert(tmp_path / 's2', tmp_path / 'data',
            {split: tmp_path / 'list.csv' for split in (
                'train', 'val', 'test')}, s1_root=tmp_path / 's1')
    return tmp_path / 'data'


@pytest.mark.parametrize('name', [
    'skysense-v2-h_multilabel-linear_100e_bigearthnet10-s2-128',
    pytest.param('skysense-v2-h_multilabel-linear_30e_bigearthnet100-s1-128',
                 marks=pytest.mark.slow),
    'skysense-v2-h-mm_multilabel-linear_30e_bigearthnet100-s2-s1-128',
])
def test_bigearthnet_is_learned(name: str, bigearthnet: Path,
                                tmp_path: Path) -> None:
    cfg = config(name, tmp_path / 'work', epochs=12)
    cfg.optim_wrapper.optimizer.lr = 2e-3
    for dataset in datasets_of(cfg).values():
        dataset.data_root = str(bigearthnet)
        shrink(dataset.pipeline, 32)
    cfg.train_dataloader.batch_size = 1
    runner = build_runner(cfg)
    runner.train()
    found = losses(runner)
    assert len(found) == 12
    assert found[-1] < 0.5 * found[0]
    hub = runner.message_hub
    # The two classes of the only patch lead all others.
    assert hub.get_scalar('val/multi-label/mAP_micro').current() == 100


# -- all configs ---------------------------------------------------------
@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_classes_bands_and_sizes_fit(path: Path) -> None:
    """Head, tokenizer and dataset agree, in all splits."""
    cfg = Config.fromfile(path)
    for dataset in datasets_of(cfg).values():
        classes = DATASETS.get(dataset.type).METAINFO['classes']
        assert cfg.model.head.num_classes == len(classes)
        if cfg.model.backbone.type == 'MultiModalEncoder':
            sensors = cfg.model.backbone.backbone.modalities
            assert dataset.modalities == sensors == tuple(
                dataset.pipeline[0].sources)
            continue
        loads = [step for step in dataset.pipeline
                 if step.type in ('LoadRaster', 'NormalizeBands')]
        sensor = cfg.model.backbone.modality
        if sensor == 'hr':
            assert not loads and cfg.model.data_preprocessor.to_rgb
        else:
            assert loads[1].preset == sensor
            assert dataset.get('modalities', 's2') == sensor
            assert cfg.model.data_preprocessor.mean is None
    assert cfg.auto_scale_lr.base_batch_size == \
        8 * cfg.train_dataloader.batch_size


@pytest.mark.parametrize('name', [p.stem for p in CONFIGS
                                  if p.stem.endswith('-frozen')])
def test_frozen_configs_train_the_head_alone(name: str,
                                             tmp_path: Path) -> None:
    cfg = config(name, tmp_path)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    if '-mm_' in name:  # with what joins the sensors
        trained = {n for n in trained if not n.startswith(
            ('backbone.fusion.', 'backbone.mixes.'))}
    assert trained == {'head.fc.weight', 'head.fc.bias'}


def test_fmow_pipelines(tmp_path: Path) -> None:
    """13 bands in, ten standardised bands of 96 px out, NaN or not."""
    cfg = config('skysense-v2-h_linear_30e_fmow-s2-96', tmp_path)
    rng = np.random.default_rng(0)
    for split in ('train', 'val'):
        path = tmp_path / split / 'zoo' / 'zoo_1' / 'zoo_1_0.tif'
        path.parent.mkdir(parents=True)
        with rasterio.open(
                path, 'w', driver='GTiff', count=13, height=41, width=57,
                dtype='uint16', crs='EPSG:4326',
                transform=from_origin(0, 0, 1e-4, 1e-4)) as dst:
            dst.write(rng.integers(300, 4000, (13, 41, 57), dtype='uint16'))
        (tmp_path / f'{split}.csv').write_text(
            'category,location_id,image_id\nzoo,1,0\n')
    for dataset in datasets_of(cfg).values():
        built = DATASETS.build(dict(dataset, data_root=str(tmp_path)))
        item = built[0]
        assert item['inputs'].shape == (10, 96, 96)
        assert item['inputs'].abs().max() < 10
        assert item['data_samples'].gt_label.tolist() == [61]


def test_aid_reads_its_shipped_split(tmp_path: Path) -> None:
    cfg = config('skysense-v2-h_linear_200e_aid50-224', tmp_path)
    sizes = {}
    for split, dataset in datasets_of(cfg).items():
        built = DATASETS.build(dict(dataset, data_root=str(tmp_path),
                                    check_files=False))
        assert isinstance(built, AIDDataset)
        sizes[split] = len(built)
    assert sizes == dict(train=5000, val=5000, test=5000)
