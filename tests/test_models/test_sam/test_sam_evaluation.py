# Copyright (c) mmeo contributors. All rights reserved.
"""Shipped configs of the SAM series run through ``tools/test.py``'s path."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from small_sam import CONFIGS, make_sam

from mmeo.apis import test as run_test
from mmeo.apis.arguments import test_arguments as options_of_test
from mmeo.datasets.converters.colours import write_png
from mmeo.models.sam import SAMModel

HERE = 'configs/skysense_vita/sam'


@pytest.fixture(scope='module')
def potsdam(tmp_path_factory) -> Path:
    """Two tiles with some of the classes."""
    root = tmp_path_factory.mktemp('potsdam')
    rng = np.random.default_rng(0)
    for number in range(2):
        label = np.full((64, 80), 255, np.uint8)
        label[4:20, 4:30], label[30:50, 10:70] = 1, 2
        label[52:60, 5:9 + 4 * number] = 4
        name = f'2_1{number}_0_0_64_80.png'
        write_png(root / 'img_dir/test' / name,
                  rng.integers(0, 255, (64, 80, 3), np.uint8))
        write_png(root / 'ann_dir/test' / name, label)
    return root


@pytest.mark.parametrize('name, kind', [
    ('sam-vit-h', ''), ('sam2-hiera-l', '-point')])
def test_config_runs(name: str, kind: str, repo_root: Path, potsdam: Path,
                     tmp_path: Path) -> None:
    cfg = Config.fromfile(
        repo_root / HERE / f'{name}_intra-image_potsdam{kind}.py')
    series = cfg.model.sam.type
    make_sam(series).model.save_pretrained(tmp_path / 'weights')
    cfg.model.sam = dict(type=series, model=str(tmp_path / 'weights'),
                         config=CONFIGS[series])
    loader = cfg.test_dataloader
    loader.num_workers = 0
    loader.persistent_workers = False
    loader.dataset.dataset.data_root = str(potsdam)
    metrics = run_test(cfg, None, work_dir=str(tmp_path / 'out'))
    assert 0 <= metrics['visual/mIoU'] <= 100
    assert metrics['visual/absent'] == 2  # of five classes
    assert not any(key.startswith('textual') for key in metrics)


def test_the_word_none_is_no_checkpoint() -> None:
    parser = options_of_test()
    assert parser.parse_args(['c.py', 'none']).checkpoint is None
    assert parser.parse_args(['c.py', 'a.pth']).checkpoint == 'a.pth'


# Of SAM 2.1's 224.4 million 7.5 remember the frames of a video.
@pytest.mark.parametrize('name, millions', [
    ('sam-vit-h', 641.09), ('sam2-hiera-l', 216.9)])
def test_sizes_are_those_of_the_released_models(
        name: str, millions: float, repo_root: Path) -> None:
    cfg = Config.fromfile(
        repo_root / HERE / f'{name}_intra-image_isaid.py').model.sam
    with torch.device('meta'):
        sam = SAMModel(cfg.type, config=cfg.config.to_dict())
    count = sum(p.numel() for p in sam.model.parameters()) / 1e6
    assert count == pytest.approx(millions, abs=.1)
