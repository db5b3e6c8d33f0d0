# Copyright (c) mmeo contributors. All rights reserved.
"""ViTP's full-size recipe trains, with a small model in place of 1B."""

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.runner import Runner

from mmeo.datasets.instruct_repeats import effective_count
from mmeo.datasets.mixture_dataset import mixture_sources


def write_files(cfg, synthearth, root):
    """Some real SynthEarth dialogues under every name of the mixture."""
    source = synthearth / 'train/instruct/instruct.jsonl'
    lines = source.read_text().splitlines()
    dataset = cfg.train_dataloader.dataset
    for i, part in enumerate(dataset.datasets):
        chosen = [lines[(3 * i + k) % len(lines)] for k in range(25)]
        path = root / part.ann_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('\n'.join(chosen))
        part.data_prefix = dict(img_path=str(synthearth / 'train'))
        part.length = 25
    dataset.data_root = str(root)
    return source


def small(repo_root, name, synthearth, tmp_path):
    cfg = Config.fromfile(repo_root / f'configs/vitp/pretrain/{name}.py')
    corpus = write_files(cfg, synthearth, tmp_path / 'data')
    tokenizer = dict(type='ByteBPETokenizer', corpus=str(corpus),
                     vocab_size=1024)
    tiny = Config.fromfile(repo_root / 'configs/_base_/models/'
                           'internvl_tiny.py').model
    for field in ('token_drop', 'loss_weighting'):
        if field in cfg.model:
            tiny[field] = cfg.model[field]
    cfg.model = ConfigDict(tiny, tokenizer=tokenizer)
    _, tiling, pack = cfg.train_dataloader.dataset.pipeline
    tiling.image_size = 224
    pack.update(tokenizer=tokenizer, tokens_per_tile=64, max_seq_len=2048)
    cfg.train_dataloader.update(batch_size=2, num_workers=0,
                                persistent_workers=False)
    cfg.train_cfg.update(global_batch_size=4, max_iters=2)
    cfg.load_from = None
    cfg.work_dir = str(tmp_path / 'run')
    cfg.default_hooks.checkpoint.interval = 2
    return cfg


@pytest.mark.parametrize('name', [
    'vitp-1b_instruct-pretrain_8k_rs',
    'vitp-1b_instruct-pretrain_8k_rs-released'])
def test_two_steps(repo_root, synthearth, tmp_path, name):
    torch.set_num_threads(1)
    cfg = small(repo_root, name, synthearth, tmp_path)
    expected = sum(effective_count(25, source.repeat) for source in
                   mixture_sources(cfg.train_dataloader.dataset))
    runner = Runner.from_cfg(cfg)
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    assert runner.iter == 2
    assert runner.optim_wrapper.dtype == 'bfloat16'
    assert {p.dtype for p in runner.model.parameters()} == {torch.float32}
    assert len(runner.train_dataloader.dataset) == expected
    # The first step of the warm-up is 1 / 240 or 1 / 1600 of 2e-5.
    rate = runner.optim_wrapper.get_lr()['lr'][0]
    assert rate == pytest.approx(
        2e-5 * 3 / cfg.warmup_iters, rel=0.02)
    after = runner.model.state_dict()
    for part in ('vision', 'projector', 'llm'):
        assert any(not torch.equal(before[k], after[k]) for k in after
                   if k.startswith(part)), part
    log = next((tmp_path / 'run').rglob('*.log')).read_text()
    assert 'a step is 4 samples' in log and 'Mixture:' in log
