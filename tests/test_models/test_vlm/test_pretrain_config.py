# Copyright (c) mmeo contributors. All rights reserved.
"""The quick start's pretraining through mmengine's Runner."""

import torch
from mmengine.config import Config
from mmengine.runner import Runner

import mmeo
from mmeo import weights

CONFIG = 'configs/quickstart/vitp-tiny_instruct-pretrain_synthearth.py'


def load_config(root, data, work_dir):
    cfg = Config.fromfile(root / CONFIG)
    cfg = Config(replaced(cfg.to_dict(), cfg.data_root, f'{data}/train'))
    cfg.train_dataloader.batch_size = 2
    cfg.default_hooks.checkpoint.interval = 2
    cfg.work_dir = str(work_dir)
    return cfg


def replaced(value, old, new):
    """Put the test's data folder wherever the config names its own."""
    if isinstance(value, dict):
        return {k: replaced(v, old, new) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(replaced(v, old, new) for v in value)
    return value.replace(old, new) if isinstance(value, str) else value


def test_trains_resumes_and_yields_a_vit(repo_root, synthearth, tmp_path):
    torch.set_num_threads(1)
    cfg = load_config(repo_root, synthearth, tmp_path)
    cfg.train_cfg.max_iters = 2
    Runner.from_cfg(cfg).train()
    cfg = load_config(repo_root, synthearth, tmp_path)
    cfg.train_cfg.max_iters = 3
    cfg.resume = True
    cfg.experiment_name = 'again'
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 3
    path = tmp_path / (tmp_path / 'last_checkpoint').read_text().strip()
    state = weights.unwrap(weights.load(path))
    assert {key.split('.')[0] for key in state} == {
        'vision', 'projector', 'llm'}
    vit = mmeo.build('InternViT', arch='tiny', img_size=224, patch_size=14)
    vit.load_state_dict(weights.convert(state, to='mmeo', family='internvit'))
    assert torch.equal(vit.pos_embed, runner.model.vision.pos_embed)
