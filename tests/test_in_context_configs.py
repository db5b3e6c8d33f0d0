# Copyright (c) mmeo contributors. All rights reserved.
"""Configs of in-context segmentation on data in small."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmeo.datasets.converters import exemplars
from mmeo.datasets.converters.colours import write_png
from mmeo.datasets.converters.rasters import write_tif
from mmeo.errors import ConfigError
from mmeo.registry import DATASETS

ROOT = Path(__file__).resolve().parent.parent
BASES = sorted(
    path.stem.removeprefix('incontext_')
    for path in (ROOT / 'configs/_base_/datasets').glob('incontext_*.py')
    if path.stem not in ('incontext_train', 'incontext_synthearth'))
SAR = ('etci_flood', 'c2s_sar')
RNG = np.random.default_rng(0)
SIZE = 48


def write_split(root, split, name, classes, first, number):
    """Images as the converters write them; blocks of all classes."""
    side = int(np.ceil(np.sqrt(classes)))
    blocks = np.arange(side**2).reshape(side, side) % classes + first
    label = np.kron(blocks, np.ones((SIZE // side + 1, ) * 2))[:SIZE, :SIZE]
    for i in range(number):
        stem = f'{split}-{i}'
        write_png(root / 'ann_dir' / split / f'{stem}.png',
                  label.astype(np.uint8))
        image = root / 'img_dir' / split / stem
        image.parent.mkdir(parents=True, exist_ok=True)
        if name in SAR:
            dtype = np.uint8 if name == 'etci_flood' else np.float32
            values = RNG.uniform(5, 25, (SIZE, SIZE, 2))
            write_tif(f'{image}.tif', (values if dtype == np.uint8 else
                                       -values).astype(dtype), ('VV', 'VH'))
        elif name == 'fbp':
            write_tif(f'{image}.tif', RNG.integers(
                0, 255, (SIZE, SIZE, 4)).astype(np.uint8),
                ('R', 'G', 'B', 'NIR'))
        else:
            picture = RNG.integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)
            Image.fromarray(picture).save(
                f'{image}.{"jpg" if name == "floodnet" else "png"}')


def small(cfg, name, root, number=3):
    """Point a test's data sets at small trees that it makes."""
    sections = cfg.test_dataloader.dataset
    for part in (sections.dataset, sections.exemplars):
        cls = DATASETS.get(part.type)
        # 0 is no data where the reader takes it off.
        first = int(part.type in ('PotsdamDataset', 'VaihingenDataset',
                                  'LoveDADataset',
                                  'FiveBillionPixelsDataset'))
        write_split(root, part.splits[0], name,
                    len(cls.METAINFO['classes']), first, number)
        part.data_root = str(root)
    sections.min_pixels = 4
    return cfg


@pytest.mark.parametrize('name', BASES)
def test_base_reads_what_the_converter_writes(name, tmp_path):
    cfg = Config.fromfile(ROOT / 'configs' / '_base_' / 'datasets' /
                          f'incontext_{name}.py')
    cfg = small(cfg, name, tmp_path)
    data = DATASETS.build(cfg.test_dataloader.dataset)
    assert len(data) == 3 and data.missing == ()
    sample = data[0]
    said = sample['data_samples']
    sensor, bands = ('s1', 2) if name in SAR else ('hr', 3)
    assert said.modality == sensor
    assert set(said.prompt_modalities) == {sensor}
    assert sample['inputs']['target'].shape == (bands, SIZE, SIZE)
    assert len(sample['inputs']['prompts']) == len(said.episode)
    present = set(said.gt_sem_seg.data.unique().tolist()) - {255}
    assert present == set(said.episode)
    assert torch.isfinite(sample['inputs']['target']).all()
    if name != 'etci_flood':  # of which the spread is not known
        assert sample['inputs']['target'].abs().max() < 4
    evaluator = cfg.test_evaluator
    assert set(evaluator.get('exclude', ())) <= set(data.metainfo['classes'])
    assert tuple(evaluator.modes) == ('visual', 'textual', 'fused')
    # Text prompts are words.
    assert all('_' not in path[-1] for path in said.class_paths)


def test_there_is_a_config_of_each():
    found = {path.parent.name for path in (ROOT / 'configs/skysense_vita')
             .rglob('vita-skysense-v1_incontext_*.py')
             if path.parent.name in BASES}
    assert found == set(BASES) and len(BASES) == 10


@pytest.mark.parametrize('path', sorted(
    str(path.relative_to(ROOT)) for name in BASES
    for path in (ROOT / 'configs/skysense_vita' / name).glob('*.py')))
def test_a_config_tests_its_set(path):
    cfg = Config.fromfile(ROOT / path)
    name = Path(path).parent.name
    assert cfg.data_root == f'data/{name}'
    assert cfg.test_dataloader == cfg.val_dataloader
    assert cfg.model.test_cfg == dict(
        modes=('visual', 'textual', 'fused'), crop_size=512, stride=341)
    shots = 1
    if path.endswith('shot.py'):
        shots = int(path.split('-')[-1].removesuffix('shot.py'))
    dataset = cfg.test_dataloader.dataset
    assert dataset.shots == shots
    kind = Path(path).stem.split('-')[-1]
    assert dataset.prompt_kind == (kind if kind in ('box', 'point') else
                                   'mask')
    assert dataset.hierarchy == name
    # The examples come from where the model was trained, or nowhere near
    # the targets.
    assert dataset.exemplars.splits != dataset.dataset.splits
    # Of 64 episodes on 8 GPUs.
    assert 8 * cfg.train_dataloader.batch_size == 64
    assert cfg.train_cfg.max_iters == 10000
    hooks = [hook.type for hook in cfg.custom_hooks]
    assert 'SGAHook' in hooks


def test_examples_of_a_config_in_a_file(tmp_path):
    path = (ROOT / 'configs/skysense_vita/gvlm/'
            'vita-skysense-v1_incontext_gvlm.py')
    small(Config.fromfile(path), 'gvlm', tmp_path, number=5)
    options = {f'test_dataloader.dataset.{part}.data_root': str(tmp_path)
               for part in ('dataset', 'exemplars')}
    out = tmp_path / 'four.json'
    assert exemplars.convert(path, out, shots=4, cfg_options=options) == dict(
        background=4, landslide=4)
    cfg = Config.fromfile(path)
    cfg.merge_from_dict({
        **options, 'test_dataloader.dataset.exemplar_file': str(out)})
    data = DATASETS.build(cfg.test_dataloader.dataset)
    assert len(data[0]['inputs']['prompts']) == 2
    with pytest.raises(ConfigError, match='not an InContextTestDataset'):
        exemplars.convert(ROOT / 'configs/vitp/loveda/'
                          'vitp-l_upernet_80k_loveda-512.py', out)


def test_real_tiles_of_loveda(real_sample, tmp_path):
    """Three tiles are examples for each other; crops show their class."""
    cfg = Config.fromfile(
        ROOT / 'configs/_base_/datasets/incontext_loveda.py')
    section = cfg.test_dataloader.dataset
    folder = real_sample('semseg/loveda')
    section.exemplars.update(data_root=str(folder), splits=())
    section.dataset = dict(
        section.exemplars, pipeline=cfg.load_rgb)
    section.exemplar_policy = 'per_target'
    section.crop_tries = 2
    section.cache_dir = str(tmp_path)
    data = DATASETS.build(section)
    assert len(data) == 3
    for i in range(3):
        sample = data[i]
        said, inputs = sample['data_samples'], sample['inputs']
        assert said.episode == tuple(range(7))
        assert inputs['target'].shape == (3, 1024, 1024)
        assert said.img_path not in said.prompt_paths
        for image, label, (class_id, ) in zip(
                inputs['prompts'], inputs['prompt_labels'],
                said.shot_classes):
            assert image.shape == (3, 512, 512) and label.shape == (512, 512)
            assert (label == class_id).sum() > 16
